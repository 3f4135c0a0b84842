"""Venn-Abers: for each pair an interval of probabilities, narrow where gold is plenty and wide where it is scarce.

The pair is added to the gold twice, once as wrong and once as right, and isotonic regression is fitted each time:
p0 and p1 are what the two fits say of it. One of the two is the fit with the true answer, and on that fit's word
one may rely: whatever the distribution, the probability that goes with the true answer is perfectly calibrated.

Source: Vovk & Petej (2014), section 3; inductive form, the merged p1 / (1 - p0 + p1) for log loss and the geometric
representation, Vovk, Petej & Fedorova (2015), sections 2 to 4. Departures: scores are |z| and outcomes are right or
wrong, so that swapping the responses turns [p0, p1] into [1 - p1, 1 - p0] exactly; the point, unlike the interval,
never speaks against the direction of z, and a twentieth of its log-odds is a temperature's, so that no two verdicts
become equal. The promise holds for logits of a model that saw none of this gold; out-of-fold logits,
which a labeler calibrates on, come close to that. All p0 and p1 are found at once, in O(n log n).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from weaklabel.calibration.base import SILENCE, Calibrator, check_logit
from weaklabel.calibration.hulls import raised_isotonic
from weaklabel.calibration.temperature import SLOPE, fit_factor
from weaklabel.types import FloatArray


class VennAbers(Calibrator):
    """Intervals of probability, and as a calibrator the point between; keeps the order of all pairs.

    Attributes:
        knots_: `(k,)` float64, rising |z| of the gold, after `fit`.
        lower_: `(k,)` float64 in [0, 1), non-decreasing: p0 of a pair at least that sure, up to the next knot.
        upper_: `(k,)` float64 in (0, 1], non-decreasing: p1 of a pair at most that sure, down to the knot before.
        slope_: the temperature's share of the point, log-odds per unit of |z|; > 0, and 0 in files of older versions.

    >>> calibrator = VennAbers().fit([1.0] * 4 + [3.0] * 8, [1, 1, 1, 0] + [1] * 8)
    >>> calibrator.intervals([1.0, 3.0, -3.0]).round(3).tolist()  # 3 of 5 and 4 of 5; 8 of 9 and 9 of 9; turned
    [[0.6, 0.8], [0.889, 1.0], [0.0, 0.111]]
    >>> point = (calibrator.transform([1.0, 3.0]) - calibrator.slope_ * np.array([1.0, 3.0])) / 0.95
    >>> (1 / (1 + np.exp(-point))).round(6).tolist()  # .8 / (1 - .6 + .8), and (8 + 1) / (8 + 2)
    [0.666667, 0.9]
    """

    name = "venn_abers"
    numbers = ("slope",)
    curves = ("knots", "lower", "upper")
    added: ClassVar[Mapping[str, float]] = {"slope": 0.0}

    def intervals(self, logit: ArrayLike) -> FloatArray:
        """`(n, 2)` float64 in [0, 1]: p0 and p1, between which P(B beats A) lies, for log-odds `(n,)`.

        Swapping turns them round exactly: `intervals(-z) == 1 - intervals(z)[:, ::-1]`. Where nothing speaks
        (|z| up to 1e-6) the interval holds what either direction would say.

        Raises:
            NotFittedError: before `fit`.
            LabelMatrixError: a logit that is not finite.
        """
        z = check_logit(logit)
        low, high = self._bounds(np.abs(z))
        # To a multiple of 2^-53, of which 1 - p is another: turned round twice it is the same to the last bit.
        low, high = 1.0 - (1.0 - low), 1.0 - (1.0 - high)
        for_b, silent = z > 0, np.abs(z) <= SILENCE
        p0, p1 = np.where(for_b, low, 1.0 - high), np.where(for_b, high, 1.0 - low)
        p0 = np.where(silent, np.minimum(low, 1.0 - high), p0)
        return np.column_stack([p0, np.where(silent, 1.0 - p0, p1)])

    def _fit(
        self, strength: FloatArray, right: FloatArray, weight: FloatArray, prompts: NDArray[np.intp]
    ) -> None:
        self.slope_ = SLOPE * fit_factor(strength, right, weight)
        self.knots_, where = np.unique(strength, return_inverse=True)
        n, k = (
            np.asarray(np.bincount(where, v, len(self.knots_)), dtype=np.float64)
            for v in (weight, weight * right)
        )
        # A wrong answer is a right one in the mirror: faint becomes loud, right becomes wrong.
        self.upper_ = np.maximum.accumulate(raised_isotonic(n, k))
        self.lower_ = np.maximum.accumulate(1.0 - raised_isotonic(n[::-1], (n - k)[::-1])[::-1])

    def _strength(self, strength: FloatArray) -> FloatArray:
        low, high = self._bounds(strength)
        share = 1.0 - SLOPE if self.slope_ > 0 else 1.0
        return share * np.maximum(np.log(high / (1.0 - low)), 0.0) + self.slope_ * strength

    def _bounds(self, strength: FloatArray) -> tuple[FloatArray, FloatArray]:
        """p0 and p1 that the named winner is right.

        Another right answer between two knots pools with the sure side, a wrong one with the faint side: right is
        at least what follows, wrong at most what comes before.
        """
        knots = self._require("knots_")
        high = np.append(self.upper_, 1.0)[np.searchsorted(knots, strength, side="left")]
        low = np.append(0.0, self.lower_)[np.searchsorted(knots, strength, side="right")]
        return low, high

    def _can_be(self) -> bool:
        in_range = (self.lower_ < 1) & (self.upper_ > 0) & (self.upper_ <= 1)
        return bool((in_range & (self.lower_ <= self.upper_)).all())
