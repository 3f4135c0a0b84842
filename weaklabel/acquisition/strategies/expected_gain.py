"""`expected_gain`: pairs whose label is expected to leave the pool least uncertain."""

from __future__ import annotations

from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from weaklabel.acquisition.base import Acquisition, Picked, largest
from weaklabel.acquisition.pool import Pool
from weaklabel.acquisition.posterior import Posterior, curvature, entropy, expected_entropy, moderated
from weaklabel.types import FloatArray

_JUDGED: Final = 1_000  # pairs of the pool over which the mean is taken
_SHORT_LIST: Final = 500  # candidates that are looked at again after each pick
_AT_ONCE: Final = 1_024


class ExpectedGain(Acquisition):
    """Each next pair is the one after whose label the mean entropy of the pool's predictions is expected to be lowest. The
    value is that fall, in nats per pair of the pool: what one more label is worth now.

    A label's effect is one step of Newton's method from the Laplace approximation (`posterior.py`), averaged over both
    answers by what is believed of them. After a pick it counts as asked, its answer unknown.

    Source: expected error reduction, Roy and McCallum (2001), by one step instead of a fit per candidate and answer.
    Departures: the mean is over at most 1,000 pairs drawn from the pool; from the second pick on only the 500 best of the
    first look are looked at again.
    """

    name: ClassVar[str] = "expected_gain"
    needs: tuple[str, ...] = ("features",)

    def _choose(self, pool: Pool, n: int, rng: np.random.Generator) -> Picked:
        assert pool.features is not None
        judged = np.sort(rng.choice(len(pool), min(_JUDGED, len(pool)), replace=False))
        posterior = Posterior(pool)
        listed, worth = largest(gains(pool, posterior, np.arange(len(pool)), judged), max(n, _SHORT_LIST))
        rows, value = np.empty(n, dtype=np.int64), np.empty(n)
        for i in range(n):
            best = int(np.argmax(worth))
            rows[i], value[i] = listed[best], worth[best]
            posterior.add(pool.features[rows[i]], float(curvature(pool.logit[rows[i]])))
            listed = np.delete(listed, best)
            worth = gains(pool, posterior, listed, judged) if i + 1 < n else worth
        return rows, value

    def _reason(self, pool: Pool, row: int, value: float) -> str:
        return f"its label is expected to lower the pool's mean entropy by {value:.2g} nats a pair"


def gains(pool: Pool, posterior: Posterior, rows: NDArray[np.int64], judged: NDArray[np.int64]) -> FloatArray:
    """`(len(rows),)` nats: by how much one label of each row is expected to lower the mean entropy of the judged pairs."""
    assert pool.features is not None
    logit, x = pool.logit[judged], pool.features[judged]
    variance = posterior.variance(x)
    now = entropy(moderated(logit, variance)).mean()
    found = np.empty(len(rows))
    for start in range(0, len(rows), _AT_ONCE):
        some = rows[start : start + _AT_ONCE]
        asked = pool.features[some]
        k, own = posterior.between(asked, x), posterior.variance(asked)
        after = expected_entropy(logit, variance, k, pool.logit[some], own)
        found[start : start + _AT_ONCE] = now - after.mean(axis=1)
    return found
