"""How far from calibrated, without bins: the largest surplus of confidence over any stretch of confidences.

Sort the pairs by confidence and add up (confidence - right). Where the probabilities mean what they say the sum
wanders about zero; where they boast it climbs. The gap is the largest climb or fall between any two points,
divided by the number of pairs: "somewhere there is a stretch of confidences that promises so many right answers
too many (or too few), as a share of all pairs". No bins are chosen, so none can be chosen well or badly.

Source: Arrieta-Ibarra, Gujral, Tannen, Tygert & Xu (2022), section 3.2, ECCE-R (the Kuiper statistic); the
Kolmogorov-Smirnov form is in Gupta et al. (2021), eq. 6. The Kuiper form is taken because it does not depend on
the end at which one starts to add. Departures: confidence of the named winner, so that turning pairs round
changes nothing; above `CUTS` distinct confidences neighbours are added up together, equally many in each.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from weaklabel.metrics.interval import Interval
from weaklabel.metrics.metric import Metric
from weaklabel.metrics.perfect import when_perfect
from weaklabel.metrics.rows import checked_p, confidence_of, correctness, ratio
from weaklabel.types import FloatArray

CUTS: Final = 250
"""A stretch may begin and end at so many points: exact up to so many distinct confidences, and beyond that within
a tenth or so of the noise that perfect probabilities show."""


def calibration_gap_when_perfect(
    p: ArrayLike, n_draws: int = 1000, seed: int = 0, level: float = 0.9
) -> Interval:
    """The `calibration_gap` that a perfectly calibrated model with the same p would show on as many pairs.

    `value` is the median of `n_draws` simulated gaps, `low` and `high` bound the middle `level` of them. A gap
    inside these bounds is no evidence of miscalibration.

    >>> band = calibration_gap_when_perfect([0.7] * 100)
    >>> band.low < 0.02 and 0.06 < band.high < 0.12  # one stretch only: as `ece_when_perfect`
    True

    Raises:
        LabelMatrixError: no rows, or p outside [0, 1].
    """
    p_ = checked_p(p)
    where, n_cells = _cells(p_)
    return when_perfect(p_, np.eye(n_cells)[where], _largest_stretch, n_draws, seed, level)


def _parts(p: FloatArray, y: FloatArray) -> FloatArray:
    where, n_cells = _cells(p)
    gaps = np.zeros((len(p), n_cells + 1))
    gaps[np.arange(len(p)), where] = confidence_of(p) - correctness(p, y)
    gaps[:, n_cells] = 1.0
    return gaps


def _combine(sums: FloatArray) -> FloatArray:
    return ratio(_largest_stretch(sums[..., :-1]), sums[..., -1])


def _largest_stretch(gaps: FloatArray) -> FloatArray:
    """`(..., c) -> (...)`: the largest |sum| over neighbouring cells."""
    climbed = gaps.cumsum(axis=-1)
    highest, lowest = climbed.max(axis=-1), climbed.min(axis=-1)
    found: FloatArray = np.maximum(highest, 0.0) - np.minimum(lowest, 0.0)
    return found


def _cells(p: FloatArray) -> tuple[NDArray[np.intp], int]:
    """The cell of each row, by rising confidence, and how many; equal confidences share a cell."""
    said = confidence_of(p)
    distinct, where = np.unique(said, return_inverse=True)
    if len(distinct) > CUTS:
        edges = np.unique(np.quantile(said, np.arange(1, CUTS) / CUTS))
        where = np.unique(np.searchsorted(edges, said, side="right"), return_inverse=True)[1]
    where = where.reshape(-1)
    return where, int(where.max()) + 1


calibration_gap: Final = Metric("calibration_gap", _parts, _combine, biased=True)
"""The largest surplus (or lack) of confidence over any stretch of confidences, as a share of all pairs, in [0, 1].

A `Metric`: call it with `(p, y)`, or hand it to `bootstrap` and `paired_difference`. Like the ECE it is never
zero for small samples: read it beside `calibration_gap_when_perfect`.

>>> calibration_gap([0.9] * 10, [1] * 6 + [0] * 4)  # promises 9 right of 10, gets 6
0.3
"""
