"""What became of superbatches: a line each in a file, from which all figures are counted, so that a kill changes none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np

from weaklabel.artifacts import json_line, parse_json, write_text
from weaklabel.errors import ArtifactError
from weaklabel.metrics import Interval
from weaklabel.text.meteor import sameness

FILE: Final = "superbatches.jsonl"
_TENTH: Final = 10


@dataclass(frozen=True, slots=True)
class Choice:
    """What was drawn for one prompt and what was kept of it.

    Attributes:
        prompt: its text.
        kept: the samples that are learned, the best first; none where all are empty.
        kept_rewards: of these.
        kept_held_out: what the held-out comparer makes of these; empty where it gives no scores.
        rewards: of all samples that are not empty, in the order in which they were drawn.
        n_empty: samples without a text.
        n_trimmed: samples that went on with another speaker's turn.
    """

    prompt: str
    kept: Sequence[str]
    kept_rewards: Sequence[float]
    kept_held_out: Sequence[float]
    rewards: Sequence[float]
    n_empty: int
    n_trimmed: int

    @property
    def decided(self) -> bool:
        """Whether the rewards tell the samples apart."""
        return len(set(self.rewards)) > 1


class Kept:
    """The file of a round's superbatches, which grows by a line for each.

    Args:
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.steps: list[list[Choice]] = []
        self._ours = False  # whether the file holds `steps`, and nothing that a killed try left
        self._first_untold: int | None = None

    def add(self, step: int, choices: Sequence[Choice]) -> None:
        """The line of a superbatch; those of it and of later ones that a killed try left are removed first."""
        if not self._ours or len(self.steps) != step:
            self.steps, self._ours = list(self._read())[:step], True
            write_text(self._path, "".join(map(_line, range(step), self.steps)))
        if self._first_untold is None:
            self._first_untold = step
        self.steps.append(list(choices))
        with self._path.open("a", encoding="utf-8") as file:
            file.write(_line(step, choices))

    def load(self) -> None:
        """All superbatches, where a round had ended before it was killed."""
        self.steps = list(self._read())

    @property
    def choices(self) -> list[Choice]:
        return [choice for step in self.steps for choice in step]

    def told(self) -> dict[str, float]:
        """Figures of the superbatches since this was asked last, for the log."""
        start = len(self.steps) if self._first_untold is None else self._first_untold
        some = [choice for step in self.steps[start:] for choice in step]
        self._first_untold = None
        found = dict(_means(some))
        if (same := _sameness(some)) is not None:
            found |= {"sameness": same.value, "sameness/low": same.low, "sameness/high": same.high}
        return found

    def figures(self) -> dict[str, float | int | str | None]:
        """Of the whole round: counts, and means over the first and the last tenth of its superbatches."""
        every = self.choices
        n = max(1, len(self.steps) // _TENTH)
        found: dict[str, float | int | str | None] = {
            "superbatches": len(self.steps),
            "samples": sum(len(choice.rewards) + choice.n_empty for choice in every),
            "empty samples": sum(choice.n_empty for choice in every),
            "trimmed samples": sum(choice.n_trimmed for choice in every),
            "kept": sum(len(choice.kept) for choice in every),
            "undecided prompts": sum(not choice.decided for choice in every),
        }
        for where, steps in (("first", self.steps[:n]), ("last", self.steps[-n:])):
            some = [choice for step in steps for choice in step]
            found |= {f"{name.replace('_', ' ')}, {where}": value for name, value in _means(some).items()}
            if (same := _sameness(some)) is not None:
                found[f"sameness of the kept, {where}"] = same.value
        return found

    def _read(self) -> Iterator[list[Choice]]:
        if not self._path.exists():
            return
        for line in self._path.read_text(encoding="utf-8").rstrip("\n").split("\n"):
            try:
                told = parse_json(line)["prompts"]
                yield [Choice(**each) for each in told]
            except (ArtifactError, KeyError, TypeError, ValueError):
                return  # a kill tore it: it is drawn again


def _line(step: int, choices: Sequence[Choice]) -> str:
    return json_line({"step": step, "prompts": [asdict(choice) for choice in choices]})


def _means(some: Sequence[Choice]) -> Mapping[str, float]:
    """Means over prompts: the reward of the samples, of the kept, and of the kept by the held-out comparer."""
    columns = {
        "reward": [np.mean(choice.rewards) for choice in some if choice.rewards],
        "kept_reward": [np.mean(choice.kept_rewards) for choice in some if choice.kept],
        "kept_held_out": [np.mean(choice.kept_held_out) for choice in some if choice.kept_held_out],
    }
    return {name: float(np.mean(values)) for name, values in columns.items() if values}


def _sameness(some: Sequence[Choice]) -> Interval | None:
    answers = [(text, choice.prompt) for choice in some for text in choice.kept]
    if len({prompt for _, prompt in answers}) < 2:
        return None
    return sameness([text for text, _ in answers], [prompt for _, prompt in answers])
