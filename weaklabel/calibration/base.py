"""The contract of a calibrator: log-odds in, log-odds that mean what they say out.

A pair has no direction, so what is learned is one function of strength: how often a model that says |z| is
right. The output is that function with the sign of z put back, odd to the last bit whatever was fitted, and a
pair on which nothing speaks (z = 0) stays at 0. For the same reason a fit cannot tell in which order the
training pairs were written.

That function rises everywhere. Flat stretches cost nothing on the gold that they were fitted to and much elsewhere:
faint verdicts became exactly 0, p = .5, on 13 to 47% of the pairs of other data sets.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Final, Self, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from weaklabel._shown import Shown
from weaklabel._validation import check_gold, number_within
from weaklabel.errors import LabelMatrixError, NotCalibratedError, NotFittedError
from weaklabel.metrics.rows import group_numbers
from weaklabel.types import FloatArray

# Log-odds smaller than this are silence (they move p by 2.5e-7): what is left where votes cancel is rounding, and a
# step at 0 must not turn it into a verdict. Larger than the other is certainty: it would only bring overflow.
SILENCE: Final = 1e-6
_CERTAINTY: Final = 1e6
# Of what is learned: certainty over silence. Products of these stay finite.
_LARGEST: Final = _CERTAINTY / SILENCE


class Calibrator(Shown, ABC):
    """An increasing odd function of the logit, fitted to gold.

    Fit it on logits of pairs that the label model did not learn from (out of fold); on a model's own training
    pairs it learns the model's vanity.
    """

    name: ClassVar[str]
    least_gold: ClassVar[int] = 0
    """Gold pairs from which on `choose_calibrator` considers it unasked."""
    calibrates: ClassVar[bool] = True
    """Whether gold enters the fit. Labels behind a calibrator that does not are still uncalibrated."""
    numbers: ClassVar[tuple[str, ...]] = ()
    """Numbers that `fit` learns, each stored under its name and `_`; all are >= 0."""
    curves: ClassVar[tuple[str, ...]] = ()
    """The same of arrays `(k,)`, >= 0 and non-decreasing, all of one length."""
    added: ClassVar[Mapping[str, float]] = {}
    """Of `numbers`, those that earlier versions did not save, and what they were there."""

    def _values(self) -> list[tuple[str, Any]]:
        learned = [f"{name}_" for name in (*self.numbers, *self.curves)]
        return [(name, getattr(self, name)) for name in learned if hasattr(self, name)]

    @final
    def fit(
        self,
        logit: ArrayLike,
        y: ArrayLike,
        groups: ArrayLike | None = None,
        weight: ArrayLike | None = None,
    ) -> Self:
        """Learn from pairs with gold.

        Args:
            logit: `(n,)` float64, log-odds that B wins, finite.
            y: `(n,)`: 0 (A), 1 (B), .5 (tie: half right), NaN (unknown: not used).
            groups: `(n,)` prompt numbers, for methods that count rows of one prompt as fewer; None takes each row
                for a prompt of its own.
            weight: `(n,)` float64 >= 0, how much each pair counts; None counts 1.

        Where gold is known but every logit is 0 there is nothing to learn, and the fit is that of no rows: the
        prior of the method.

        Raises:
            NotCalibratedError: no pair has gold and weight.
            LabelMatrixError: shapes that differ, a logit that is not finite, a negative weight.
        """
        z = check_logit(logit)
        truth = check_gold(y, len(z))
        w = _check_weight(weight, len(z)) * ~np.isnan(truth)
        if self.calibrates and not w.any():
            raise NotCalibratedError(
                f"{self.name}: none of {len(z)} pairs has gold to calibrate on. "
                "Pass pairs with gold, or use the 'identity' calibrator and uncalibrated labels."
            )
        strength = np.minimum(np.abs(z), _CERTAINTY)
        used = (w > 0) & (strength > SILENCE)
        right = np.where(z > 0, truth, 1.0 - truth)
        self._fit(strength[used], right[used], w[used], group_numbers(groups, len(z))[used])
        return self

    @final
    def transform(self, logit: ArrayLike) -> FloatArray:
        """`(n,)` float64: calibrated log-odds; `transform(-z) == -transform(z)` exactly, |z| up to 1e-6 gives 0.

        Raises:
            NotFittedError: before `fit`.
            LabelMatrixError: a logit that is not finite.
        """
        z = check_logit(logit)
        size = np.abs(z)
        direction = np.where(size > SILENCE, np.sign(z), 0.0)
        return direction * self._strength(np.minimum(size, _CERTAINTY))

    @abstractmethod
    def _fit(
        self, strength: FloatArray, right: FloatArray, weight: FloatArray, prompts: NDArray[np.intp]
    ) -> None:
        """Learn from `strength` = |z| > 0, `right` (1, 0 or .5), `weight` > 0 and prompt numbers; any of length 0."""

    @abstractmethod
    def _strength(self, strength: FloatArray) -> FloatArray:
        """Calibrated log-odds >= 0 for |z| >= 0, strictly increasing."""

    def to_dict(self) -> dict[str, Any]:
        """The name and what was learned, as JSON values."""
        learned = (*self.numbers, *self.curves)
        return {
            "name": self.name,
            **{name: np.asarray(self._require(f"{name}_")).tolist() for name in learned},
        }

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> Self:
        """The calibrator that `to_dict` wrote; transforms to the bit as it did.

        Raises:
            KeyError, TypeError, ValueError: a value that is missing, or that no fit gives.
        """
        calibrator, state = cls(), {**cls.added, **state}
        for name in cls.numbers:
            setattr(calibrator, f"{name}_", number_within(state[name], 0.0, _LARGEST))
        curves = [np.array([number_within(v, 0.0, _LARGEST) for v in state[name]]) for name in cls.curves]
        for name, curve in zip(cls.curves, curves, strict=True):
            setattr(calibrator, f"{name}_", curve)
        even = len({len(curve) for curve in curves}) <= 1
        if not even or any((np.diff(curve) < 0).any() for curve in curves) or not calibrator._can_be():
            raise ValueError(f"no fit gives these {', '.join(cls.curves)}")
        return calibrator

    def _can_be(self) -> bool:
        """Whether what was loaded fits together."""
        return True

    def _require(self, attribute: str) -> Any:
        value = getattr(self, attribute, None)
        if value is None:
            raise NotFittedError(f"{type(self).__name__} is not fitted. Call fit(logit, y) before transform.")
        return value


def check_logit(logit: ArrayLike) -> FloatArray:
    z = np.asarray(logit, dtype=np.float64)
    if z.ndim != 1:
        raise LabelMatrixError(f"logit has shape {z.shape}, expected (n,): one log-odds per pair.")
    if not np.isfinite(z).all():
        raise LabelMatrixError(
            f"logit is not finite in {int((~np.isfinite(z)).sum())} of {len(z)} rows. Clip it: 30 is certainty."
        )
    return z


def _check_weight(weight: ArrayLike | None, n: int) -> FloatArray:
    w = np.ones(n) if weight is None else np.asarray(weight, dtype=np.float64)
    if w.shape != (n,) or not (np.isfinite(w) & (w >= 0)).all():
        raise LabelMatrixError(f"weight must have shape ({n},) and finite values >= 0: one per pair.")
    return w
