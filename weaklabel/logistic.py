"""Logistic regression with soft labels, weights and a Gaussian prior: the one solver of calibrators, label and reward models.

Minimises over theta, with z = offset + X theta,

    sum_i  w_i [ p_i softplus(-z_i) + (1 - p_i) softplus(z_i) ]  +  1/2 sum_j  precision_j theta_j^2

There is no intercept of its own: a pair has no direction. Every term is written in |z| and p - 1/2, so turning rows
round (x to -x, p to 1 - p) changes no step. A prior with another centre c is the offset X c.

Three ways to the one optimum, all by Newton's method: over columns where they are few; over rows where rows are fewer
than columns (`fit_gram`: as many numbers as rows, however wide X is); by products with X alone for everything large or
sparse, where a step is solved by conjugate gradients and a start near the optimum saves most of them.

Sources: Newton's method with the decrement as its stopping rule, Boyd & Vandenberghe (2004), section 9.5; over rows,
Rasmussen & Williams (2006), algorithm 3.1, written for the step, which loses no digits as it shrinks; by products,
Nocedal & Wright (2006), algorithm 7.1. scikit-learn's solvers of this kind take hard labels alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike
from threadpoolctl import threadpool_limits

from weaklabel.types.votes import FloatArray

_NEWTON_STEPS: Final = 100
# Newton ends when a step is expected to gain less than half of this per unit of weight: the next would be its square.
SMALLEST_GAIN: Final = 1e-14
# A step of Newton costs n d min(n, d); with more than this on the shorter side products with X are cheaper.
_NEWTON_SIDE: Final = 256
_CG_STEPS: Final = 500
# The share of the squared gradient that conjugate gradients may leave of a step far from the optimum.
_ROUGHEST: Final = 1e-2


@dataclass(frozen=True, slots=True)
class Fit:
    """An optimum, or as near as the solver came.

    Attributes:
        theta: `(d,)` float64; of `fit_gram` `(n,)`.
        logit: `(n,)` float64, `offset + X theta` of the rows fitted.
        converged: whether the stopping rule was met.
        iterations: steps taken.
    """

    theta: FloatArray
    logit: FloatArray
    converged: bool
    iterations: int


def fit_logistic(
    X: Any,
    p: ArrayLike,
    w: ArrayLike | None = None,
    *,
    precision: ArrayLike = 0.0,
    offset: ArrayLike = 0.0,
    start: ArrayLike | None = None,
    gain: float = SMALLEST_GAIN,
) -> Fit:
    """The minimum of the objective above.

    Args:
        X: `(n, d)`: an array, a sparse matrix, or anything with `shape`, `X @ theta` and `X.T @ residuals`.
        p: `(n,)` in [0, 1], the chance that a row is a success.
        w: `(n,)` >= 0; None counts 1. A row of weight 2 is a row given twice, one of weight 0 is not there.
        precision: `(d,)` or a number >= 0, of the prior on theta. Where it is 0 the caller sees to it that a finite,
            unique optimum exists, by rows that pull either way.
        offset: `(n,)` or a number, log-odds known beforehand.
        start: `(d,)`, where to begin; zero by default. The optimum does not depend on it.
        gain: nats per unit of weight; a step that promises less is the last one. Only where products with X cost so much
            that they are counted, as with n-grams; smaller problems are solved as well as can be.

    Raises:
        numpy.linalg.LinAlgError: a column without a prior that no row, or only other columns, can tell.

    >>> X = np.ones((4, 1))
    >>> fit = fit_logistic(X, [1, 1, 1, 0])  # three successes of four
    >>> fit.theta.round(6).tolist(), fit.converged  # log 3
    ([1.098612], True)
    >>> fit_logistic(X, [1, 1, 1, 0], offset=1.0).theta.round(6).tolist()
    [0.098612]
    """
    rows = _Rows.of(p, w, offset)
    n, d = X.shape
    ridge = np.broadcast_to(np.asarray(precision, dtype=np.float64), (d,))
    theta = np.zeros(d) if start is None else np.array(start, dtype=np.float64)
    if not isinstance(X, np.ndarray) or min(n, d) > _NEWTON_SIDE:
        return _by_products(X, rows, ridge, theta, gain)
    if d <= n or not (ridge > 0).all():
        return _over_columns(X, rows, ridge, theta)
    dual = _over_rows((X / ridge) @ X.T, rows, -rows.residual(rows.offset + X @ theta))
    return Fit((X.T @ dual.theta) / ridge, dual.logit, dual.converged, dual.iterations)


def fit_gram(
    K: FloatArray,
    p: ArrayLike,
    w: ArrayLike | None = None,
    *,
    offset: ArrayLike = 0.0,
) -> Fit:
    """The same over rows: `theta` `(n,)` such that the logits are `offset + K theta`.

    With `K = X diag(1 / precision) X'` the weights of the columns are `X' theta / precision`. At the optimum
    `theta = w (p - sigmoid(logit))`.

    Args:
        K: `(n, n)` float64, symmetric and positive semi-definite.
        p, w, offset: as for `fit_logistic`.

    >>> fit_gram(np.array([[1.0]]), [1.0]).theta.round(3).tolist()  # f = 1 - sigmoid(f) where f = .401
    [0.401]
    """
    rows = _Rows.of(p, w, offset)
    return _over_rows(K, rows, np.zeros(len(K)))


def one_thread() -> Any:
    """A context in which BLAS uses one thread: on small matrices several only wait for each other, and round by their number."""
    # scipy brings a BLAS of its own, and what is loaded inside the context is not held by it.
    import scipy.linalg  # noqa: F401

    return threadpool_limits(1, user_api="blas")


def nll_of_logit(logit: FloatArray, p: FloatArray | float) -> FloatArray:
    """`(n,)` float64, nats: p softplus(-logit) + (1 - p) softplus(logit), what soft labels `p` cost at these log-odds.

    >>> nll_of_logit(np.array([0.0, 2.0, -2.0]), np.array([1.0, 1.0, 0.0])).round(4).tolist()
    [0.6931, 0.1269, 0.1269]
    """
    size = np.abs(logit)
    return np.asarray(size / 2 + np.log1p(np.exp(-size)) - (p - 0.5) * logit, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class _Rows:
    """The likelihood's part of the objective, as a function of the logits z `(n,)`."""

    p: FloatArray
    w: FloatArray
    offset: FloatArray

    @classmethod
    def of(cls, p: ArrayLike, w: ArrayLike | None, offset: ArrayLike) -> _Rows:
        p_ = np.asarray(p, dtype=np.float64)
        w_ = np.ones(len(p_)) if w is None else np.asarray(w, dtype=np.float64)
        return cls(p_, w_, np.broadcast_to(np.asarray(offset, dtype=np.float64), p_.shape))

    def loss(self, z: FloatArray) -> float:
        return float(self.w @ nll_of_logit(z, self.p))

    def residual(self, z: FloatArray) -> FloatArray:
        """The derivative by z: w (sigmoid(z) - p)."""
        return self.w * (np.tanh(z / 2) / 2 - (self.p - 0.5))

    def curvature(self, z: FloatArray) -> FloatArray:
        """The second derivative: w sigmoid(z) sigmoid(-z), without cancellation."""
        tail = np.exp(-np.abs(z))
        return np.asarray(self.w * tail / (1.0 + tail) ** 2, dtype=np.float64)


