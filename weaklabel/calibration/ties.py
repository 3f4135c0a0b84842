"""How likely a tie is, given a calibrated belief: Davidson's model with one parameter.

A belief p = P(B) + P(tie) / 2 says who is better, not how often people find no winner. Where gold holds ties,
one number nu says how ready people are to call one:

    P(tie) = nu / (g + 1/g + nu),   P(B) = g / (g + 1/g + nu),   p = (g + nu/2) / (g + 1/g + nu)

with g the square root of the strength of B over A. Given p, g solves a quadratic equation; with m = p - 1/2 and
S = sqrt(1 - 4 m^2 + nu^2 m^2) what remains is P(tie) = nu (1 - 4 m^2) / (2 S + nu): most likely at p = 1/2, the same
for p and 1 - p, and never so large that P(A) or P(B) would be negative.

Source: Davidson (1970), eq. 2.1 and 2.2. Departures: strengths are not fitted but read from p; nu by maximum
likelihood with one pair added at p = 1/2, a third of it a tie (nu = 1); gold without any tie gives nu = 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Self

import numpy as np
from numpy.typing import ArrayLike

from weaklabel._shown import Shown
from weaklabel._validation import check_gold, number_within
from weaklabel.errors import ArtifactError, LabelMatrixError, NotFittedError
from weaklabel.types import FloatArray

_EPS: Final = 1e-6  # a certainty that turned out wrong must not cost infinity
_WIDEST: Final = 12.0  # |log nu|; e^12 is a tie always
_LARGEST: Final = 1e6  # nu: above what is ever searched


class TieModel(Shown):
    """P(tie) for calibrated beliefs.

    Attributes:
        nu_: >= 0, after `fit`; at p = 1/2 a tie has probability nu / (2 + nu).

    >>> model = TieModel().fit([0.5] * 99, [0.5] * 33 + [1.0] * 33 + [0.0] * 33)
    >>> model.p_tie([0.5, 0.9, 0.1]).round(2).tolist()
    [0.33, 0.15, 0.15]
    """

    nu_: float

    def _values(self) -> list[tuple[str, Any]]:
        return [("nu_", self.nu_)] if hasattr(self, "nu_") else []

    def fit(self, p: ArrayLike, y: ArrayLike) -> Self:
        """Learn nu.

        Args:
            p: `(n,)` in [0, 1], beliefs of a model that did not see this gold (out of fold).
            y: `(n,)`: 0 (A), 1 (B), .5 (tie), NaN (unknown: not used).

        Raises:
            LabelMatrixError: shapes that differ, p outside [0, 1], no gold value.
        """
        rest = _rest(p)
        truth = check_gold(y, len(rest))
        known = ~np.isnan(truth)
        p_ = np.asarray(p, dtype=np.float64)
        right = np.where(p_ >= 0.5, truth, 1.0 - truth)[known]
        self.nu_ = _most_likely_nu(rest[known], right) if (right == 0.5).any() else 0.0
        return self

    def p_tie(self, p: ArrayLike) -> FloatArray:
        """`(n,)` float64: P(tie); the same for p and 1 - p, and half of it at most the smaller of p and 1 - p.

        Raises:
            NotFittedError: before `fit`.
            LabelMatrixError: p outside [0, 1].
        """
        if not hasattr(self, "nu_"):
            raise NotFittedError("TieModel is not fitted. Call fit(p, y) before p_tie.")
        return _p_tie(_rest(p), self.nu_)

    def probabilities(self, p: ArrayLike) -> FloatArray:
        """`(n, 3)` float64: P(A), P(tie), P(B); rows add up to 1, and P(B) + P(tie) / 2 is p.

        >>> TieModel.from_dict({"nu": 1.0}).probabilities([0.5]).round(3).tolist()
        [[0.333, 0.333, 0.333]]
        """
        tie, p_ = self.p_tie(p), np.asarray(p, dtype=np.float64)
        return np.column_stack([np.maximum(1.0 - p_ - tie / 2, 0.0), tie, np.maximum(p_ - tie / 2, 0.0)])

    def to_dict(self) -> dict[str, Any]:
        """What was learned, as JSON values."""
        if not hasattr(self, "nu_"):
            raise NotFittedError("TieModel is not fitted. Call fit(p, y) before to_dict.")
        return {"nu": self.nu_}

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> Self:
        """The model that `to_dict` wrote.

        Raises:
            ArtifactError: no `nu`, or one that is negative or no number.
        """
        model = cls()
        try:
            model.nu_ = number_within(state["nu"], 0.0, _LARGEST)
        except (KeyError, TypeError, ValueError) as error:
            problem = f"{type(error).__name__}: {error}"
            raise ArtifactError(
                f"a saved tie model has no nu of 0 or more ({problem}). Fit and save the labeler again."
            ) from None
        return model


def _most_likely_nu(rest: FloatArray, right: FloatArray) -> float:
    """`right` 1, 0 or .5 for what is said with confidence 1 - `rest`."""
    from scipy.optimize import minimize_scalar

    rest = np.append(np.maximum(rest, _EPS), [0.5, 0.5, 0.5])
    right = np.append(right, [0.5, 1.0, 0.0])
    weight = np.append(np.ones(len(right) - 3), [1 / 3] * 3)

    def loss(log_nu: float) -> float:
        tie = _p_tie(rest, float(np.exp(log_nu)))
        chance = np.where(right == 0.5, tie, np.where(right == 1.0, 1.0 - rest, rest) - tie / 2)
        return float(-(weight * np.log(np.maximum(chance, 1e-300))).sum())

    # A coarse look first: a bounded search alone may settle where the loss is flat.
    grid = np.linspace(-_WIDEST, _WIDEST, 49)
    start = float(grid[int(np.argmin([loss(g) for g in grid]))])
    best = minimize_scalar(
        loss, bounds=(start - 0.5, start + 0.5), method="bounded", options={"xatol": 1e-10}
    )
    return float(np.exp(best.x))


def _p_tie(rest: FloatArray, nu: float) -> FloatArray:
    open_ = 4.0 * rest * (1.0 - rest)
    tie = nu * open_ / (2.0 * np.sqrt(open_ + (nu * (0.5 - rest)) ** 2) + nu) if nu else np.zeros_like(rest)
    return np.asarray(np.minimum(tie, 2.0 * rest))


def _rest(p: ArrayLike) -> FloatArray:
    """The smaller of p and 1 - p: what both ways round have in common."""
    array = np.asarray(p, dtype=np.float64)
    if array.ndim != 1 or not ((array >= 0) & (array <= 1)).all():
        raise LabelMatrixError(
            f"p has shape {array.shape} and must be (n,) with values in [0, 1]. Pass P(B beats A), not logits."
        )
    return np.minimum(array, 1.0 - array)
