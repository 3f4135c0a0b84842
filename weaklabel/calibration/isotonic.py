"""Isotonic regression: how often the model is right, as any non-decreasing function of |z|.

Source: Zadrozny & Elkan (2002), section 3; pool-adjacent-violators from scipy. Departures: it is fitted on |z|
against right or wrong, so that it is odd; each pooled block of weight n with k right says (k + 1) / (n + 2)
(Laplace) and the blocks are pooled once more, so that a short perfect run at the top does not claim certainty; no
block says less than .5; between the centres of blocks the log-odds are interpolated, outside they are constant; and
of the log-odds that come out a twentieth is a temperature's, which makes the staircase rise everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from weaklabel.calibration.base import Calibrator
from weaklabel.calibration.temperature import SLOPE, fit_factor
from weaklabel.types import FloatArray


class Isotonic(Calibrator):
    """Any rising curve; keeps the order of all pairs. Needs a thousand gold pairs to pay.

    Attributes:
        knots_: `(k,)` float64, rising |z|, after `fit`.
        logits_: `(k,)` float64 >= 0, non-decreasing log-odds there, the staircase's share of what comes out; a single
            0 if no row had gold and a logit other than 0.
        slope_: the temperature's share, per unit of |z|; > 0, and 0 in files of older versions.

    >>> calibrator = Isotonic().fit([1.0] * 4 + [3.0] * 8, [1, 1, 1, 0] + [1] * 8)
    >>> out = calibrator.transform([0.5, 1.0, 3.0])
    >>> p = 1 / (1 + np.exp(-(out - calibrator.slope_ * np.array([0.5, 1.0, 3.0])) / 0.95))
    >>> p.round(6).tolist()  # (3 + 1) / (4 + 2) below and at 1, (8 + 1) / (8 + 2) at 3
    [0.666667, 0.666667, 0.9]
    >>> bool(out[0] < out[1])
    True
    """

    name = "isotonic"
    least_gold = 1000
    numbers = ("slope",)
    curves = ("knots", "logits")
    added: ClassVar[Mapping[str, float]] = {"slope": 0.0}

    def _fit(
        self, strength: FloatArray, right: FloatArray, weight: FloatArray, prompts: NDArray[np.intp]
    ) -> None:
        self.slope_ = SLOPE * fit_factor(strength, right, weight)
        if not len(strength):
            self.knots_, self.logits_ = np.zeros(1), np.zeros(1)
            return
        s, where = np.unique(strength, return_inverse=True)
        n, k = (np.asarray(np.bincount(where, v), dtype=np.float64) for v in (weight, weight * right))
        s, n, k = _pool(s, n, k, prior=0.0)
        # One pair right and one wrong per block; pooled again, because small blocks are drawn in further.
        s, n, k = _pool(s, n, k, prior=1.0)
        p = np.maximum((k + 1.0) / (n + 2.0), 0.5)
        self.knots_, self.logits_ = s, (1.0 - SLOPE) * np.maximum.accumulate(np.log(p / (1.0 - p)))

    def _strength(self, strength: FloatArray) -> FloatArray:
        steps = np.interp(strength, self._require("knots_"), self.logits_)
        return np.asarray(steps + self.slope_ * strength, dtype=np.float64)

    def _can_be(self) -> bool:
        return len(self.knots_) > 0


def _pool(
    s: FloatArray, n: FloatArray, k: FloatArray, prior: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Merge neighbours whose share (k + prior) / (n + 2 prior) falls: their mean s, summed n and k."""
    from scipy.optimize import isotonic_regression

    starts = isotonic_regression((k + prior) / (n + 2 * prior), weights=n + 2 * prior).blocks[:-1]
    total = np.add.reduceat(n, starts)
    return np.add.reduceat(n * s, starts) / total, total, np.add.reduceat(k, starts)
