"""`disagreement`: the pairs on which the labels and a reward model that did not learn from them contradict each other."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from weaklabel._tables import short
from weaklabel.acquisition.base import Acquisition, Picked, largest
from weaklabel.acquisition.pool import Pool
from weaklabel.acquisition.posterior import entropy
from weaklabel.acquisition.strategies.uncertainty import believed
from weaklabel.types import FloatArray, sigmoid


class Disagreement(Acquisition):
    """Those on which two opinions are farthest apart. The value is their Jensen-Shannon divergence in nats, 0 to log 2.

    Two models that are both unsure do not contradict each other, and are worth little here.

    Source: query by committee, Seung, Opper and Sompolinsky (1992), of two members, with the divergence of Engelson and Dagan
    (1996); RLTHF (Xu et al. 2025, arXiv 2502.13417), which asks people where a reward model contradicts its own training
    label. Departure: the reward model is one of other prompts' labels, so that it cannot have learned this pair's by heart.
    """

    name: ClassVar[str] = "disagreement"
    needs: tuple[str, ...] = ("other",)

    def _choose(self, pool: Pool, n: int, rng: np.random.Generator) -> Picked:
        assert pool.other is not None
        return largest(divergence(pool.logit, pool.other), n)

    def _reason(self, pool: Pool, row: int, value: float) -> str:
        assert pool.other is not None
        other = short(float(sigmoid(pool.other[row : row + 1])[0]))
        return f"{believed(pool, row)} by the labels and {other} by the reward model"


def divergence(one: FloatArray, other: FloatArray) -> FloatArray:
    """`(n,)` nats: the entropy of the mean of two beliefs less the mean of their entropies.

    >>> divergence(np.array([2.0, 40.0]), np.array([2.0, -40.0])).round(4).tolist()
    [0.0, 0.6931]
    """
    # The mean's log-odds from its excess over one half, which turns round with the pair to the bit.
    excess = (np.tanh(one / 2) + np.tanh(other / 2)) / 2  # 2 p - 1 of the mean
    mean = 2.0 * np.arctanh(np.clip(excess, -1 + 1e-16, 1 - 1e-16))
    return np.maximum(entropy(mean) - (entropy(one) + entropy(other)) / 2, 0.0)
