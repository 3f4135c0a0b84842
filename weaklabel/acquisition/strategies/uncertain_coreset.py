"""`uncertain_coreset`: the most uncertain pairs, and among them a spread of differences."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from weaklabel._validation import check_least
from weaklabel.acquisition.base import Acquisition, Picked, largest
from weaklabel.acquisition.pool import Pool
from weaklabel.acquisition.strategies.coreset import Coreset
from weaklabel.acquisition.strategies.uncertainty import believed


class UncertainCoreset(Acquisition):
    """Greedy k-centres among the `most * n` pairs of which the labels say least. The value is a pair's distance to the nearest
    of those before it.

    Args:
        most: how many uncertain pairs to choose from, per question.

    Source: the two-step hybrids of uncertainty and coverage, such as Zhdanov (2019), with k-centres in the second.
    """

    name: ClassVar[str] = "uncertain_coreset"
    needs: tuple[str, ...] = ("features",)

    def __init__(self, *, most: int = 10) -> None:
        check_least("uncertain_coreset: most", most, 1, "the most uncertain alone")
        self.most = most

    def _choose(self, pool: Pool, n: int, rng: np.random.Generator) -> Picked:
        unsure = np.sort(largest(-np.abs(pool.logit), min(len(pool), self.most * n))[0])
        rows, value = Coreset()._choose(pool.take(unsure), n, rng)
        return unsure[rows], value

    def _reason(self, pool: Pool, row: int, value: float) -> str:
        return f"{believed(pool, row)}, and far from what is asked or known"
