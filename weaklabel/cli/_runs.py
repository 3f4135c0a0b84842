"""The run that a command is about: its settings and where they came from, what it keeps of them, and who may change it.

One rule for every command. A setting is the command's own option; else what weaklabel.toml says; else what an earlier
command was given for this run; else the default. Commands that make something keep what they were given, once they have
ended well. Commands that only look keep nothing, and with settings of their own they work on a copy.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from weaklabel._paths import check_name, expanded
from weaklabel.cli._common import note, results_only, show_step
from weaklabel.cli.main import ON_SUCCESS

if TYPE_CHECKING:
    from weaklabel.config import LoadedConfig
    from weaklabel.pipeline import Run

# Option -> dotted key of the settings that it overrides.
_KEYS: Final = {
    "pairs": "data.pairs",
    "gold": "data.gold",
    "layout": "data.layout",
    "columns": "data.columns",
    "test_share": "data.test_share",
    "max_gold": "data.max_gold",
    "near_duplicates": "data.near_duplicates",
    "seed": "data.seed",
    "lfs": "lfs.use",
    "workers": "lfs.workers",
    "time_limit": "lfs.time_limit",
    "max_fault_share": "lfs.max_fault_share",
    "memory_limit": "lfs.memory_limit",
    "executor": "lfs.executor",
    "address": "lfs.address",
    "model": "labeler.model",
    "calibration": "labeler.calibration",
    "reward_model": "reward.model",
    "allow_uncalibrated": "reward.allow_uncalibrated",
}
_PATHS: Final = ("data.pairs", "data.gold", "lfs.use")
NOT_KEPT: Final = "weaklabel.not_kept"
# How votes are worked out, which changes nothing in them: no setting of the run.
_HOW: Final = ("lfs.workers", "lfs.memory_limit", "lfs.executor", "lfs.address")


@dataclass(frozen=True)
class _Asked:
    """What a command was given: options by dotted key, their paths as seen from the project's folder; and a file."""

    options: Mapping[str, Any]
    sets: tuple[str, ...]
    file: Path | None

    @property
    def settings(self) -> dict[str, Any]:
        from weaklabel.config import given_settings

        return given_settings(self.sets, self.options)

    def load(self, kept: Mapping[str, tuple[Any, str]] | None = None) -> LoadedConfig:
        from weaklabel.config import load_config

        return load_config(self.file, sets=self.sets, options=self.options, kept=kept)


def _enter(options: Mapping[str, Any]) -> _Asked:
    """What was asked for, seen from the project's folder, which becomes the working folder until the command ends."""
    results_only()
    root, file = root_of(options), options.get("config_file")
    given = rebased(_given(options), root)
    file = None if file is None else file.resolve()
    os.chdir(root)
    return _Asked(given, tuple(options.get("sets", ())), file)


def load_settings(options: Mapping[str, Any]) -> LoadedConfig:
    """The settings in force for the options of a command that is about no run.

    The project's folder becomes the working folder (until the command ends), so that paths in the file, in
    saved labelers and in messages all count from there. Paths in options are turned accordingly.
    """
    return _enter(options).load()


def run_settings(options: Mapping[str, Any]) -> LoadedConfig:
    """The settings in force for a run that is looked at, with what it keeps; lines on stderr say what that is.

    Raises:
        UnknownNameError: a run is named that does not exist.
    """
    return _of_run(options, _enter(options), must_exist=True)


def open_run(options: Mapping[str, Any], *, must_exist: bool = False) -> Run:
    """The run that a command makes something of, with steps and progress shown on stderr.

    What the command was given is kept for the run's next commands once it has ended well: a mistyped option must
    not come back. Settings whose keys begin with what stands under `NOT_KEPT` in click's `meta` are left out.

    Raises:
        UnknownNameError: a run is named that does not exist, and `must_exist`.
    """
    asked, context = _enter(options), click.get_current_context()
    run = _run(options, _of_run(options, asked, must_exist=must_exist))
    by = context.command_path.partition(" ")[2]

    def keep() -> None:
        from weaklabel.pipeline.runs import keep_settings

        left_out = context.meta.get(NOT_KEPT, ())
        given = {
            key: value
            for key, value in asked.settings.items()
            if key not in _HOW and not key.startswith(left_out)
        }
        keep_settings(run, given, by=f"weaklabel {by}", forget=bool(options.get("forget")))

    context.meta[ON_SUCCESS] = keep
    return run


