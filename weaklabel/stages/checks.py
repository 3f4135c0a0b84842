"""What every stage keeps: its contract, as checks that can be run on any.

Each check takes a function that makes the stage anew and an empty folder, and raises AssertionError saying what the stage
did and what the contract asks. A stage is carried out several times, so give it little to do.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from weaklabel.errors import ArtifactError
from weaklabel.stages.contract import ROUNDS, Figures, Round, Stage
from weaklabel.stages.rounds import carry_out

Make = Callable[[], Stage]
Check = Callable[[Make, Path], None]


def check_stage(make: Make, folder: str | Path) -> None:
    """Run every check in `STAGE_CHECKS`.

    Args:
        make: makes the stage, anew each time, from the same inputs and settings.
        folder: an empty folder to work in.

    Raises:
        AssertionError: the first promise that is broken, in words.
    """
    for number, check in enumerate(STAGE_CHECKS):
        check(make, Path(folder) / f"{number:02d}")


def check_it_says_what_it_is_made_of(make: Make, folder: Path) -> None:
    stage = make()
    for name, value in stage.inputs.items():
        _require(
            stage,
            bool(re.fullmatch(r"[0-9a-f]{64}", value)),
            f"has the input {name} = {value!r}, no content hash",
        )
    try:
        told = json.dumps(stage.settings, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise AssertionError(f"stage {stage.kind!r} has settings that are no JSON: {error}.") from None
    _require(
        stage, str(Path.cwd()) not in told, "has a path of this machine among its settings; inputs are hashes"
    )
    _require(stage, make().inputs == stage.inputs, "has other inputs when it is made again")


def check_what_is_whole_is_not_made_again(make: Make, folder: Path) -> None:
    first = carry_out(make(), folder)
    before = _bytes(folder)
    stage = _Counting(make())
    again = carry_out(stage, folder)
    _require(stage, stage.n_made == 0, f"made {stage.n_made} rounds again that were whole")
    _require(stage, _bytes(folder) == before, "changed files of whole rounds when it was carried out again")
    _require(stage, again.rounds == first.rounds, "told of other rounds when it was carried out again")
    (folder / ROUNDS).unlink()
    carry_out(make(), folder)
    _require(stage, _bytes(folder) == before, f"did not gather {ROUNDS} from its rounds")


def check_a_round_that_was_cut_off_ends_the_same(make: Make, folder: Path) -> None:
    undisturbed, cut = folder / "undisturbed", folder / "cut"
    carry_out(make(), undisturbed)
    stage: Stage = make()
    for _ in range(stage.n_rounds):
        try:
            carry_out(_CutOff(make()), cut)
        except _Cut:
            continue
    carry_out(make(), cut)
    same = (undisturbed / ROUNDS).read_bytes() == (cut / ROUNDS).read_bytes()
    _require(stage, same, f"has another {ROUNDS} when its rounds are cut off before they are whole")
    names = [sorted(_bytes(each)) for each in (undisturbed, cut)]
    _require(
        stage, names[0] == names[1], "leaves other files when its rounds are cut off before they are whole"
    )


def check_other_settings_are_refused(make: Make, folder: Path) -> None:
    carry_out(make(), folder)
    before = _bytes(folder)
    try:
        carry_out(_Otherwise(make()), folder)
    except ArtifactError:
        _require(make(), _bytes(folder) == before, "changed the rounds of other settings")
        return
    raise AssertionError(
        f"stage {make().kind!r} went on in a folder whose rounds were made with other settings."
    )


def check_a_changed_round_is_refused(make: Make, folder: Path) -> None:
    result = carry_out(make(), folder)
    files = (path for path in sorted(result.rounds[0].folder.rglob("*")) if path.is_file())
    victim = next(path for path in files if path.name != "round.json")
    victim.write_bytes(victim.read_bytes() + b" ")
    try:
        carry_out(make(), folder)
    except ArtifactError:
        return
    raise AssertionError(f"stage {make().kind!r} took a round although {victim.name} was changed.")


STAGE_CHECKS: Final[tuple[Check, ...]] = (
    check_it_says_what_it_is_made_of,
    check_what_is_whole_is_not_made_again,
    check_a_round_that_was_cut_off_ends_the_same,
    check_other_settings_are_refused,
    check_a_changed_round_is_refused,
)
"""The promises of a stage, each on its own."""


class _Around(Stage):
    """Another stage, with something of it changed."""

    def __init__(self, inner: Stage) -> None:
        super().__init__()
        self.kind = inner.kind  # type: ignore[misc]  # of this one object
        self._inner = inner

    @property
    def inputs(self) -> Mapping[str, str]:
        return self._inner.inputs

    @property
    def settings(self) -> Mapping[str, Any]:
        return self._inner.settings

    @property
    def n_rounds(self) -> int:
        return self._inner.n_rounds

    def make_round(self, number: int, work: Path, before: Sequence[Round]) -> Figures:
        return self._inner.make_round(number, work, before)


class _Counting(_Around):
    n_made = 0

    def make_round(self, number: int, work: Path, before: Sequence[Round]) -> Figures:
        self.n_made += 1
        return super().make_round(number, work, before)


class _Cut(Exception):
    """A kill."""


class _CutOff(_Around):
    def make_round(self, number: int, work: Path, before: Sequence[Round]) -> Figures:
        super().make_round(number, work, before)
        raise _Cut


class _Otherwise(_Around):
    @property
    def settings(self) -> Mapping[str, Any]:
        return {**super().settings, "another": True}


def _bytes(folder: Path) -> dict[str, bytes]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != ".lock")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def _require(stage: Stage, kept: bool, what: str) -> None:
    if not kept:
        raise AssertionError(f"stage {stage.kind!r} {what}.")
