"""`bald`: the pairs whose label would say most about the model's weights."""

from __future__ import annotations

from typing import ClassVar, Final

import numpy as np

from weaklabel._tables import short
from weaklabel.acquisition.base import Acquisition, Picked, largest
from weaklabel.acquisition.pool import Pool
from weaklabel.acquisition.posterior import Posterior, entropy
from weaklabel.acquisition.strategies.uncertainty import believed
from weaklabel.types import FloatArray

_NODES: Final = 32


class Bald(Acquisition):
    """Those where the model is unsure and its weights are to blame. The value is the mutual information of label and
    weights, in nats: the entropy of the mean belief less the mean entropy of the beliefs.

    The beliefs are those of the last layer's Laplace approximation over the pool's features (`posterior.py`).

    Source: Houlsby et al. (2011). Departure: the mean over the normal distribution of the log-odds is taken by Gauss and
    Hermite's rule with 32 nodes, not by their approximation. The most valuable are taken one by one, so that two that say
    the same may both be among them; `d_optimal` and `badge` look at that.
    """

    name: ClassVar[str] = "bald"
    needs: tuple[str, ...] = ("features",)

    def _choose(self, pool: Pool, n: int, rng: np.random.Generator) -> Picked:
        assert pool.features is not None
        return largest(mutual_information(pool.logit, Posterior(pool).variance(pool.features)), n)

    def _reason(self, pool: Pool, row: int, value: float) -> str:
        return f"{believed(pool, row)}; its label would say {short(value)} nats about the weights"


def mutual_information(logit: FloatArray, variance: FloatArray) -> FloatArray:
    """`(n,)` nats >= 0, of a label and of normal log-odds with that mean and variance.

    >>> mutual_information(np.array([0.0]), np.array([0.0])).tolist()
    [0.0]
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
    weights = weights / weights.sum()
    # |logit| in place of logit: the same number, to the bit, in both orders of the responses.
    z = np.abs(logit)[:, None] + np.sqrt(variance)[:, None] * nodes  # (n, nodes)
    excess = np.clip(np.tanh(z / 2) @ weights, -1 + 1e-16, 1 - 1e-16)
    information = entropy(2.0 * np.arctanh(excess)) - entropy(z) @ weights
    return np.asarray(np.maximum(information, 0.0), dtype=np.float64)
