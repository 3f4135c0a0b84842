"""`d_optimal`: pairs whose labels leave the smallest volume of weights open."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from weaklabel._tables import short
from weaklabel.acquisition.base import Acquisition, Picked
from weaklabel.acquisition.pool import Pool
from weaklabel.acquisition.posterior import Posterior, curvature
from weaklabel.types import FloatArray


class DOptimal(Acquisition):
    """Each next pair adds most to the log determinant of the information on the weights. The value is what it adds, in nats
    (twice the fall of the entropy of the weights).

    Whatever a label says, its information is p (1 - p) x x': so a batch is planned before any of it is answered, and
    the second of two like pairs is worth less than the first.

    Source: Fedorov (1972) for the rule; Shen et al. (2025, arXiv 2502.04354) for Fisher information of preferences.
    """

    name: ClassVar[str] = "d_optimal"
    needs: tuple[str, ...] = ("features",)

    def _choose(self, pool: Pool, n: int, rng: np.random.Generator) -> Picked:
        assert pool.features is not None
        posterior, s = Posterior(pool), curvature(pool.logit)
        return greedy(posterior, pool.features, s, n)

    def _reason(self, pool: Pool, row: int, value: float) -> str:
        return f"its label would add {short(value)} nats of information on the weights"


def greedy(posterior: Posterior, x: FloatArray, s: FloatArray, n: int) -> Picked:
    """Rows by what each adds to the log determinant after those before it, and how much that is.

    Args:
        posterior: of the weights; it takes the pairs in.
        x, s: `(N, d)` features and `(N,)` curvatures of the pairs.
    """
    variance = posterior.variance(x)
    free = np.ones(len(x), dtype=np.bool_)
    rows, value = np.empty(n, dtype=np.int64), np.empty(n)
    for i in range(n):
        added = np.where(free, np.log1p(s * variance), -1.0)
        row = int(np.argmax(added))
        rows[i], value[i], free[row] = row, added[row], False
        v = posterior.inverse @ x[row]
        variance = np.maximum(variance - (x @ v) ** 2 * (s[row] / (1.0 + s[row] * float(x[row] @ v))), 0.0)
        posterior.add(x[row], float(s[row]))
    return rows, value
