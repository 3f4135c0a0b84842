"""The interval of a share right, where percentiles of resamples are not enough."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from weaklabel.metrics.draws import bounds, drawn_sums
from weaklabel.metrics.interval import Interval
from weaklabel.metrics.rows import ratio
from weaklabel.types import FloatArray


def share_intervals(
    right: FloatArray,
    counted: NDArray[np.bool_],
    prompts: NDArray[np.intp],
    *,
    n_draws: int,
    seed: int,
    level: float,
) -> list[Interval]:
    """For each column of `counted` `(n, k)` the share of its rows that are right, all from the same resamples."""
    k = counted.shape[1]
    drawn = drawn_sums(np.hstack([counted * right[:, None], counted]), prompts, n_draws, seed)
    return [_interval(right, counted[:, j], prompts, drawn[:, [j, k + j]], level) for j in range(k)]


def _interval(
    right: FloatArray, counted: NDArray[np.bool_], prompts: NDArray[np.intp], drawn: FloatArray, level: float
) -> Interval:
    """The share of `counted` rows that are right.

    `drawn` is `(draws, 2)`: resampled sums of right and of counted rows. Where every counted row is right, or
    none is, all resamples agree and percentiles claim certainty; there the exact bound for as many prompts as
    the rows are of (Clopper & Pearson, 1934) stands in.
    """
    n = int(counted.sum())
    if not n:
        return Interval(float("nan"), -np.inf, np.inf, 0)
    value = float(right[counted].mean())
    low, high = bounds(value, ratio(drawn[:, 0], drawn[:, 1]), level, basic=False)
    if value in (0.0, 1.0) and np.isfinite(low):
        reach = float(((1 - level) / 2) ** (1 / len(np.unique(prompts[counted]))))
        low, high = (reach, 1.0) if value else (0.0, 1.0 - reach)
    return Interval(value, low, high, n)
