"""The best and the worst sample of each prompt."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from weaklabel.stages.best_of.sampled import Draws
from weaklabel.types import FloatArray


@dataclass(frozen=True)
class Chosen:
    """What was chosen of the prompts that leave a choice.

    Attributes:
        best, worst: `(n,)` where they stand in the columns of the samples; n prompts with a choice, in order.
        few: prompts with fewer than two usable samples; equal: prompts whose samples have all one value.
    """

    best: NDArray[np.intp]
    worst: NDArray[np.intp]
    few: int
    equal: int

    @property
    def ends(self) -> frozenset[frozenset[int]]:
        """The best and the worst of each prompt, as pairs."""
        return frozenset(map(frozenset, zip(self.best.tolist(), self.worst.tolist(), strict=True)))


def choose(draws: Draws, values: FloatArray) -> Chosen:
    """The samples of the largest and of the smallest value, of equal ones the one that was drawn first.

    A prompt whose samples are all worth the same leaves no choice: what would be learned of it is the policy itself.

    Args:
        draws: the samples.
        values: `(m,)` by which is chosen.
    """
    best, worst, few, equal = [], [], 0, 0
    for rows in draws.rows:
        if len(rows) < 2:
            few += 1
            continue
        some = values[rows]
        if some.max() == some.min():
            equal += 1
            continue
        best.append(rows[some.argmax()])
        worst.append(rows[some.argmin()])
    return Chosen(np.array(best, dtype=np.intp), np.array(worst, dtype=np.intp), few, equal)
