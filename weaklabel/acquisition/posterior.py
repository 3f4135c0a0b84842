"""How sure a model that is linear in a pool's features is of each pair: the Laplace approximation, and one label more.

Beliefs are log-odds z. That a model linear in features x would still move them is a normal distribution of its weights
with the precision

    H = I + sum over pairs with gold of s(z) (1 - s(z)) x x'

so that the log-odds of a pair have the variance x' H^-1 x around what is believed now. One more label y of a pair c moves
the weights by one step of Newton's method, in the inverse of H + s_c x_c x_c' with s_c = p_c (1 - p_c):

    z_i  ->  z_i + k_ic (y - p_c) / (1 + s_c k_cc)        k_ij = x_i' H^-1 x_j
    k_ij ->  k_ij - s_c k_ic k_cj / (1 + s_c k_cc)

Sources: MacKay (1992) for the approximation and for the probability under it, s(z / sqrt(1 + pi v / 8)); Sherman and
Morrison (1950) for the step. All of it turns round with a pair, and leaves alone which response comes first.
"""

from __future__ import annotations

import numpy as np

from weaklabel.acquisition.pool import Pool, known_rows
from weaklabel.types import FloatArray, sigmoid


class Posterior:
    """The posterior over a pool's features, given the pairs with gold.

    Args:
        pool: with `features`.

    Attributes:
        inverse: `(d, d)` float64, H^-1; it changes with `add`.
    """

    def __init__(self, pool: Pool) -> None:
        assert pool.features is not None
        known = known_rows(pool.known_features, pool.features)
        weight = curvature(np.zeros(0) if pool.known_logit is None else pool.known_logit)
        precision = np.eye(pool.features.shape[1]) + (known.T * weight) @ known
        self.inverse = np.linalg.inv(precision)

    def variance(self, x: FloatArray) -> FloatArray:
        """`(n,)` float64 >= 0: of the log-odds of rows `(n, d)`."""
        return np.asarray(np.maximum(((x @ self.inverse) * x).sum(axis=1), 0.0), dtype=np.float64)

    def between(self, x: FloatArray, others: FloatArray) -> FloatArray:
        """`(n, m)`: the covariance of the log-odds of rows and of others."""
        return np.asarray((x @ self.inverse) @ others.T, dtype=np.float64)

    def add(self, x: FloatArray, s: float) -> None:
        """One label more of a pair `(d,)` with curvature `s`, whatever it says: what is believed stays, and is surer."""
        v = self.inverse @ x
        self.inverse -= np.outer(v, v) * (s / (1.0 + s * float(x @ v)))


def curvature(logit: FloatArray) -> FloatArray:
    """`(n,)` p (1 - p), at most 1/4, the same for a logit and its opposite to the bit.

    >>> curvature(np.array([0.0, 800.0])).tolist()
    [0.25, 0.0]
    """
    tail = np.exp(-np.abs(logit))
    return np.asarray(tail / (1.0 + tail) ** 2, dtype=np.float64)


def moderated(logit: FloatArray, variance: FloatArray) -> FloatArray:
    """Log-odds of the probability that a normal distribution of log-odds gives: nearer to 0 the wider it is.

    >>> moderated(np.array([2.0]), np.array([0.0])).tolist()
    [2.0]
    """
    return np.asarray(logit / np.sqrt(1.0 + np.pi * variance / 8.0), dtype=np.float64)


def entropy(logit: FloatArray) -> FloatArray:
    """Nats, 0 to log 2: of a coin with these log-odds, the same for a logit and its opposite to the bit.

    >>> entropy(np.array([0.0, 50.0])).round(6).tolist()
    [0.693147, 0.0]
    """
    size = np.abs(logit)
    tail = np.exp(-size)
    return np.asarray(np.log1p(tail) + size * tail / (1.0 + tail), dtype=np.float64)


def expected_entropy(
    logit: FloatArray, variance: FloatArray, k: FloatArray, at: FloatArray, own: FloatArray
) -> FloatArray:
    """`(c, m)` nats: the entropy expected of each of `m` pairs after one more label of each of `c` candidates.

    Args:
        logit, variance: `(m,)` of the pairs.
        k: `(c, m)` covariances of candidates and pairs.
        at, own: `(c,)` log-odds and variance of the candidates.
    """
    s = curvature(at)[:, None]
    step = 1.0 / (1.0 + s * own[:, None])
    after = np.maximum(variance - s * step * k**2, 0.0)
    p, chance = sigmoid(at)[:, None], sigmoid(moderated(at, own))[:, None]
    won = entropy(moderated(logit + k * step * (1.0 - p), after))
    lost = entropy(moderated(logit - k * step * p, after))
    return np.asarray(chance * won + (1.0 - chance) * lost, dtype=np.float64)
