"""A temperature held towards 1: for log-odds that gold has scaled already, and little gold to scale them again.

    p = sigmoid(a z),  a minimises  sum_i w_i NLL(a z_i) / D + (log a)^2 / (2 spread^2)

A label model that was fitted to gold, its strength judged on prompts left out, is regularised. What its out-of-fold
log-odds leave for a factor to mend is small, and with 25 to 200 gold pairs a free factor is noise: on real pairs
factors between .003 and 2.8 were fitted, at a cost of .002 to .02 nats per pair against leaving the log-odds alone. How
the sum is weighed against the prior: `gentle.py`.

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
from weaklabel.calibration.gentle import gentle_factor
from weaklabel.types import FloatArray

SPREAD: Final = 0.25
"""Of the logarithm of the factor, beforehand."""


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
        self.factor_ = gentle_factor(strength, right, prompts, spread=SPREAD, w=weight)

    def _strength(self, strength: FloatArray) -> FloatArray:
        return np.asarray(self._require("factor_") * strength, dtype=np.float64)