def _over_columns(X: FloatArray, rows: _Rows, ridge: FloatArray, theta: FloatArray) -> Fit:
    def step(theta: FloatArray, z: FloatArray) -> tuple[FloatArray, FloatArray]:
        gradient = X.T @ rows.residual(z) + ridge * theta
        hessian = (X.T * rows.curvature(z)) @ X + np.diag(ridge)  # (d, d)
        size = np.sqrt(np.diag(hessian))
        size = np.where(size > 0, size, 1.0)  # columns of very different sizes are brought to one
        found = -np.linalg.solve(hessian / np.outer(size, size), gradient / size) / size
        return found, X @ found

    return _newton(rows, theta, rows.offset + X @ theta, lambda v, _: float(ridge @ v**2), step)


def _over_rows(K: FloatArray, rows: _Rows, a: FloatArray) -> Fit:
    from scipy.linalg import cho_factor, cho_solve

    def step(a: FloatArray, z: FloatArray) -> tuple[FloatArray, FloatArray]:
        # (I + W K) step = -(a + r), by B = I + W^.5 K W^.5, whose eigenvalues are at least 1.
        excess, root = a + rows.residual(z), np.sqrt(rows.curvature(z))
        B = root[:, None] * K * root
        B[np.diag_indices_from(B)] += 1.0
        factor = cho_factor(B.T, lower=True, overwrite_a=True)  # symmetric; in this order nothing is copied
        found = root * cho_solve(factor, root * (K @ excess)) - excess
        return found, K @ found

    return _newton(rows, a, rows.offset + K @ a, lambda v, Kv: float(v @ Kv), step)


