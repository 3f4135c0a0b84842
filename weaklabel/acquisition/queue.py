"""`NextPairs`: the questions for people, with the reason for each: a table, JSON lines or CSV to fill in."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from weaklabel._paths import expanded
from weaklabel._shown import ROWS, Sketch
from weaklabel._tables import plain_table, short
from weaklabel._terminal import one_line, plain_line, plain_text
from weaklabel.artifacts import atomic_file, json_line
from weaklabel.errors import ConfigError
from weaklabel.ledger import UNITS, Cost
from weaklabel.types.result import Result

_SHOWN: Final = 160
ASKED: Final = ("id", "prompt", "response_a", "response_b", "gold")
"""What a person has to see of a question; `gold` is empty, for the answer: a, b or tie."""
COLUMNS: Final = (*ASKED, "rule", "value", "p", "reason")
"""Of a queue."""


@dataclass(frozen=True, slots=True, repr=False)
class Question(Result):
    """A pair to ask people about.

    Attributes:
        id: of the pair.
        rule: of acquisition, that picked it.
        value: what it was worth to the rule, in the rule's own unit.
        reason: why, in words.
        p: what the labels believe now: P(B beats A).
        prompt, response_a, response_b: the texts.
    """

    id: str
    rule: str
    value: float
    reason: str
    p: float
    prompt: str
    response_a: str
    response_b: str

    def row(self) -> dict[str, Any]:
        """By `COLUMNS`."""
        return {name: None if name == "gold" else getattr(self, name) for name in COLUMNS}

    def text(self, full: bool = False) -> str:
        """The question for a terminal; texts are shortened unless `full`."""
        lines = [f"pair {plain_line(self.id)} ({self.rule}): {plain_line(self.reason)}"]
        for name, text in (("prompt", self.prompt), ("a", self.response_a), ("b", self.response_b)):
            if full:
                lines.append(f"  {name}:\n" + "\n".join(f"    {x}" for x in plain_text(text).splitlines()))
            else:
                lines.append(f"  {name}: {one_line(text, _SHOWN)}")
        return "\n".join(lines)


@dataclass(frozen=True, slots=True, repr=False)
class NextPairs(Result):
    """What `next_pairs` chose, the first question first. `str()` is a table.

    Attributes:
        acquisition: the rule that was asked for.
        questions: in the order in which they should be answered; those of `random`, drawn beside it, are spread evenly.
        n_open: pairs that could be asked.
        n_candidates: how many of these the rule looked at.
        cost: of all questions.
        notes: what a person should know.
    """

    acquisition: str
    questions: tuple[Question, ...]
    n_open: int
    n_candidates: int
    cost: Cost
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.questions)

    @property
    def ids(self) -> tuple[str, ...]:
        """Of the pairs to ask."""
        return tuple(question.id for question in self.questions)

    def to_dict(self) -> dict[str, Any]:
        """JSON values; the cost by its units."""
        cost = {unit: getattr(self.cost, unit) for unit in UNITS}
        # The name is spelt out: a dataclass with slots has no `super()` of no arguments.
        return Result.to_dict(self) | {"cost": cost}

    def __str__(self) -> str:
        rows = [[q.id, q.rule, short(q.p), f"{q.value:.3g}", q.reason] for q in self.questions]
        table = plain_table(["id", "rule", "p", "value", "why"], rows, left=2)
        lines = [line.rstrip() for line in table.splitlines()]
        return "\n".join([self.summary, *self.notes, *lines])

    def text(self, *, full: bool = False) -> str:
        """Every question with its texts, shortened unless `full`."""
        return "\n".join([self.summary, *self.notes, *(q.text(full) for q in self.questions)])

    @property
    def summary(self) -> str:
        """One line: how many of how many, and what they cost."""
        spent = [f"{getattr(self.cost, unit):,g} {unit}" for unit in UNITS if getattr(self.cost, unit)]
        return (
            f"{len(self):,} of {self.n_open:,} pairs without gold, by {self.acquisition} among "
            f"{self.n_candidates:,}: {', '.join(spent)}"
        )

    def _sketch(self) -> Sketch:
        rows = [[q.id, q.rule, q.reason, q.prompt, q.response_a, q.response_b] for q in self.questions]
        header = ("id", "rule", "why", "prompt", "response_a", "response_b")
        return Sketch(self.summary, header, rows[:ROWS], len(rows), 6)

    def write(self, path: str | Path, *, blind: bool = False) -> None:
        """The questions as a queue to fill in, whole or not at all: `.jsonl` or `.csv`. Who answers writes `a`, `b` or `tie`
        under `gold`; `weaklabel gold add` takes the file back.

        Args:
            path: of the file; an earlier one is replaced.
            blind: leave out what is believed of a pair and why it is asked, which would sway who answers.

        Raises:
            ConfigError: another ending.
        """
        target = queue_file(path)
        columns = ASKED if blind else COLUMNS
        rows = [{name: row[name] for name in columns} for row in (q.row() for q in self.questions)]
        with atomic_file(target) as temporary:
            _WRITERS[target.suffix](temporary, rows)


def queue_file(path: str | Path) -> Path:
    """The file of a queue.

    Raises:
        ConfigError: another ending than .jsonl and .csv.
    """
    target = Path(expanded(path, "the queue"))
    if target.suffix not in _WRITERS:
        raise ConfigError(f"{target}: a queue is written as .jsonl or .csv. Choose one of these endings.")
    return target


def _jsonl(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    path.write_bytes(b"".join(json_line(row).encode() for row in rows))


def _csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


_WRITERS: Final = {".jsonl": _jsonl, ".csv": _csv}
