"""A temperature held towards 1: for log-odds that gold has scaled already, and little gold to scale them again.

    p = sigmoid(a z),  a minimises  sum_i w_i NLL(a z_i) / D + (log a)^2 / (2 spread^2)

A label model that was fitted to gold, its strength judged on prompts left out, is regularised. What its out-of-fold
log-odds leave for a factor to mend is small, and with 25 to 200 gold pairs a free factor is noise: on real pairs
factors between .003 and 2.8 were fitted, at a cost of .002 to .02 nats per pair against leaving the log-odds alone.

The sum, not the mean, is set against the prior, so that gold outvotes it in the end. Rows of one prompt are not
independent, so they count for less: D is the design effect (Kish 1965) of the NLL at a = 1.

Source: the maximum a posteriori with a log-normal prior, on Guo, Pleiss, Sun, Weinberger (2017), section 4.2. The
spread, .25, was chosen with the gold-taught mixtures of `pair_model` on three development sets (MT-Bench,
UltraFeedback, HH-RLHF; shipped functions) at 25 to 400 gold pairs: .15 to .5 differ by .003 nats or less but at 25
pairs, where the narrower is .009 better on one set and .003 worse on the others.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from weaklabel.calibration.base import Calibrator
from weaklabel.logistic import nll_of_logit
from weaklabel.metrics.rows import design_effect, group_numbers
from weaklabel.types import FloatArray

_SPREAD: Final = 0.25
_FARTHEST: Final = 12.0  # of log a: the prior costs 1,152 nats there


class ShrunkTemperature(Calibrator):
    """One positive factor, near 1 unless much gold says otherwise; keeps the order of all pairs.

    Attributes:
        factor_: `a`, after `fit`; 1 if no row had gold and a logit other than 0.

    >>> few, many = ([2.0] * n for n in (10, 10_000))
    >>> round(ShrunkTemperature().fit(few, [1, 0] * 5).factor_, 2)  # a coin: a temperature would say .0005
    0.75
    >>> ShrunkTemperature().fit(many, [1, 0] * 5000).factor_ < 0.1
    True
    """

    name = "shrunk_temperature"
    numbers = ("factor",)

    def _fit(
        self, strength: FloatArray, right: FloatArray, weight: FloatArray, prompts: NDArray[np.intp]
    ) -> None:
        self.factor_ = _most_likely_factor(strength, right, weight, prompts) if len(strength) else 1.0

    def _strength(self, strength: FloatArray) -> FloatArray:
        return np.asarray(self._require("factor_") * strength, dtype=np.float64)


def _most_likely_factor(
    strength: FloatArray, right: FloatArray, weight: FloatArray, prompts: NDArray[np.intp]
) -> float:
    from scipy.optimize import minimize_scalar

    per_row = weight / design_effect(nll_of_logit(strength, right), group_numbers(prompts, len(prompts)))

    def loss(log_a: float) -> float:
        return float(per_row @ nll_of_logit(np.exp(log_a) * strength, right) + 0.5 * (log_a / _SPREAD) ** 2)

    # The loss need not be convex in log a: a coarse look first.
    grid = np.arange(-_FARTHEST, _FARTHEST + 1.0)
    start = float(grid[int(np.argmin([loss(g) for g in grid]))])
    best = minimize_scalar(loss, bounds=(start - 1.0, start + 1.0), method="bounded", options={"xatol": 1e-9})
    return float(np.exp(best.x))
