"""The rounds of a stage on a disk: `carry_out` makes those that are missing, `read_rounds` looks at those that are there."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from weaklabel import artifacts
from weaklabel.artifacts.locks import PATIENCE, FolderLock
from weaklabel.errors import ArtifactError
from weaklabel.stages.contract import AUDIT, ROUNDS, Round, Stage, StageResult, rounded, scratch
from weaklabel.types.result import json_values

_ROUND: Final = "round.json"
_PART: Final = ".part"
_BEGINNING: Final = (_ROUND, "run.json", "log.jsonl")
_TRAINED_WITH: Final = ("torch", "transformers", "tokenizers", "peft")


def carry_out(
    stage: Stage,
    folder: str | Path,
    *,
    on_round: Callable[[Round], None] = lambda made: None,
    patience: float = PATIENCE,
) -> StageResult:
    """Make the rounds of a stage that are not there yet. Called again after a kill, it goes on.

    Args:
        stage: which rounds, and how they are made.
        folder: the stage's own.
        on_round: told of each round that was made, or found whole.
        patience: seconds to wait for another process that is at work in the folder.

    Raises:
        ArtifactError: the folder holds another stage's rounds, rounds made of something else, or rounds that were
            changed since.
        BusyError: another process is at work in the folder.
        WeaklabelError: what a round raises. What was whole stays.
    """
    folder = Path(folder)
    with FolderLock(folder, patience=patience):
        wanted = _about(stage)
        rounds, last = _whole(folder, wanted)
        for made in rounds[: stage.n_rounds]:
            on_round(made)
        _write_rounds(folder, last or wanted, rounds)
        while len(rounds) < stage.n_rounds:
            made, last = _made(stage, folder, wanted, rounds, str(last.get("seal", "")))
            rounds.append(made)
            _write_rounds(folder, last, rounds)
            on_round(made)
    return StageResult(stage.kind, folder, tuple(rounds), tuple(dict.fromkeys(stage.notes)), stage.shown)


def _about(stage: Stage) -> dict[str, Any]:
    about = artifacts.manifest(
        f"stage:{stage.kind}", inputs=stage.inputs, settings=json_values(stage.settings)
    )
    about["versions"] |= artifacts.versions(_TRAINED_WITH)
    return dict(json.loads(json.dumps(about)))  # as it will be read back: lists for tuples


def _made(
    stage: Stage, folder: Path, wanted: Mapping[str, Any], rounds: Sequence[Round], before: str
) -> tuple[Round, dict[str, Any]]:
    """The next round, and its manifest; `before` is the seal of the one that it rests on."""
    number = len(rounds)
    target = _folder_of(folder, number)
    work = target.with_name(target.name + _PART)
    about = _begun(work, {**wanted, "round": number, "before": before})
    if not artifacts.is_sealed(about):
        made = stage.make_round(number, work, rounds)
        about |= {"figures": {name: rounded(value) for name, value in made.items()}}
        about = artifacts.sealed(about | {"files": _hashes(work)})
        artifacts.write_json(work / _ROUND, about)
    # What follows can be done again: a round that is sealed is not made a second time.
    shutil.rmtree(scratch(work), ignore_errors=True)
    artifacts.rename_whole(work, target)
    return Round(number, target, about["figures"]), about


def _begun(work: Path, made_of: dict[str, Any]) -> dict[str, Any]:
    """What a killed try left of this round, or its beginning; what is of another round is removed."""
    try:
        about = artifacts.read_json(work / _ROUND)
        if not _differing(about, made_of) and (
            not artifacts.is_sealed(about) or _changed(work, about["files"]) is None
        ):
            if not artifacts.is_sealed(about):
                artifacts.remove_temporaries(work)  # or they would be files of the round
            return dict(about)
    except ArtifactError:
        pass
    shutil.rmtree(work, ignore_errors=True)
    artifacts.write_json(work / _ROUND, made_of)
    return made_of


def _hashes(work: Path) -> dict[str, str]:
    """Of every file of a round that stays."""
    own = work / _ROUND, scratch(work)
    files = (path for path in sorted(work.rglob("*")) if path.is_file())
    kept = (path for path in files if not any(path == each or each in path.parents for each in own))
    return {path.relative_to(work).as_posix(): artifacts.file_hash(path) for path in kept}


def _whole(folder: Path, wanted: Mapping[str, Any]) -> tuple[list[Round], dict[str, Any]]:
    """The rounds that are whole, made of what is wanted, one resting on the other; and the manifest of the last.

    Raises:
        ArtifactError: one of something else, one that was changed, or one that rests on a round that is no longer there.
    """
    if (folder / ROUNDS).is_file() and _holds_work(folder):
        _check_same(folder, artifacts.read_json(folder / ROUNDS), wanted)
    rounds: list[Round] = []
    last: dict[str, Any] = {}
    while (target := _folder_of(folder, len(rounds))).is_dir():
        about = artifacts.read_json(target / _ROUND)
        if not isinstance(about, dict) or not artifacts.is_sealed(about):
            raise ArtifactError(f"{target / _ROUND} is not as it was written. {_put_back(target)}")
        _check_same(folder, about, wanted)
        if about["before"] != last.get("seal", ""):
            raise ArtifactError(f"{target} rests on another round before it. {_put_back(target)}")
        if changed := _changed(target, about["files"]):
            raise ArtifactError(f"{target / changed} is not as it was written. {_put_back(target)}")
        rounds.append(Round(about["round"], target, about["figures"]))
        last = about
    later = [path for path in folder.glob("round-[0-9]*") if path.name[6:].isdigit()]
    if extra := sorted(set(later) - {made.folder for made in rounds}):
        raise ArtifactError(f"{extra[0]} stands there without the round before it. {_put_back(extra[0])}")
    return rounds, last


def _holds_work(folder: Path) -> bool:
    """Whether there is anything to lose: a round, or more of one that was begun than its beginning and a look at it.

    A try that was refused, or that ran out of memory before its first checkpoint, leaves nothing that is missed. Samples that were
    drawn for a comparer that fails are work: another comparer can have them (`samples_dir`), and nobody removes them unasked.
    """
    files = (path.relative_to(folder) for path in folder.glob("round-*/**/*") if path.is_file())
    return any(path.name not in _BEGINNING and AUDIT not in path.parts for path in files)


def _put_back(target: Path) -> str:
    return f"Put it back, or remove {target} and the rounds after it to make them again."


def _check_same(folder: Path, about: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    if differing := _differing(about, wanted):
        raise ArtifactError(
            f"{folder} holds rounds, whole or begun, that were made of something else: {', '.join(differing[:4])} differ. Give the stage "
            "another name (or output_dir in Python), or remove this folder."
        )


def _differing(about: Any, wanted: Mapping[str, Any]) -> list[str]:
    """What two manifests do not have in common: the kind, inputs and settings by name, the round before."""
    if not isinstance(about, dict):
        return ["the file"]
    found = [part for part in ("kind", "before") if part in wanted and about.get(part) != wanted[part]]
    for part in ("inputs", "settings"):
        ours = about.get(part)
        theirs = wanted[part]
        if not isinstance(ours, dict):
            return [*found, part]
        found += [f"{part}.{name}" for name in sorted({*ours, *theirs}) if ours.get(name) != theirs.get(name)]
    return found


def _changed(target: Path, files: Mapping[str, str]) -> str | None:
    """The first file of a round that is missing, or not what it was."""
    for name, digest in files.items():
        path = target / name
        if not path.is_file() or artifacts.file_hash(path) != digest:
            return name
    return None


def _write_rounds(folder: Path, about: Mapping[str, Any], rounds: Sequence[Round]) -> None:
    """What the manifest of the last round says of all, with the versions that it was made with, and the figures of each."""
    told = [{"round": made.number, "figures": dict(made.figures)} for made in rounds]
    common = {name: about[name] for name in ("kind", "format", "inputs", "settings", "versions")}
    artifacts.write_json(folder / ROUNDS, {**common, "rounds": told})


def read_rounds(folder: str | Path) -> StageResult:
    """What stands in the folder of a stage, without a look at the files of its rounds.

    Raises:
        ArtifactError: it holds no stage.
    """
    folder = Path(folder)
    about = artifacts.read_json(folder / ROUNDS)
    try:
        kind = str(about["kind"]).removeprefix("stage:")
        rounds = tuple(
            Round(int(each["round"]), _folder_of(folder, int(each["round"])), dict(each["figures"]))
            for each in about["rounds"]
        )
    except (KeyError, TypeError, ValueError):
        raise ArtifactError(
            f"{folder / ROUNDS} holds no rounds of a stage. Carry out the stage again."
        ) from None
    return StageResult(kind, folder, rounds)


def _folder_of(folder: Path, number: int) -> Path:
    return folder / f"round-{number:02d}"
