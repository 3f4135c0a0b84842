"""Logistic regression with a Gaussian prior, solved over rows instead of columns, and its leave-one-prompt-out logits.

With features `X` `(n, d)` and weights drawn from N(0, 1), the logits are a Gaussian process with covariance
`K = X X'`. The maximum a posteriori is `f = offset + K a` with `a = y - sigmoid(f)`: n numbers, however many
columns the texts have.

Sources: Rasmussen & Williams (2006), algorithm 3.1, for Newton's method; Rad & Maleki (2020), JRSS B 82(4), for
leaving out without refitting: at the optimum the fit is a least-squares problem with targets `t = K a + (y - p)/w`
and variances `1/w`, w = p (1 - p), whose leave-out predictions have a closed form (Rasmussen & Williams, eq.
5.12). Departure: whole prompts are left out, not rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weaklabel.label_models.pair.map_logistic import nll_of_logit
from weaklabel.types import FloatArray, sigmoid

# The curvature of a pair that is all but decided. A floor changes the path to the optimum, not the optimum.
_SMALLEST_CURVATURE = 1e-4
_STEPS = 50


def fit_rows(K: FloatArray, y: FloatArray, offset: FloatArray | float = 0.0) -> FloatArray:
    """`(n,)` float64: `a` of the maximum a posteriori; the logit of row i is `offset_i + K_i a`.

    Args:
        K: `(n, n)` float64, symmetric and positive semi-definite.
        y: `(n,)` float64 in [0, 1]; a tie is .5.
        offset: `(n,)` float64, log-odds known beforehand.

    >>> a = fit_rows(np.array([[1.0]]), np.array([1.0]))  # f = 1 - sigmoid(f) where f = .401
    >>> a.round(3).tolist()
    [0.401]
    """
    return _newton(K, y, offset)[0]


def leave_group_out(
    K: FloatArray, y: FloatArray, groups: Sequence[NDArray[np.intp]], offset: FloatArray | float = 0.0
) -> tuple[FloatArray, FloatArray]:
    """`fit_rows`, and the logit of every row had its whole group not been there, each `(n,)` float64.

    Args:
        groups: the row numbers of each group, together all rows once.
    """
    from scipy.linalg import cho_factor
    from scipy.linalg.lapack import dpotri

    a, f = _newton(K, y, offset)
    curvature = _curvature(f)
    factor, _ = cho_factor(K + np.diag(1.0 / curvature), lower=True)
    inverse, _ = dpotri(factor, lower=1)  # its lower triangle only
    target = f + (y - sigmoid(f)) / curvature  # the offset is in f, so it is in what comes out
    held = target - a / np.diag(inverse)
    for rows in groups:
        if len(rows) > 1:
            block = inverse[np.maximum.outer(rows, rows), np.minimum.outer(rows, rows)]
            held[rows] = target[rows] - np.linalg.solve(block, a[rows])
    return a, held


def _newton(K: FloatArray, y: FloatArray, offset: FloatArray | float) -> tuple[FloatArray, FloatArray]:
    from scipy.linalg import cho_factor, cho_solve

    a, f = np.zeros(len(y)), np.zeros(len(y)) + offset
    value = _objective(f, y, a, offset)
    for _ in range(_STEPS):
        p, w = sigmoid(f), _curvature(f)
        target = f - offset + (y - p) / w
        step = cho_solve(cho_factor(K + np.diag(1.0 / w), lower=True), target) - a
        slope, size = K @ step, 1.0
        small = bool(np.abs(slope).max(initial=0.0) < 1e-5)  # the next step would be its square
        # A whole step can overshoot where gold is decided on one side of everything.
        while not small and size > 1e-3:
            new = _objective(f + size * slope, y, a + size * step, offset)
            if new <= value + 1e-12 * abs(value):
                break
            size /= 2
        a, f = a + size * step, f + size * slope
        if small:
            break
        value = _objective(f, y, a, offset)
    return a, f


def _curvature(f: FloatArray) -> FloatArray:
    p = sigmoid(f)
    return np.maximum(p * (1.0 - p), _SMALLEST_CURVATURE)


def _objective(f: FloatArray, y: FloatArray, a: FloatArray, offset: FloatArray | float) -> float:
    return float(nll_of_logit(f, y).sum() + 0.5 * a @ (f - offset))


def fit_columns(X: Any, y: FloatArray, offset: FloatArray | float = 0.0) -> FloatArray:
    """`(d,)` float64: weights with a standard normal prior, by L-BFGS. The same optimum as `fit_rows` with `X X'`.

    Args:
        X: `(n, d)` dense or CSR.
    """
    from scipy.optimize import minimize

    def loss(beta: FloatArray) -> tuple[float, FloatArray]:
        f = offset + X @ beta
        value = float(nll_of_logit(f, y).sum() + 0.5 * beta @ beta)
        return value, np.asarray(X.T @ (sigmoid(f) - y)).ravel() + beta

    found: Any = minimize(
        loss,
        np.zeros(X.shape[1]),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": 500, "ftol": 1e-12, "gtol": 1e-6},
    )
    return np.asarray(found.x, dtype=np.float64)