def _newton(
    rows: _Rows,
    theta: FloatArray,
    z: FloatArray,
    norm: Callable[[FloatArray, FloatArray], float],
    step_at: Callable[[FloatArray, FloatArray], tuple[FloatArray, FloatArray]],
    gain: float = SMALLEST_GAIN,
) -> Fit:
    """Damped Newton steps.

    Args:
        theta, z: where to begin: parameters, and the logits they give.
        norm: of parameters and what they add to the logits, twice the penalty.
        step_at: the whole step from parameters and logits: its own parts `(d,)`, and what it adds to the logits `(n,)`.
    """

    def objective(theta: FloatArray, z: FloatArray) -> float:
        return rows.loss(z) + norm(theta, z - rows.offset) / 2

    value, enough = objective(theta, z), gain * float(rows.w.sum())
    for iteration in range(1, _NEWTON_STEPS + 1):
        step, slope = step_at(theta, z)
        decrement = float(rows.curvature(z) @ slope**2) + norm(step, slope)
        if decrement <= enough:
            return Fit(theta + step, z + slope, True, iteration)
        # A whole step can overshoot where the curve is flat. Rounding may hide a gain: so much is let pass.
        size, most = 1.0, value + 1e-12 * abs(value)
        while not (value := objective(theta + size * step, z + size * slope)) <= most and size > 1e-10:
            size /= 2
        theta, z = theta + size * step, z + size * slope
    return Fit(theta, z, False, _NEWTON_STEPS)


def _by_products(X: Any, rows: _Rows, ridge: FloatArray, theta: FloatArray, gain: float) -> Fit:
    held = ridge > 0
    unit = 1.0 / np.where(
        held, ridge, 1.0
    )  # a prior of precision 1 in these units, so that directions are alike

    def step(theta: FloatArray, z: FloatArray) -> tuple[FloatArray, FloatArray]:
        gradient = np.asarray(X.T @ rows.residual(z)).ravel() + ridge * theta
        return _conjugate_gradients(X, rows.curvature(z), ridge, unit, gradient, float(rows.w.sum()), gain)

    return _newton(rows, theta, rows.offset + X @ theta, lambda v, _: float(ridge @ v**2), step, gain)


def _conjugate_gradients(
    X: Any,
    curvature: FloatArray,
    ridge: FloatArray,
    unit: FloatArray,
    gradient: FloatArray,
    weight: float,
    gain: float,
) -> tuple[FloatArray, FloatArray]:
    """A step of Newton `(d,)`, solved the better the nearer the optimum, and what it adds to the logits `(n,)`."""
    found, slope = np.zeros(len(gradient)), np.zeros(len(curvature))
    left = -gradient
    size = first = float(left @ (unit * left))
    # Near the optimum a whole step leaves a share of the way as small as the way itself, and its solution no more.
    enough = first * min(_ROUGHEST, first / weight) if weight else 0.0
    enough = max(enough, gain * weight / 100)
    towards = unit * left
    for _ in range(_CG_STEPS):
        if size <= enough:
            break
        moved = X @ towards
        pull = np.asarray(X.T @ (curvature * moved)).ravel() + ridge * towards
        length = size / float(towards @ pull)
        found += length * towards
        slope += length * moved
        left -= length * pull
        before, size = size, float(left @ (unit * left))
        towards = unit * left + (size / before) * towards
    return found, slope
