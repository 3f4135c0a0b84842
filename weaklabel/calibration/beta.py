"""Beta calibration, in the form that pairs allow: one weight for faint log-odds, one for loud ones.

    logit = sign(z) (a u + b v),   u = log 2q,  v = -log 2(1 - q),  q = sigmoid(|z|),  a, b > 0

u + v = |z|, so a = b is a temperature. u stops at log 2 while v runs on: faint log-odds are worth (a + b) / 2
each, loud ones b. A model that boasts only where it is loud has b < a; no temperature repairs that.

Source: Kull, Silva Filho & Flach (2017), eq. 3: logit = a log p - b log(1 - p) + c. Departures: fitted on the
confidence q of the named winner, so that it is odd (on p itself oddness would ask for a = b and c = 0, which is a
temperature); c is what makes u and v start at 0, so that there is no step there (`Platt` has one). Two pairs are
added as in `Temperature`, a quarter of them each right and wrong at half and at twice the mean |z|: they bound a
and b when data are few or separable.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from weaklabel.calibration.base import Calibrator
from weaklabel.calibration.temperature import SMALLEST
from weaklabel.logistic import fit_logistic, nll_of_logit
from weaklabel.types import FloatArray


class Beta(Calibrator):
    """Two weights, a bend between faint and loud; keeps the order of all pairs.

    Attributes:
        a_: weight of the part that saturates, >= 0, after `fit`; 1 if no row had gold and a logit other than 0.
        b_: weight of the part that does not, > 0; 1 if there was no such row.

    >>> said = np.repeat([0.5, 6.0], 1000)
    >>> true = np.concatenate([np.arange(1000) < 600, np.arange(1000) < 800])  # log-odds .41 and only 1.39
    >>> calibrator = Beta().fit(said, true)
    >>> (1 / (1 + np.exp(-calibrator.transform([0.5, 6.0])))).round(2).tolist()
    [0.6, 0.8]
    >>> calibrator.a_ > 1.5, calibrator.b_ < 0.2
    (True, True)
    """

    name = "beta"
    least_gold = 200
    numbers = ("a", "b")

    def _fit(
        self, strength: FloatArray, right: FloatArray, weight: FloatArray, prompts: NDArray[np.intp]
    ) -> None:
        self.a_, self.b_ = _two_weights(strength, right, weight)

    def _strength(self, strength: FloatArray) -> FloatArray:
        u, v = _faint_and_loud(strength)
        return np.asarray(self._require("a_") * u + self.b_ * v, dtype=np.float64)


def _two_weights(strength: FloatArray, right: FloatArray, weight: FloatArray) -> tuple[float, float]:
    if not len(strength):
        return 1.0, 1.0
    mean = float(np.average(strength, weights=weight))
    s = np.append(strength, [mean / 2, mean / 2, 2 * mean, 2 * mean])
    t = np.append(right, [1.0, 0.0, 1.0, 0.0])
    w = np.append(weight, [0.5] * 4)
    least = SMALLEST / mean
    X = np.column_stack(_faint_and_loud(s))
    a, b = _free_weights(s, t, w)
    if a >= 0 and b >= least:
        return a, b
    # The loss is convex, so a best point outside the allowed quadrant means that the best allowed one lies on an
    # edge: one of the two parts alone (the other as good as gone).
    edges = [(0.0, max(_alone(X[:, 1], t, w), least)), (max(_alone(X[:, 0], t, w), 0.0), least)]
    return min(edges, key=lambda edge: float(w @ nll_of_logit(X @ np.array(edge), t)))


def _free_weights(s: FloatArray, t: FloatArray, w: FloatArray) -> tuple[float, float]:
    """The best a and b of any sign."""
    # u and v are twins where all is faint, |z| and v - u where all is loud; orthogonal columns serve both.
    X = np.column_stack([s, _bend(s)])
    size = np.sqrt((w[:, None] * X**2).sum(axis=0))
    _, R = np.linalg.qr(X / size * np.sqrt(w)[:, None])
    if abs(R[1, 1]) < 1e-9:
        return -1.0, -1.0  # a bend that cannot be seen: an edge will do
    try:
        mixed = np.linalg.solve(R, fit_logistic(np.linalg.solve(R.T, (X / size).T).T, t, w).theta)
    except np.linalg.LinAlgError:
        return -1.0, -1.0  # log-odds or weights over ten orders of magnitude: the few that count show no bend
    slope, bend = (float(v) for v in mixed / size)
    return slope - bend, slope + bend


def _alone(column: FloatArray, t: FloatArray, w: FloatArray) -> float:
    return float(fit_logistic(column[:, None], t, w).theta[0])


def _faint_and_loud(s: FloatArray) -> tuple[FloatArray, FloatArray]:
    """u and v; they add up to s."""
    bend = _bend(s)
    return (s - bend) / 2, (s + bend) / 2


def _bend(s: FloatArray) -> FloatArray:
    """v - u = 2 log cosh(s / 2), without overflow for large s and without cancellation for small."""
    return np.asarray(np.maximum(s + 2 * np.log1p(np.expm1(-s) / 2), 0.0))
