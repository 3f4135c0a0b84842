"""Reliability in bins that hold about equally many pairs, each with an interval that resamples prompts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from weaklabel._validation import check_least
from weaklabel.metrics.interval import Interval
from weaklabel.metrics.rows import checked, confidence_of, correctness, group_numbers
from weaklabel.metrics.shares import share_intervals
from weaklabel.types import FloatArray


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """One bin of a reliability picture.

    Attributes:
        low, high: the smallest and the largest confidence in it, in [.5, 1].
        n: pairs in it.
        confidence: their mean confidence: what was said.
        share: the share right, with its interval: what was true. Ties, and p = .5, are half right.
    """

    low: float
    high: float
    n: int
    confidence: float
    share: Interval


def reliability_equal_mass(
    p: ArrayLike,
    y: ArrayLike,
    bins: int = 10,
    groups: ArrayLike | None = None,
    *,
    n_draws: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> list[ReliabilityBin]:
    """Bins of rising confidence that hold about `n / bins` pairs each; equal confidences stay together.

    Equal-width bins are near empty where a model seldom goes and say nothing there; these all weigh the same.
    A bin is in line with what was said where the interval of its share holds its `confidence`; of ten bins of a
    perfect model, at 95% each, one lies outside in two pictures of five.

    Args:
        p: `(n,)` in [0, 1].
        y: `(n,)`, 0, .5 or 1.
        bins: at most; fewer where many pairs have the same confidence.
        groups: `(n,)`, equal values for equal prompts; None takes each row for a prompt of its own.
        n_draws, seed, level: of the bootstrap over prompts, percentile bounds. Where all pairs of a bin are right
            (or all wrong) no resample shows a spread; there the exact bound for as many prompts stands in.

    Raises:
        LabelMatrixError: as for `accuracy`, and when groups have another length.
        ConfigError: fewer than one bin.

    >>> rows = reliability_equal_mass([0.6, 0.6, 0.1, 0.9], [1, 0, 0, 1], bins=2)
    >>> [(row.n, row.confidence, row.share.value) for row in rows]
    [(2, 0.6, 0.5), (2, 0.9, 1.0)]
    """
    check_least("bins", bins, 1)
    p_, y_ = checked(p, y)
    prompts = group_numbers(groups, len(p_))
    said, right = confidence_of(p_), correctness(p_, y_)
    where, n_bins = equal_mass(said, bins)
    members = where[:, None] == np.arange(n_bins)
    shares = share_intervals(right, members, prompts, n_draws=n_draws, seed=seed, level=level)
    return [
        ReliabilityBin(
            float(said[inside].min()),
            float(said[inside].max()),
            int(inside.sum()),
            float(said[inside].mean()),
            share,
        )
        for inside, share in zip(members.T, shares, strict=True)
    ]


def equal_mass(values: FloatArray, bins: int) -> tuple[NDArray[np.intp], int]:
    """The bin of each value, by rising value, and how many there are; equal values share a bin.

    A run of equal values goes where its middle falls.
    """
    _, code, n = np.unique(values, return_inverse=True, return_counts=True)
    middle = (np.cumsum(n) - n / 2) / len(values)
    bin_of = np.minimum((middle * bins).astype(np.intp), bins - 1)
    used, bin_of = np.unique(bin_of, return_inverse=True)
    return bin_of.reshape(-1)[code.reshape(-1)], len(used)
