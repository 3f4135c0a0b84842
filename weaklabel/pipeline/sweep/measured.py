"""What the cells gave, gathered per arm over seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from weaklabel.pipeline.sweep.grid import Arm
from weaklabel.types import FloatArray, Pairs


class Cell(NamedTuple):
    """One reward model: its p on the held-out pairs, the weak labels it learned from, and how many of these are right."""

    held: FloatArray
    n_weak: int
    right: float | None


@dataclass
class Measured:
    """All cells, with the truth they are judged by.

    Attributes:
        ys: per seed the gold of the held-out pairs.
        prompts: per seed the number 0..n_prompts-1 of their prompts, the same in all seeds.
        n_prompts: prompts that any seed holds out.
        cells: (reward model, gold pairs, arm) -> a cell per seed.
        labels: (label model, gold pairs) -> per seed the label model's own p on the held-out pairs.
        uncalibrated: (label model, gold pairs) whose labels could not be calibrated for want of gold, with how often.
    """

    ys: list[FloatArray]
    prompts: list[NDArray[np.intp]]
    n_prompts: int
    cells: dict[tuple[str, int, Arm], list[Cell]] = field(default_factory=dict)
    labels: dict[tuple[str, int], list[FloatArray]] = field(default_factory=dict)
    uncalibrated: dict[tuple[str, int], int] = field(default_factory=dict)

    @classmethod
    def of(cls, pairs: Pairs, held: Sequence[NDArray[np.intp]]) -> Measured:
        groups = pairs.prompt_groups
        seen, numbers = np.unique(np.concatenate([groups[rows] for rows in held]), return_inverse=True)
        ends = np.cumsum([len(rows) for rows in held])[:-1]
        return cls([pairs.y[rows] for rows in held], np.split(numbers.reshape(-1), ends), len(seen))

    @property
    def n_seeds(self) -> int:
        return len(self.ys)

    def add(self, reward: str, size: int, arm: Arm, seed: int, cell: Cell) -> None:
        found = self.cells.setdefault((reward, size, arm), [])
        assert len(found) == seed, "cells come seed by seed"
        found.append(cell)

    def add_labels(self, model: str, size: int, seed: int, p: FloatArray, calibrated: bool) -> None:
        found = self.labels.setdefault((model, size), [])
        if len(found) > seed:
            return  # another reward model's grid has it too
        found.append(p)
        if not calibrated:
            self.uncalibrated[model, size] = self.uncalibrated.get((model, size), 0) + 1
