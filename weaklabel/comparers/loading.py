"""Comparers by name: `load` for what was saved in a folder, `open_comparer` for what a setting names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from weaklabel.artifacts import content_hash, file_hash
from weaklabel.errors import ArtifactError, ConfigError
from weaklabel.lf.core import LabelingFunction
from weaklabel.types import Comparer

if TYPE_CHECKING:
    from weaklabel.comparers.evaluator import Evaluator
    from weaklabel.labeler import Labeler
    from weaklabel.reward import RewardModel


def load(
    folder: str | Path, lfs: Sequence[LabelingFunction] = (), *, allow_changed: bool = False
) -> Labeler | RewardModel | Evaluator:
    """The labeler, reward model or evaluator saved in `folder`; each answers `compare(pairs)`.

    A run folder (`runs/base`) stands for the labeler in it. What is saved is data: loading it runs no code, contacts
    no server and reads no secret that it names.

    Args:
        folder: where it was saved.
        lfs: functions of yours, among which those that it reads are found by name and hash; see `Labeler.load`.
        allow_changed: take a function although it is another version than the one that it was fitted with.

    Raises:
        ArtifactError: when there is none, or it is torn; when it needs functions that were not given, or that
            changed.
    """
    if (path := labeler_in(folder)) is not None:
        from weaklabel.labeler import Labeler

        return Labeler.load(path, lfs, allow_changed=allow_changed)
    if is_evaluator(folder):
        from weaklabel.comparers.evaluator import Evaluator

        return Evaluator.load(folder)
    if (Path(folder) / "manifest.json").is_file():
        from weaklabel.reward import load_reward

        return load_reward(folder, lfs, allow_changed=allow_changed)
    raise ArtifactError(
        f"{folder} holds no labeler, reward model or evaluator. Name a folder such as runs/base/labeler or "
        "runs/base/reward."
    )


def open_comparer(
    name: str, lfs: Sequence[LabelingFunction] = (), *, allow_changed: bool = False
) -> Comparer:
    """The comparer that a setting names.

    Args:
        name: a folder with a labeler, reward model or evaluator (or a run); `people:questions.jsonl` for people; `module:function`
            or `file.py:function` for a checker of responses, whose code is run.
        lfs, allow_changed: as for `load`.

    Raises:
        ConfigError: a name of none of these forms.
        ArtifactError: a folder that holds no comparer, or a torn one.
        DiscoveryError, UnknownNameError: a checker that does not load.
    """
    from weaklabel.comparers.checker import Checker
    from weaklabel.comparers.people import People

    kind, _, rest = name.partition(":")
    if _is_folder(name):
        return load(name, lfs, allow_changed=allow_changed)
    if kind == "people" and rest:
        return People(rest)
    if rest:
        return Checker.named(name).comparer()
    raise ConfigError(
        f"comparer {name!r}: there is no such folder. Allowed: a folder with a labeler, reward model or evaluator, "
        "people:FILE.jsonl, or module:function."
    )


def comparer_hash(name: str | Path) -> str:
    """The hash by which a comparer that a setting names is known again: of a folder by its files, of a checker by its code.

    Args:
        name: as for `open_comparer`. People are known by the name of their file: what they answer later changes nothing else.
    """
    from weaklabel.comparers.checker import Checker

    kind, _, rest = str(name).partition(":")
    if _is_folder(str(name)):
        inside = labeler_in(name) or Path(name)
        files = sorted(file for file in inside.rglob("*") if file.is_file() and file.name != "README.md")
        return content_hash(
            *(part for file in files for part in (str(file.relative_to(inside)), file_hash(file)))
        )
    if kind == "people" and rest:
        return content_hash("people", Path(rest).name)
    return Checker.named(str(name)).code_hash()


def object_hash(comparer: object) -> str:
    """The hash by which a comparer of Python is known again: of its class, and of its `identity` where it has one."""
    return content_hash(
        type(comparer).__module__, type(comparer).__qualname__, str(getattr(comparer, "identity", ""))
    )


def _is_folder(name: str) -> bool:
    try:
        return Path(name).is_dir()
    except (OSError, ValueError):  # a name that no folder can have
        return False


def labeler_in(folder: str | Path) -> Path | None:
    """The folder of the labeler that `folder` is or, as a run, holds; None where there is none."""
    inside = (Path(folder) / "labeler", Path(folder))
    return next((path for path in inside if (path / "labeler.json").is_file()), None)


def is_evaluator(folder: str | Path) -> bool:
    """Whether `folder` holds an evaluator, by its manifest."""
    from weaklabel.reward.saved import read_manifest

    manifest = Path(folder) / "manifest.json"
    return manifest.is_file() and read_manifest(Path(folder)).get("kind") == "evaluator"


def reads_functions(folder: str | Path) -> bool:
    """Whether what is saved in `folder` needs labeling functions to answer: a labeler, or a reward model of them."""
    if labeler_in(folder) is not None:
        return True
    if not (Path(folder) / "manifest.json").is_file() or is_evaluator(folder):
        return False
    from weaklabel.reward.registry import saved_class

    return saved_class(folder).takes_functions
