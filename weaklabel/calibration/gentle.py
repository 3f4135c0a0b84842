"""`gentle_factor`: the one factor of log-odds that gold asks for, held towards 1 where gold is scarce."""

from __future__ import annotations

import math
from typing import Final

from numpy.typing import ArrayLike

from weaklabel.logistic import nll_of_logit
from weaklabel.metrics.rows import design_effect, group_numbers
from weaklabel.types import FloatArray

_FARTHEST: Final = 12  # of log a


def gentle_factor(
    z: FloatArray, y: FloatArray, groups: ArrayLike, *, spread: float, w: FloatArray | float = 1.0
) -> float:
    """The factor a > 0 that minimises sum w NLL(a z) / D + (log a)^2 / (2 spread^2).

    The sum, not the mean, is set against the prior, so that gold outvotes it in the end. Rows of one prompt are not
    independent, so they count for less: D is the design effect (Kish 1965) of the NLL at a = 1.

    Args:
        z: `(n,)` float64, log-odds that nobody fitted to these rows.
        y: `(n,)` float64 in [0, 1]; a tie is .5.
        groups: `(n,)`, equal for equal prompts.
        spread: standard deviation of log a beforehand.
        w: weight of every row.

    Returns:
        a, between exp(-12) and exp(12); 1 where there is no row.

    >>> import numpy as np
    >>> few, many = ([np.full(4 * n, 2.0), np.array([1, 1, 1, 0] * n), np.arange(4 * n)] for n in (5, 5000))
    >>> [round(gentle_factor(*rows, spread=0.5), 2) for rows in (few, many)]  # right 3 in 4: log 3 / 2 = .55
    [0.7, 0.55]
    """
    from scipy.optimize import minimize_scalar

    if not len(z):
        return 1.0
    per_row = w / design_effect(nll_of_logit(z, y), group_numbers(groups, len(z)))

    def loss(log_a: float) -> float:
        nll = (per_row * nll_of_logit(math.exp(log_a) * z, y)).sum()
        return float(nll) + 0.5 * (log_a / spread) ** 2

    # The loss need not be convex in log a: a coarse look first.
    start = min(range(-_FARTHEST, _FARTHEST + 1), key=loss)
    best = minimize_scalar(
        loss, bounds=(start - 1.0, start + 1.0), method="bounded", options={"xatol": 1e-10}
    )
    return math.exp(float(best.x))
