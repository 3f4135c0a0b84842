"""The expected calibration error with equal-width bins, and the bins behind it.

Source: Guo et al. (2017), eq. 3, here on confidence in [.5, 1].
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from weaklabel._shown import Shown
from weaklabel.metrics.interval import Interval
from weaklabel.metrics.metric import Metric
from weaklabel.metrics.perfect import when_as_said, when_perfect
from weaklabel.metrics.rows import checked, checked_p, confidence_of, correctness, ratio
from weaklabel.types import FloatArray

ECE_BINS: Final = 15


def ece(p: ArrayLike, y: ArrayLike, bins: int = ECE_BINS) -> float:
    """Expected calibration error: row-weighted mean over bins of |mean confidence - share right|, in [0, 1].

    `p` is `(n,)` in [0, 1], the stated P(B beats A); `y` `(n,)` the gold: 0 (A), 1 (B) or .5 (tie).

    Bins have equal width on confidence max(p, 1 - p) in [.5, 1]. Gold ties and p = .5 are half right. It does
    not change when pairs are turned round, and it is never zero for small samples: see `ece_when_perfect`.

    >>> ece([0.8, 0.8, 0.8, 0.8, 0.8], [1, 1, 1, 1, 0]) < 1e-12  # says .8, is right .8 of the time
    True

    Raises:
        LabelMatrixError: as for `accuracy`.
    """
    return ece_metric(bins)(p, y)


def ece_metric(bins: int = ECE_BINS) -> Metric:
    """The ECE with `bins` bins, to hand to `bootstrap` and `paired_difference`."""

    def parts(p: FloatArray, y: FloatArray) -> FloatArray:
        gaps = np.zeros((len(p), bins + 1))
        gaps[np.arange(len(p)), _bin_of(p, bins)] = confidence_of(p) - correctness(p, y)
        gaps[:, bins] = 1.0
        return gaps

    return Metric("ece", parts, lambda sums: _mean_gap(sums, bins), biased=True)


def choice_ece_metric(bins: int = ECE_BINS) -> Metric:
    """The ECE of answers chosen among several, with bins of equal width on [0, 1], to hand to `bootstrap`.

    Its `p` is `(n,)` in [0, 1], how likely each chosen answer was said to be right; its `y` 1 where it was, 0 where not.

    >>> round(choice_ece_metric()([0.9, 0.9, 0.3, 0.3], [1, 1, 1, 0]), 6)  # .9 and always right, .3 and right in one of two
    0.15
    """

    def parts(p: FloatArray, y: FloatArray) -> FloatArray:
        return np.column_stack([_choice_cells(p, bins) * (p - y)[:, None], np.ones(len(p))])

    return Metric("choice_ece", parts, lambda sums: _mean_gap(sums, bins), biased=True)


def choice_ece_when_perfect(
    p: ArrayLike, n_draws: int = 1000, seed: int = 0, bins: int = ECE_BINS, level: float = 0.9
) -> Interval:
    """As `ece_when_perfect`, of the confidences `(n,)` in [0, 1] of answers chosen among several."""
    p_ = checked_p(p)
    cells, tossed = _choice_cells(p_, bins), np.zeros(len(p_), dtype=np.bool_)
    return when_as_said(p_, tossed, cells, lambda sums: np.abs(sums).sum(axis=1), n_draws, seed, level)


def _choice_cells(p: FloatArray, bins: int) -> FloatArray:
    return np.eye(bins)[np.minimum((p * bins).astype(np.intp), bins - 1)]


def _mean_gap(sums: FloatArray, bins: int) -> FloatArray:
    return ratio(np.abs(sums[..., :bins]).sum(axis=-1), sums[..., bins])


def ece_when_perfect(
    p: ArrayLike, n_draws: int = 1000, seed: int = 0, bins: int = ECE_BINS, level: float = 0.9
) -> Interval:
    """The ECE that a perfectly calibrated model with the same p would show on as many pairs.

    `p` is `(n,)` in [0, 1]. `value` is the median of `n_draws` simulated ECEs, `low` and `high` bound the middle `level` of them (5% and
    95% by default). An ECE inside these bounds is no evidence of miscalibration.

    >>> band = ece_when_perfect([0.7] * 100)
    >>> band.low < 0.02 and 0.06 < band.high < 0.12  # the spread of a share of 100 is .046
    True
    """
    p_ = checked_p(p)
    onehot = np.eye(bins)[_bin_of(p_, bins)]
    return when_perfect(p_, onehot, lambda sums: np.abs(sums).sum(axis=1), n_draws, seed, level)


@dataclass(frozen=True, slots=True, repr=False)
class ReliabilityRow(Shown):
    """One bin of a reliability diagram: confidences in [low, high), how many, what was said, what was true."""

    low: float
    high: float
    n: int
    confidence: float
    accuracy: float


def reliability(p: ArrayLike, y: ArrayLike, bins: int = ECE_BINS) -> list[ReliabilityRow]:
    """The bins of `ece` that hold a pair, in rising order of confidence.

    >>> [(row.n, row.confidence, row.accuracy) for row in reliability([0.75, 0.25], [1, 1], bins=2)]
    [(2, 0.75, 0.5)]
    """
    p_, y_ = checked(p, y)
    where, said, right = _bin_of(p_, bins), confidence_of(p_), correctness(p_, y_)
    edges = np.linspace(0.5, 1.0, bins + 1)
    return [
        ReliabilityRow(
            float(edges[b]),
            float(edges[b + 1]),
            int((where == b).sum()),
            float(said[where == b].mean()),
            float(right[where == b].mean()),
        )
        for b in np.unique(where)
    ]


def _bin_of(p: FloatArray, bins: int) -> NDArray[np.intp]:
    return np.minimum(((confidence_of(p) - 0.5) * 2 * bins).astype(np.intp), bins - 1)
