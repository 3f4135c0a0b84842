"""`random`: pairs drawn alike, every kind of prompt with its share."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from weaklabel.acquisition.base import Acquisition, Picked
from weaklabel.acquisition.pool import Pool


class Random(Acquisition):
    """The default, and what every other rule is measured against.

    Every pair has the same chance; a kind of prompt with a tenth of the pairs gets a tenth of the questions, but for one.
    What is asked is in an order of its own, so that the first half of the answers is a random sample too. It is worth the
    same whichever pair it is: the value is the chance of a pair, n of N.

    Source: systematic sampling of a stratified list, Cochran (1977), chapter 8. That random is hard to beat: "Random is hard
    to beat" (2026, arXiv 2604.02766).
    """

    name: ClassVar[str] = "random"

    def _choose(self, pool: Pool, n: int, rng: np.random.Generator) -> Picked:
        listed = np.lexsort((rng.random(len(pool)), pool.strata))
        places = np.floor((np.arange(n) + rng.random()) * (len(pool) / n)).astype(np.int64)
        # A start within rounding of 1 may step over the list's end.
        rows = listed[np.minimum(places, len(pool) - 1)]
        return np.asarray(rng.permutation(rows), dtype=np.int64), np.full(n, n / len(pool))

    def _reason(self, pool: Pool, row: int, value: float) -> str:
        share = int((pool.strata == pool.strata[row]).sum())
        return f"drawn at random; {share:,} of {len(pool):,} pairs have prompts of its kind"
