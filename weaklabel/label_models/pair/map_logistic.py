"""Logistic regression through the origin with a Gaussian prior: the maximum a posteriori, by Newton's method."""

from __future__ import annotations

import numpy as np

from weaklabel.types import FloatArray, sigmoid


def map_logistic(
    X: FloatArray, y: FloatArray, centre: FloatArray, strength: float, start: FloatArray | None = None
) -> FloatArray:
    """Weights `(m,)` that minimise `sum_i nll(y_i, X_i beta) + strength/2 |beta - centre|^2`. Newton's method.

    `y` in [0, 1] may be soft: a tie is .5. The objective is convex and does not change when rows are turned
    round (X to -X, y to 1 - y), so neither do the weights.
    """
    beta = (centre if start is None else start).astype(np.float64).copy()
    value = _objective(X, y, beta, centre, strength)
    for _ in range(100):
        p = sigmoid(X @ beta)
        gradient = X.T @ (p - y) + strength * (beta - centre)
        hessian = (X.T * (p * (1 - p))) @ X + strength * np.eye(len(beta))
        step = np.linalg.solve(hessian, gradient)
        # Newton's last steps halve no more: below this the error left is the square of the step.
        small = np.abs(step).max(initial=0.0) < 1e-7
        size = 1.0
        while not small and (new := _objective(X, y, beta - size * step, centre, strength)) > value:
            size /= 2
        beta = beta - size * step
        if small:
            break
        value = new
    return beta


def _objective(X: FloatArray, y: FloatArray, beta: FloatArray, centre: FloatArray, strength: float) -> float:
    return float(nll_of_logit(X @ beta, y).sum() + 0.5 * strength * ((beta - centre) ** 2).sum())


def nll_of_logit(logit: FloatArray, y: FloatArray) -> FloatArray:
    """`(n,)` float64, nats: what gold `y` in [0, 1] costs at these log-odds; a tie costs least at 0."""
    return np.logaddexp(0.0, logit) - y * logit
