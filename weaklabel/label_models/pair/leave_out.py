"""Leave-one-prompt-out logits of a logistic regression over rows, without fitting it again.

With features `X` `(n, d)` and weights drawn from N(0, 1), the logits are a Gaussian process with covariance
`K = X X'`. The maximum a posteriori is `f = offset + K a` (`weaklabel.logistic.fit_gram`).

Source: Rad & Maleki (2020), JRSS B 82(4): at the optimum the fit is a least-squares problem with targets
`t = K a + (y - p)/w` and variances `1/w`, w = p (1 - p), whose leave-out predictions have a closed form (Rasmussen &
Williams 2006, eq. 5.12). Departure: whole prompts are left out, not rows.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from weaklabel.logistic import fit_gram
from weaklabel.types import FloatArray, sigmoid

# The curvature of a pair that is all but decided: below this its target would be rounding times a large number.
_SMALLEST_CURVATURE = 1e-4


def leave_group_out(
    K: FloatArray, y: FloatArray, groups: Sequence[NDArray[np.intp]], offset: FloatArray | float = 0.0
) -> tuple[FloatArray, FloatArray]:
    """`theta` of `fit_gram`, and the logit of every row had its whole group not been there, each `(n,)` float64.

    Args:
        K: `(n, n)` float64, symmetric and positive semi-definite.
        y: `(n,)` float64 in [0, 1]; a tie is .5.
        groups: the row numbers of each group, together all rows once.
        offset: `(n,)` float64, log-odds known beforehand.
    """
    from scipy.linalg import cho_factor
    from scipy.linalg.lapack import dpotri

    fit = fit_gram(K, y, offset=offset)
    a, p = fit.theta, sigmoid(fit.logit)
    curvature = np.maximum(p * (1.0 - p), _SMALLEST_CURVATURE)
    with_noise = K.copy()
    with_noise[np.diag_indices_from(K)] += 1.0 / curvature
    factor, _ = cho_factor(
        with_noise.T, lower=True, overwrite_a=True
    )  # symmetric; in this order nothing is copied
    inverse, _ = dpotri(factor, lower=1)  # its lower triangle only
    target = fit.logit + (y - p) / curvature  # the offset is in the logit, so it is in what comes out
    held = target - a / np.diag(inverse)
    for rows in groups:
        if len(rows) > 1:
            block = inverse[np.maximum.outer(rows, rows), np.minimum.outer(rows, rows)]
            held[rows] = target[rows] - np.linalg.solve(block, a[rows])
    return a, held
