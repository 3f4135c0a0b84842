"""`badge`: pairs that would move the model most, each in a direction of its own."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from weaklabel._tables import short
from weaklabel.acquisition.base import Acquisition, Picked
from weaklabel.acquisition.geometry import k_means_pp
from weaklabel.acquisition.pool import Pool
from weaklabel.acquisition.strategies.uncertainty import believed
from weaklabel.types import FloatArray, sigmoid


class Badge(Acquisition):
    """Drawn by the seeding of k-means++ from the gradients that the predicted labels would give. The value is a gradient's
    distance to those before it.

    The gradient of a pair's loss by the last layer's weights is (p - y) x with y the label that p predicts. Swapping the
    responses turns both factors round and leaves it as it is.

    Source: Ash et al. (2020). Departure: a gradient of zero is a centre from the beginning (`geometry.k_means_pp`). As
    published, a pair of which the model is certain is far from the few with long gradients, and where most of a pool is
    certain most of what is drawn is too.
    """

    name: ClassVar[str] = "badge"
    needs: tuple[str, ...] = ("features",)

    def _choose(self, pool: Pool, n: int, rng: np.random.Generator) -> Picked:
        assert pool.features is not None
        return k_means_pp(gradients(pool.logit, pool.features), n, rng, directed=True)

    def _reason(self, pool: Pool, row: int, value: float) -> str:
        return f"{believed(pool, row)}; its gradient is {short(value)} from those before it"


def gradients(logit: FloatArray, x: FloatArray) -> FloatArray:
    """`(n, d)`: (p - y) x at the predicted label y. Where p is one half, x / 2 with its first entry above 0.

    >>> gradients(np.array([0.0, 0.0]), np.array([[1.0, 2.0], [-1.0, -2.0]])).tolist()
    [[0.5, 1.0], [0.5, 1.0]]
    """
    first = x[np.arange(len(x)), np.argmax(x != 0, axis=1)]  # of a row of zeros its first zero
    sign = np.where(logit != 0, -np.sign(logit), np.sign(first))
    return np.asarray((sign * sigmoid(-np.abs(logit)))[:, None] * x, dtype=np.float64)
