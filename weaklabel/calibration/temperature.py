"""Temperature: one factor on the logit.

    p = sigmoid(a z),  a > 0

Source: Guo, Pleiss, Sun, Weinberger (2017), section 4.2, with a = 1 / T. Departure: two pairs are added at the
mean |z|, one right and one wrong (Laplace's rule of succession), so that few pairs, or pairs that are all right,
give a finite factor; with n pairs of equal |z| and k right, the calibrated p is (k + 1) / (n + 2).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from weaklabel.calibration.base import Calibrator
from weaklabel.logistic import fit_logistic
from weaklabel.types import FloatArray

SMALLEST: Final = 1e-3
"""Where the model is right no more than half of the time, the factor stops where the mean log-odds is this: the
labels are next to worthless and say so, but keep their order."""

SLOPE: Final = 0.05
"""The share that a temperature has in curves with flat stretches, so that no two verdicts become equal."""


class Temperature(Calibrator):
    """One positive factor; keeps the order of all pairs.

    Attributes:
        factor_: `a`, after `fit`; 1 if no row had gold and a logit other than 0.

    >>> calibrator = Temperature().fit([3.0] * 8, [1, 1, 1, 1, 1, 1, 0, 0])
    >>> round(float(1 / (1 + np.exp(-calibrator.transform([3.0])[0]))), 6)  # (6 + 1) / (8 + 2)
    0.7
    """

    name = "temperature"
    numbers = ("factor",)

    def _fit(
        self, strength: FloatArray, right: FloatArray, weight: FloatArray, prompts: NDArray[np.intp]
    ) -> None:
        self.factor_ = fit_factor(strength, right, weight)

    def _strength(self, strength: FloatArray) -> FloatArray:
        return np.asarray(self._require("factor_") * strength, dtype=np.float64)


def fit_factor(strength: FloatArray, right: FloatArray, weight: FloatArray) -> float:
    """The factor `a` of `Temperature`, at least `SMALLEST` over the mean strength."""
    if not len(strength):
        return 1.0
    mean = float(np.average(strength, weights=weight))
    s = np.append(strength, [mean, mean])
    best = fit_logistic(s[:, None], np.append(right, [1.0, 0.0]), np.append(weight, [1.0, 1.0])).theta
    return max(float(best[0]), SMALLEST / mean)
