"""Any metric, and the difference of two arms, with intervals that resample whole prompts."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from weaklabel._validation import lookup
from weaklabel.errors import LabelMatrixError
from weaklabel.metrics.draws import bounds, drawn_sums
from weaklabel.metrics.interval import Interval
from weaklabel.metrics.metric import Metric
from weaklabel.metrics.rows import checked, group_numbers, ratio
from weaklabel.metrics.scores import METRICS
from weaklabel.types import FloatArray


def bootstrap(
    metric: str | Metric,
    p: ArrayLike,
    y: ArrayLike,
    groups: ArrayLike | None = None,
    *,
    n_draws: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> Interval:
    """A metric with the interval that resampling whole prompts gives.

    Args:
        metric: a name in `METRICS`, or a `Metric`.
        p: `(n,)` in [0, 1].
        y: `(n,)`, 0, .5 or 1.
        groups: `(n,)`, equal values for equal prompts; None takes each row for a prompt of its own.
        n_draws: resamples.
        seed: of the resampling; equal seeds draw equal prompts.
        level: share of the resamples between the bounds.

    Percentile bounds; for a biased metric (ECE) basic ones, which take the bias out once, never below 0. With
    one prompt only the spread is unknown and the bounds are -inf and inf.

    Raises:
        LabelMatrixError: as for `accuracy`, and when groups have another length.
        UnknownNameError: a name that is not in `METRICS`.

    >>> interval = bootstrap("accuracy", [0.9] * 75 + [0.1] * 25, [1] * 100)
    >>> interval.value, 0.62 < interval.low < 0.7, 0.8 < interval.high < 0.88
    (0.75, True, True)
    """
    chosen = _metric(metric)
    p_, y_ = checked(p, y)
    parts = chosen.parts(p_, y_)
    drawn = chosen.combine(drawn_sums(parts, group_numbers(groups, len(p_)), n_draws, seed))
    return _interval(chosen, parts, drawn, level)


def score_all(
    p: ArrayLike,
    y: ArrayLike,
    groups: ArrayLike | None = None,
    *,
    n_draws: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> dict[str, Interval]:
    """Accuracy, F1, NLL, Brier and ECE with their intervals, all from the same resamples.

    The arguments are those of `bootstrap`.

    >>> sorted(score_all([0.9, 0.2], [1, 0]))
    ['accuracy', 'brier', 'ece', 'f1', 'nll']

    Raises:
        LabelMatrixError: as for `bootstrap`.
    """
    p_, y_ = checked(p, y)
    blocks = {name: metric.parts(p_, y_) for name, metric in METRICS.items()}
    sums = drawn_sums(np.hstack(list(blocks.values())), group_numbers(groups, len(p_)), n_draws, seed)
    ends = np.cumsum([block.shape[1] for block in blocks.values()])
    return {
        name: _interval(
            METRICS[name], block, METRICS[name].combine(sums[:, end - block.shape[1] : end]), level
        )
        for end, (name, block) in zip(ends, blocks.items(), strict=True)
    }


def paired_difference(
    metric: str | Metric,
    p1: ArrayLike,
    p2: ArrayLike,
    y: ArrayLike,
    groups: ArrayLike | None = None,
    *,
    n_draws: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> Interval:
    """metric(p1) - metric(p2) on the same pairs; every resample is scored by both arms.

    `p1` and `p2` are `(n,)` in [0, 1]; the other arguments are those of `bootstrap`.

    Much narrower than two intervals apart, because hard prompts are hard for both.

    Raises:
        LabelMatrixError: as for `bootstrap`.

    >>> same = paired_difference("nll", [0.7, 0.4], [0.7, 0.4], [1, 0])
    >>> (same.value, same.low, same.high)
    (0.0, 0.0, 0.0)
    """
    chosen = _metric(metric)
    first, y_ = checked(p1, y)
    second, _ = checked(p2, y)
    one, two = chosen.parts(first, y_), chosen.parts(second, y_)
    sums = drawn_sums(np.hstack([one, two]), group_numbers(groups, len(y_)), n_draws, seed)
    drawn = chosen.combine(sums[:, : one.shape[1]]) - chosen.combine(sums[:, one.shape[1] :])
    value = float(chosen.combine(one.sum(axis=0)) - chosen.combine(two.sum(axis=0)))
    low, high = bounds(value, drawn, level, basic=chosen.biased)
    return Interval(value, low, high, int(one[:, -1].sum()))


def bootstrap_ratio(
    values: ArrayLike,
    per: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    *,
    n_draws: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> Interval:
    """The mean of any numbers, or the ratio of two sums, with the interval that resampling whole prompts gives.

    Args:
        values: `(n,)` float, n >= 1, finite.
        per: `(n,)` float, what the sum of `values` is divided by the sum of (tokens, say); None counts rows.
        groups, n_draws, seed, level: as for `bootstrap`; percentile bounds.

    Raises:
        LabelMatrixError: shapes that differ, no rows, or a number that is not finite.

    >>> bootstrap_ratio([1.0, 3.0]).value, bootstrap_ratio([1.0, 3.0], per=[10, 30]).value
    (2.0, 0.1)
    """
    top = np.asarray(values, dtype=np.float64)
    bottom = np.ones(top.shape) if per is None else np.asarray(per, dtype=np.float64)
    if top.ndim != 1 or not top.size or top.shape != bottom.shape:
        raise LabelMatrixError(
            f"values have shape {top.shape} and per {bottom.shape}, expected (n,) for both with n >= 1."
        )
    parts = np.column_stack([top, bottom])
    if not np.isfinite(parts).all():
        raise LabelMatrixError("values or per hold a number that is not finite. Leave such rows out.")
    drawn = drawn_sums(parts, group_numbers(groups, len(top)), n_draws, seed)
    sums = parts.sum(axis=0)
    low, high = bounds(0.0, ratio(drawn[:, 0], drawn[:, 1]), level, basic=False)
    return Interval(float(ratio(sums[0], sums[1])), low, high, len(top))


def _metric(metric: str | Metric) -> Metric:
    return metric if isinstance(metric, Metric) else lookup("metric", METRICS, metric)


def _interval(metric: Metric, parts: FloatArray, drawn: FloatArray, level: float) -> Interval:
    sums = parts.sum(axis=0)
    value = float(metric.combine(sums))
    low, high = bounds(value, drawn, level, basic=metric.biased)
    if metric.biased and math.isfinite(low):
        low = max(low, 0.0)
    return Interval(value, low, high, int(sums[-1]))
