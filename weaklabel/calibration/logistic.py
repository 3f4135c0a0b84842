"""Weighted logistic regression with one or two columns, by damped Newton steps."""

from __future__ import annotations

import numpy as np

from weaklabel.types import FloatArray, sigmoid


def fit_logistic(X: FloatArray, t: FloatArray, w: FloatArray) -> FloatArray:
    """`(d,)` coefficients that minimise sum w (log(1 + exp(Xb)) - t Xb), to about 1e-10 of their scale.

    The caller sees to it that a finite, unique optimum exists, by rows that pull either way.

    >>> X = np.ones((4, 1))
    >>> round(float(fit_logistic(X, np.array([1.0, 1, 1, 0]), np.ones(4))[0]), 6)  # log 3
    1.098612
    """
    scale = np.sqrt((w[:, None] * X**2).sum(axis=0) / w.sum())
    X = X / scale
    b = np.zeros(X.shape[1])
    loss = logistic_loss(X @ b, t, w)
    for _ in range(100):
        q = sigmoid(X @ b)
        step = np.linalg.solve((X.T * (w * q * (1 - q))) @ X, X.T @ (w * (q - t)))
        size = 1.0
        # A full step can overshoot where the curve is flat. Below 1e-10 the loss no longer tells better from worse.
        while (new := logistic_loss(X @ (b - size * step), t, w)) > loss and size > 1e-10:
            size /= 2
        b = b - size * step
        loss = new
        if np.abs(step).max() < 1e-10 * (1.0 + np.abs(b).max()):
            break
    return np.asarray(b / scale, dtype=np.float64)


def logistic_loss(eta: FloatArray, t: FloatArray, w: FloatArray) -> float:
    """sum w (log(1 + exp(eta)) - t eta): the weighted NLL of logits `eta` against targets `t` in [0, 1]."""
    return float((w * (np.logaddexp(0.0, eta) - t * eta)).sum())
