"""The stages of a run: what its `[[stage]]` tables ask for, carried out on its labels, each in a folder of its own."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from weaklabel.comparers import comparer_hash
from weaklabel.config import LoadedConfig
from weaklabel.errors import ConfigError, UnknownNameError
from weaklabel.pipeline.functions import configured_lfs
from weaklabel.pipeline.run import Run
from weaklabel.stages.contract import Round, StageResult
from weaklabel.stages.materials import Materials
from weaklabel.stages.registry import StageTable, check_tables
from weaklabel.stages.rounds import carry_out
from weaklabel.stages.superhf.frontier import Frontier, frontier_of
from weaklabel.stages.superhf.settings import SuperHFSettings


def stage_tables(loaded: LoadedConfig) -> list[StageTable]:
    """The `[[stage]]` tables of the settings, in their order."""
    return check_tables(list(loaded.config.stage))


def chosen_table(
    loaded: LoadedConfig,
    kind: str,
    name: str | None,
    given: Mapping[str, Any],
    sets: Mapping[str, Any] | None = None,
) -> StageTable:
    """The table that a command of this kind is about, with what the command was given on top.

    Args:
        kind: of the command.
        name: of the stage; None takes the only one of that kind, or one that the settings do not have.
        given: settings; they hold against the table's.
        sets: further ones, which hold against both; of a table in them, such as `audit`, the rest stays.

    Raises:
        ConfigError: several tables of that kind and no name, another kind or the name of another table, or settings that do
            not fit.
        UnknownNameError: a name that no table of that kind has.
    """
    sets = {} if sets is None else sets
    if sets.get("kind", kind) != kind:
        raise ConfigError(f"stage.kind is {sets['kind']!r}, and the command is about {kind}. Leave it out.")
    tables: list[dict[str, Any]] = [table for table in loaded.config.stage if table["kind"] == kind]
    names = [table.get("name", kind) for table in tables]
    if name is not None and names and name not in names:
        raise UnknownNameError.for_name(f"[[stage]] of kind {kind}", name, names)
    if name is None and len(tables) > 1:
        raise ConfigError(
            f"there are {len(tables)} [[stage]] tables of kind {kind}. Say which with --stage: {', '.join(names)}."
        )
    table = (
        tables[names.index(name) if name in names else 0] if tables else {"kind": kind, "name": name or kind}
    )
    others = {each.get("name", each["kind"]) for each in loaded.config.stage if each is not table}
    # A model and a size exclude each other: the command's holds.
    for one, other in (("model", "from_scratch"), ("from_scratch", "model")):
        if given.get(one, sets.get(one)) is not None:
            table = {key: value for key, value in table.items() if key != other}
    made = StageTable.of(_merged({**table, **given}, sets))
    if made.name in others:
        raise ConfigError(
            f"stage {kind}: another [[stage]] table is called {made.name!r}. Choose another name."
        )
    return made


def _merged(table: Mapping[str, Any], sets: Mapping[str, Any]) -> dict[str, Any]:
    """The table with what `sets` say of it, and of the tables in it."""
    found = dict(table)
    for name, value in sets.items():
        inner = found.get(name)
        if isinstance(value, Mapping) and isinstance(inner, Mapping):
            value = _merged(inner, value)
        found[name] = value
    return found


def carry_out_stage(
    run: Run, table: StageTable, *, on_round: Callable[[Round], None] = lambda made: None
) -> StageResult:
    """One stage of a run, in the folder of its name.

    Raises:
        WeaklabelError: what its rounds raise. Whole rounds stay.
    """
    return carry_out(table.stage(materials_of(run)), run.folder / table.name, on_round=on_round)


def carry_out_frontier(
    run: Run,
    table: StageTable,
    setting: str,
    values: Sequence[float],
    seeds: Sequence[int],
    *,
    told: Callable[[str], None] = lambda line: None,
) -> Frontier:
    """The stage `superhf` of a run at several values of a setting, in a folder beside the stage's own.

    Raises:
        WeaklabelError: as for `frontier_of`. Arms that are whole stay.
    """
    settings = table.settings
    assert isinstance(settings, SuperHFSettings)
    materials = materials_of(run)
    return frontier_of(
        lambda some: replace(table, settings=some).stage(materials),
        settings,
        run.folder / f"{table.name}-frontier",
        setting=setting,
        values=values,
        seeds=seeds,
        told=told,
    )


def materials_of(run: Run) -> Materials:
    """What a stage can draw on in a run; nothing is made before it is asked for."""
    return Materials(
        labels=lambda: run.labels_file,
        lfs=lambda: configured_lfs(run.loaded),  # none is no mistake: a stage that is given data needs none
        comparer=lambda: run.labeler,
        comparer_hash=lambda made: comparer_hash(run.folder / "labeler"),
        resolve=lambda path: _resolved(run.loaded, path),
        store=lambda path: run.folder / "reference" if path is None else Path(run.loaded.resolve(path)),
    )


def _resolved(loaded: LoadedConfig, path: str) -> str:
    """A path of the settings as seen from the working folder; what names no file there stays: a model of the hub."""
    found = loaded.resolve(path)
    return found if os.path.exists(found) or path.startswith(("/", "./", "../", "~")) else path
