"""Platt's sigmoid, in the form that pairs allow: a slope, and a step where the model speaks at all.

    logit = sign(z) (a |z| + b),  a > 0, b >= 0

Source: Platt (1999), section 2.2, fits sigmoid(a z + b). For pairs an intercept on the signed logit would be a
preference for a position: the pair and its mirror image would get probabilities that do not add up to one. So
the intercept goes on |z|: b is what the mere direction is worth, however faintly it was said. A negative b would
turn faint votes into votes for the other side and is not allowed. Platt's smoothed targets are replaced by four half
pairs, right and wrong, at 0 and at twice the mean |z|: they bound slope and step when data are few or separable.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from weaklabel.calibration.base import Calibrator
from weaklabel.calibration.temperature import SMALLEST
from weaklabel.logistic import fit_logistic, nll_of_logit
from weaklabel.types import FloatArray


class Platt(Calibrator):
    """Slope and step on |z|; keeps the order of all pairs.

    Attributes:
        slope_: `a` > 0, after `fit`; 1 if no row had gold and a logit other than 0.
        step_: `b` >= 0; 0 if there was no such row.

    >>> said = np.repeat([1.0, 2.0], 1000)
    >>> true = np.concatenate([np.arange(1000) < 700, np.arange(1000) < 800])  # log-odds .85 and 1.39
    >>> calibrator = Platt().fit(said, true)
    >>> round(calibrator.slope_, 2), round(calibrator.step_, 2)
    (0.53, 0.31)
    """

    name = "platt"
    least_gold = 200
    numbers = ("slope", "step")

    def _fit(
        self, strength: FloatArray, right: FloatArray, weight: FloatArray, prompts: NDArray[np.intp]
    ) -> None:
        self.slope_, self.step_ = _slope_and_step(strength, right, weight)

    def _strength(self, strength: FloatArray) -> FloatArray:
        return np.asarray(self._require("slope_") * strength + self.step_, dtype=np.float64)


def _slope_and_step(strength: FloatArray, right: FloatArray, weight: FloatArray) -> tuple[float, float]:
    if not len(strength):
        return 1.0, 0.0
    mean = float(np.average(strength, weights=weight))
    s = np.append(strength, [0.0, 0.0, 2 * mean, 2 * mean])
    t = np.append(right, [1.0, 0.0, 1.0, 0.0])
    w = np.append(weight, [0.5] * 4)
    least = SMALLEST / mean
    slope, step = fit_logistic(np.column_stack([s, np.ones_like(s)]), t, w).theta.tolist()
    if slope >= least and step >= 0:
        return slope, step
    # The loss is convex, so a best point outside the allowed quadrant means that the best allowed one lies on an
    # edge: no step, or the smallest slope.
    steep = float(fit_logistic(s[:, None], t, w).theta[0])
    flat = float(fit_logistic(np.ones((len(s), 1)), t, w, offset=least * s).theta[0])
    edges = [(max(steep, least), 0.0), (least, max(flat, 0.0))]
    return min(edges, key=lambda edge: float(w @ nll_of_logit(edge[0] * s + edge[1], t)))