def look_at_run(options: Mapping[str, Any]) -> Run:
    """The run that a command looks at: it keeps nothing of its options.

    With settings of its own it looks at a copy, whose steps are made where the settings want it, and which is gone
    when the command ends.

    Raises:
        UnknownNameError: a run is named that does not exist.
    """
    from weaklabel.pipeline.runs import copy_to_look_at

    asked = _enter(options)
    loaded = _of_run(options, asked, must_exist=True)
    if not asked.settings.keys() - set(_HOW):
        return _run(options, loaded)
    copy = copy_to_look_at(loaded.run_folder(options.get("name")), loaded.store_folder)
    return _run(options, loaded, click.get_current_context().with_resource(copy))


def _of_run(options: Mapping[str, Any], asked: _Asked, *, must_exist: bool = False) -> LoadedConfig:
    from weaklabel.pipeline.runs import check_exists, kept_settings

    loaded, name = asked.load(), options.get("name")
    folder = loaded.run_folder(name)
    if must_exist and name is not None:
        check_exists(loaded, name)
    kept = {} if options.get("forget") else kept_settings(folder)
    if not kept:
        return loaded
    loaded = asked.load({key: (each.value, f"run {folder.name} ({each.by})") for key, each in kept.items()})
    drop = f"To drop that: weaklabel config --name {folder.name} --forget"
    given = asked.settings
    holding = {k: each.value for k, each in kept.items() if k not in given and k not in loaded.overruled}
    if holding:
        note(f"run {folder.name} keeps {_shown(holding)}. {drop}")
    if loaded.overruled:
        theirs = _shown({key: run for key, (run, _) in loaded.overruled.items()})
        ours = _shown({key: file for key, (_, file) in loaded.overruled.items()})
        file = "the file" if loaded.file is None else loaded.file.name
        note(f"run {folder.name} was given {theirs}; {file} says {ours}, which is taken. {drop}")
    return loaded


def _shown(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items())


def _run(options: Mapping[str, Any], loaded: LoadedConfig, folder: Path | None = None) -> Run:
    from weaklabel.pipeline import Run

    return Run(
        loaded,
        options.get("name"),
        folder=folder,
        on_step=show_step,
        on_note=note,
        wait=bool(options.get("wait")),
        # Of the outermost command: what it was given is kept after the inner one has ended, and under the same lock.
        until=click.get_current_context().find_root().with_resource(ExitStack()),
    )


def root_of(options: Mapping[str, Any]) -> Path:
    from weaklabel.config import find_config

    file = options.get("config_file") or find_config()
    root = (file.parent if file else Path()).resolve()
    check_name(str(root), "the project's folder")
    return root


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    found = {
        _KEYS[name]: value for name, value in options.items() if name in _KEYS and value not in (None, ())
    }
    if "data.pairs" in found and len(found["data.pairs"]) == 1:
        found["data.pairs"] = found["data.pairs"][0]
    return {key: list(value) if isinstance(value, tuple) else value for key, value in found.items()}


def rebased(given: Mapping[str, Any], root: Path) -> dict[str, Any]:
    """Options with paths that count from the working folder, written as the file would: from its own folder."""
    from weaklabel.lf.sources.kinds import kind_of

    here = Path.cwd().resolve()
    if here == root.resolve():
        return dict(given)

    def turned(path: str) -> str:
        if path.startswith("hf:"):
            return path
        path = expanded(path, "a path")
        return path if os.path.isabs(path) else os.path.relpath(here / path, root)

    def rebased_value(key: str, value: Any) -> Any:
        if key not in _PATHS:
            return value
        if isinstance(value, list):
            return [rebased_value(key, item) for item in value]
        return kind_of(value).moved(value, turned) if key == "lfs.use" else turned(value)

    return {key: rebased_value(key, value) for key, value in given.items()}
