"""The contract of every stage: what it says of itself, what stands on the disk, and how a round is made.

    <stage>/
      rounds.json        what the stage is made of, and the figures of every round
      round-00/          a round that is whole
        model/           the policy, as transformers loads it
        round.json       what the round was made of, its figures, the hashes of its files
      round-01.part/     the round that is being made, with the checkpoints of its training

A round gets its name when everything in it is on the disk, so it is there whole or not at all. A run that was killed
finds its checkpoints in the `.part` folder and ends with the files of an undisturbed one. `rounds.json` only gathers
what the rounds say, and is written again where it is missing.

A stage is a class in a file of its own with a `kind`, settings, `inputs` and `make_round`, and a line in
`registry.STAGES`; `check_stage` holds it to this contract. The disk is the business of `rounds.carry_out` alone.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final, Literal

from weaklabel._tables import plain_table
from weaklabel.types.result import Result, json_values

ROUNDS: Final = "rounds.json"
MODEL: Final = "model"
AUDIT: Final = "audit"
_DIGITS: Final = 6
Figures = Mapping[str, float | int | str | None]
StartFrom = Literal["base", "previous"]
"""Where the training of a round starts: from the model that the settings name, or from the round before."""
Reference = Literal["initial", "previous"]
"""What a round is held against: the model that the settings name, or the one of the round before."""


@dataclass(frozen=True, repr=False)
class Round(Result):
    """A round that is whole.

    Attributes:
        number: from 0.
        folder: where it stands.
        figures: name -> value, six significant digits; None where there is none.
    """

    number: int
    folder: Path
    figures: Figures

    @property
    def model(self) -> Path:
        """The folder of its policy."""
        return self.folder / MODEL


@dataclass(frozen=True, repr=False)
class StageResult(Result):
    """What a stage came to.

    Attributes:
        kind: of the stage.
        folder: where its rounds stand.
        rounds: all of them, in order.
        notes: what a person should know, a sentence each.
        shown: figures that are printed; none prints all.
    """

    kind: str
    folder: Path
    rounds: tuple[Round, ...]
    notes: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()

    @property
    def model(self) -> Path:
        """The folder of the last round's policy, where the stage trains one."""
        return self.rounds[-1].model

    def table(self) -> tuple[list[str], list[list[str]]]:
        """A row per figure, a column per round."""
        names = list(dict.fromkeys(name for each in self.rounds for name in each.figures))
        header = [self.kind, *(f"round {each.number}" for each in self.rounds)]
        return header, [[name, *(_cell(each.figures.get(name)) for each in self.rounds)] for name in names]

    def to_dict(self) -> dict[str, Any]:
        """JSON values, with all figures; which are printed is no part of what was found."""
        return {name: value for name, value in super().to_dict().items() if name != "shown"}

    def __str__(self) -> str:
        header, rows = self.table()
        told = [row for row in rows if row[0] in self.shown] if self.shown else rows
        rest = (
            [f"{len(rows) - len(told)} more figures: {self.folder / ROUNDS}"] if len(told) < len(rows) else []
        )
        where = f"model: {self.model}" if self.model.is_dir() else f"files: {self.rounds[-1].folder}"
        lines = [plain_table(header, told, left=1), *rest, "", *self.notes, where]
        return "\n".join(lines)


class Stage(ABC):
    """A stage: what it is made of, and how a round is made. Everything on the disk is up to `carry_out`.

    Attributes:
        kind: its name, and that of its folder by default.
        shown: figures that are printed when it has ended; none prints all.
        notes: what a person should know, told when it has ended; filled while rounds are made.
    """

    kind: ClassVar[str]
    shown: ClassVar[tuple[str, ...]] = ()

    def __init__(self) -> None:
        self.notes: list[str] = []

    @property
    @abstractmethod
    def inputs(self) -> Mapping[str, str]:
        """Content hashes of what it starts from: models, data, functions, comparers. No paths: they differ by machine."""

    @property
    @abstractmethod
    def settings(self) -> Mapping[str, Any]:
        """The settings that decide what comes out, as JSON values."""

    @property
    def n_rounds(self) -> int:
        """How many rounds there are to be; more can be asked for later."""
        return 1

    @abstractmethod
    def make_round(self, number: int, work: Path, before: Sequence[Round]) -> Figures:
        """Make a round in the folder `work`, which a killed try may have left with some of it; its figures.

        Whatever it does a second time has to give what it gave the first time. `work / "scratch"` is removed when the
        round is whole: checkpoints belong there.

        Args:
            number: from 0.
            work: the folder that becomes the round's.
            before: the rounds that are whole, in order.
        """


def scratch(work: Path) -> Path:
    """Where a round keeps what is gone once it is whole."""
    return work / "scratch"


def starting_model(base: str | Path, start_from: StartFrom, before: Sequence[Round]) -> str | Path:
    """The model that a round starts from."""
    return before[-1].model if start_from == "previous" and before else base


def reference_model(base: str | Path, reference: Reference, before: Sequence[Round]) -> str | Path:
    """The model that a round is held against."""
    return before[-1].model if reference == "previous" and before else base


def rounded(value: Any) -> float | int | str | None:
    """A figure as files hold it: in its last digits a run that went on after a kill may differ from an undisturbed one."""
    value = json_values(value)
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}")
    return value if isinstance(value, int | str) else None


def _cell(value: float | int | str | None) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else value
