"""No calibration: the logit as it is. What there is without gold."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from weaklabel.calibration.base import Calibrator
from weaklabel.types import FloatArray


class Identity(Calibrator):
    """Leaves the logit alone. What it passes on is as calibrated as it was before.

    >>> Identity().transform([-2.0, 0.5]).tolist()
    [-2.0, 0.5]
    """

    name = "identity"
    calibrates = False

    def _fit(
        self, strength: FloatArray, right: FloatArray, weight: FloatArray, prompts: NDArray[np.intp]
    ) -> None: ...

    def _strength(self, strength: FloatArray) -> FloatArray:
        return strength
