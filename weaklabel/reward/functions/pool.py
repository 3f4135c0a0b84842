"""Which pairs without gold a reward of functions reads: some thousands, drawn from however many there are."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from weaklabel.types import FloatArray

POOL: Final = 5000
"""Pairs without gold that are read, drawn by `seed`: curves of 17 knots need no more, and each costs the scores of two
responses by all functions. The development sets, on which everything here was chosen, have at most 1,500 pairs."""


def some_without_gold(y: FloatArray, seed: int) -> NDArray[np.intp]:
    """Rows with gold, and `POOL` others at most; rising.

    Args:
        y: `(n,)` float64, gold; NaN where there is none.
        seed: of the draw.
    """
    without = np.flatnonzero(np.isnan(y))
    if len(without) > POOL:
        without = np.random.default_rng(seed).permutation(without)[:POOL]
    return np.union1d(np.flatnonzero(~np.isnan(y)), without)
