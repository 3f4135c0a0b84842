"""Models whose logit is a sum of one weight per vote: what an LF's "a" is worth, and what its "b"."""

from __future__ import annotations

import numpy as np

from weaklabel.types import ABSTAIN, FloatArray, Int8Array


def weights_of_votes(L: Int8Array, weights: FloatArray) -> FloatArray:
    """`(n, m)`: the weight of each vote cast, 0 where an LF abstained."""
    cast = np.where(L == 1, weights[:, 1], weights[:, 0])
    return np.where(L == ABSTAIN, 0.0, cast)


def sum_of_weights(contributions: FloatArray) -> FloatArray:
    """`(n,)`: the row sums, the same to the bit for a row alone and in a batch."""
    # cumsum adds strictly from left to right. sum() may change its order with the layout of the batch.
    if not contributions.shape[1]:
        return np.zeros(len(contributions))
    return np.asarray(np.cumsum(contributions, axis=1)[:, -1], dtype=np.float64)
