"""How good probabilities are: accuracy, NLL, Brier and ECE, each with an interval that resamples prompts.

Throughout, `p` is `(n,)` float64, the stated P(B beats A), and `y` `(n,)` the gold: 0 (A), 1 (B) or .5 (tie).
Rows without gold are refused, not skipped: which rows a figure is about is the caller's decision.

- A stated `p` of exactly .5 is half right.
- A gold tie has no winner: it is left out of accuracy (an interval's `n` is the number of rows that count) and
  enters NLL, Brier and ECE as y = .5.

Every metric here is a function of sums over rows, so a bootstrap needs one matrix product: sum the parts per
prompt, draw how often each prompt occurs, multiply. A thousand draws on a thousand pairs cost milliseconds.

Source: percentile intervals, Efron & Tibshirani (1993), chapter 13; basic intervals, Davison & Hinkley (1997),
chapter 5; ECE with equal-width bins, Guo et al. (2017), eq. 3, here on confidence in [.5, 1].
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from weaklabel._validation import check_gold, lookup
from weaklabel.errors import LabelMatrixError
from weaklabel.types import FloatArray

EPS: Final = 1e-6
"""NLL counts a probability below this as this: one wrong certainty costs 13.8 nats, not infinity."""

ECE_BINS: Final = 15

_CELLS = 8_000_000  # largest array of a bootstrap chunk, in float64 cells


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure, the interval around it, and how many rows it is about.

    >>> str(Interval(0.7312, 0.69, 0.7731, 400))
    '.731 [.690, .773]'
    """

    value: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        return f"{_short(self.value)} [{_short(self.low)}, {_short(self.high)}]"

    def to_dict(self) -> dict[str, float | int | None]:
        """JSON values; a bound that is not known is None."""
        bounds = {"value": self.value, "low": self.low, "high": self.high}
        return {k: v if math.isfinite(v) else None for k, v in bounds.items()} | {"n": self.n}

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> Interval:
        """The interval that `to_dict` wrote; other keys are left alone."""
        unknown = {"value": math.nan, "low": -math.inf, "high": math.inf}
        value, low, high = (
            float(unknown[key] if state[key] is None else state[key]) for key in ("value", "low", "high")
        )
        return cls(value, low, high, int(state["n"]))


@dataclass(frozen=True, slots=True)
class Metric:
    """A figure that is a function of sums over rows.

    Attributes:
        name: key in `METRICS`.
        parts: `(p, y) -> (n, c)` float64; the last part is the row's count, 0 where the row is left out.
        combine: `(..., c) -> (...)`, the figure from the summed parts.
        higher_is_better: direction, for tables.
        biased: the figure of a sample lies above the truth, and more so in a resample (ECE).
    """

    name: str
    parts: Callable[[FloatArray, FloatArray], FloatArray]
    combine: Callable[[FloatArray], FloatArray]
    higher_is_better: bool = False
    biased: bool = False

    def __call__(self, p: ArrayLike, y: ArrayLike) -> float:
        return float(self.combine(self.parts(*_checked(p, y)).sum(axis=0)))


def accuracy(p: ArrayLike, y: ArrayLike) -> float:
    """Share of pairs whose winner is named; p = .5 counts one half, gold ties are left out (NaN if all are).

    >>> accuracy([0.9, 0.2, 0.5, 0.7], [1, 1, 0, 0.5])  # right, wrong, half, left out
    0.5

    Raises:
        LabelMatrixError: shapes that differ, no rows, p outside [0, 1], gold that is unknown or no gold value.
    """
    return METRICS["accuracy"](p, y)


def nll(p: ArrayLike, y: ArrayLike) -> float:
    """Mean negative log-likelihood in nats per pair, with p kept `EPS` away from 0 and 1; log 2 for p = .5.

    >>> round(nll([0.5, 0.5], [0, 1]), 4), round(nll([1.0], [0]), 2)
    (0.6931, 13.82)

    Raises:
        LabelMatrixError: as for `accuracy`.
    """
    return METRICS["nll"](p, y)


def brier(p: ArrayLike, y: ArrayLike) -> float:
    """Mean of (p - y)^2, in [0, 1]; .25 for p = .5 on decided pairs.

    >>> brier([0.5, 1.0], [0, 1])
    0.125

    Raises:
        LabelMatrixError: as for `accuracy`.
    """
    return METRICS["brier"](p, y)


def ece(p: ArrayLike, y: ArrayLike, bins: int = ECE_BINS) -> float:
    """Expected calibration error: row-weighted mean over bins of |mean confidence - share right|, in [0, 1].

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
        gaps[np.arange(len(p)), _bin_of(p, bins)] = _confidence(p) - _correct(p, y)
        gaps[:, bins] = 1.0
        return gaps

    def combine(sums: FloatArray) -> FloatArray:
        return _ratio(np.abs(sums[..., :bins]).sum(axis=-1), sums[..., bins])

    return Metric("ece", parts, combine, biased=True)


def ece_when_perfect(
    p: ArrayLike, n_draws: int = 1000, seed: int = 0, bins: int = ECE_BINS, level: float = 0.9
) -> Interval:
    """The ECE that a perfectly calibrated model with the same p would show on as many pairs.

    `value` is the median of `n_draws` simulated ECEs, `low` and `high` bound the middle `level` of them (5% and
    95% by default). An ECE inside these bounds is no evidence of miscalibration.

    >>> band = ece_when_perfect([0.7] * 100)
    >>> band.low < 0.02 and 0.06 < band.high < 0.12  # the spread of a share of 100 is .046
    True
    """
    p_ = _checked_p(p)
    confidence, tossed = _confidence(p_), p_ == 0.5
    onehot = np.eye(bins)[_bin_of(p_, bins)]
    rng = np.random.default_rng(seed)
    found = []
    for size in _chunks(n_draws, len(p_)):
        right = (rng.random((size, len(p_))) < confidence).astype(np.float64)
        right[:, tossed] = 0.5  # as `ece` counts them
        found.append(np.abs((confidence - right) @ onehot).sum(axis=1) / len(p_))
    low, middle, high = np.quantile(np.concatenate(found), [(1 - level) / 2, 0.5, (1 + level) / 2])
    return Interval(float(middle), float(low), float(high), len(p_))


@dataclass(frozen=True, slots=True)
class ReliabilityRow:
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
    p_, y_ = _checked(p, y)
    where, confidence, correct = _bin_of(p_, bins), _confidence(p_), _correct(p_, y_)
    edges = np.linspace(0.5, 1.0, bins + 1)
    return [
        ReliabilityRow(
            float(edges[b]),
            float(edges[b + 1]),
            int((where == b).sum()),
            float(confidence[where == b].mean()),
            float(correct[where == b].mean()),
        )
        for b in np.unique(where)
    ]


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
    p_, y_ = _checked(p, y)
    parts = chosen.parts(p_, y_)
    drawn = chosen.combine(_drawn_sums(parts, _groups(groups, len(p_)), n_draws, seed))
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
    """Accuracy, NLL, Brier and ECE with their intervals, all from the same resamples.

    >>> sorted(score_all([0.9, 0.2], [1, 0]))
    ['accuracy', 'brier', 'ece', 'nll']

    Raises:
        LabelMatrixError: as for `bootstrap`.
    """
    p_, y_ = _checked(p, y)
    blocks = {name: metric.parts(p_, y_) for name, metric in METRICS.items()}
    sums = _drawn_sums(np.hstack(list(blocks.values())), _groups(groups, len(p_)), n_draws, seed)
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

    Much narrower than two intervals apart, because hard prompts are hard for both.

    Raises:
        LabelMatrixError: as for `bootstrap`.

    >>> same = paired_difference("nll", [0.7, 0.4], [0.7, 0.4], [1, 0])
    >>> (same.value, same.low, same.high)
    (0.0, 0.0, 0.0)
    """
    chosen = _metric(metric)
    first, y_ = _checked(p1, y)
    second, _ = _checked(p2, y)
    one, two = chosen.parts(first, y_), chosen.parts(second, y_)
    sums = _drawn_sums(np.hstack([one, two]), _groups(groups, len(y_)), n_draws, seed)
    drawn = chosen.combine(sums[:, : one.shape[1]]) - chosen.combine(sums[:, one.shape[1] :])
    value = float(chosen.combine(one.sum(axis=0)) - chosen.combine(two.sum(axis=0)))
    low, high = _bounds(value, drawn, level, basic=chosen.biased)
    return Interval(value, low, high, int(one[:, -1].sum()))


def _accuracy_parts(p: FloatArray, y: FloatArray) -> FloatArray:
    decided = (y != 0.5).astype(np.float64)
    return np.column_stack([_correct(p, y) * decided, decided])


def _nll_parts(p: FloatArray, y: FloatArray) -> FloatArray:
    log_b, log_a = np.log(np.maximum(p, EPS)), np.log(np.maximum(1.0 - p, EPS))
    return np.column_stack([-(y * log_b + (1.0 - y) * log_a), np.ones_like(p)])


def _brier_parts(p: FloatArray, y: FloatArray) -> FloatArray:
    return np.column_stack([(p - y) ** 2, np.ones_like(p)])


def _mean(sums: FloatArray) -> FloatArray:
    return _ratio(sums[..., 0], sums[..., 1])


def _ratio(top: FloatArray, count: FloatArray) -> FloatArray:
    """top / count, NaN where nothing was counted (a resample of nothing but ties)."""
    known: FloatArray = np.divide(top, count, out=np.full(np.shape(top), np.nan), where=np.asarray(count) > 0)
    return known


METRICS: Final[Mapping[str, Metric]] = {
    "accuracy": Metric("accuracy", _accuracy_parts, _mean, higher_is_better=True),
    "nll": Metric("nll", _nll_parts, _mean),
    "brier": Metric("brier", _brier_parts, _mean),
    "ece": ece_metric(),
}
"""What every table reports, by name. NLL is the score; ECE alone proves little."""


def _confidence(p: FloatArray) -> FloatArray:
    return np.maximum(p, 1.0 - p)


def _correct(p: FloatArray, y: FloatArray) -> FloatArray:
    """1 right, 0 wrong, .5 where either side is undecided."""
    return 0.5 + 0.5 * np.sign(p - 0.5) * np.sign(y - 0.5)


def _bin_of(p: FloatArray, bins: int) -> NDArray[np.intp]:
    return np.minimum(((_confidence(p) - 0.5) * 2 * bins).astype(np.intp), bins - 1)


def _metric(metric: str | Metric) -> Metric:
    return metric if isinstance(metric, Metric) else lookup("metric", METRICS, metric)


def _drawn_sums(parts: FloatArray, groups: NDArray[np.intp], n_draws: int, seed: int) -> FloatArray:
    """`(n_draws, c)`: the summed parts of resamples of whole groups. One group gives no draws at all."""
    n_groups = int(groups.max()) + 1
    if n_groups < 2:
        return np.empty((0, parts.shape[1]))
    per_group = np.column_stack([np.bincount(groups, column, n_groups) for column in parts.T])
    rng = np.random.default_rng(seed)
    sums = [_counts(rng, size, n_groups) @ per_group for size in _chunks(n_draws, n_groups)]
    return np.concatenate(sums)


def _counts(rng: np.random.Generator, n_draws: int, n_groups: int) -> FloatArray:
    """How often each group occurs in each resample. Five times faster than `rng.multinomial`."""
    picked = rng.integers(n_groups, size=(n_draws, n_groups)) + np.arange(n_draws)[:, None] * n_groups
    counts = np.bincount(picked.ravel(), minlength=n_draws * n_groups)
    return counts.reshape(n_draws, n_groups).astype(np.float64)


def _chunks(n_draws: int, width: int) -> Iterator[int]:
    """Sizes that add up to `n_draws`, each small enough to hold `width` cells per draw in memory."""
    size = max(1, _CELLS // max(1, width))
    for start in range(0, n_draws, size):
        yield min(size, n_draws - start)


def _interval(metric: Metric, parts: FloatArray, drawn: FloatArray, level: float) -> Interval:
    sums = parts.sum(axis=0)
    value = float(metric.combine(sums))
    low, high = _bounds(value, drawn, level, basic=metric.biased)
    return Interval(value, max(low, 0.0) if math.isfinite(low) else low, high, int(sums[-1]))


def _bounds(value: float, drawn: FloatArray, level: float, *, basic: bool) -> tuple[float, float]:
    known = drawn[~np.isnan(drawn)]
    if not known.size:
        return -math.inf, math.inf
    low, high = (float(q) for q in np.quantile(known, [(1 - level) / 2, (1 + level) / 2]))
    if not basic:
        return low, high
    # Where the bias is larger than the spread the corrected interval misses the value itself: reach out to it.
    return min(2 * value - high, value), max(2 * value - low, value)


def _checked_p(p: ArrayLike) -> FloatArray:
    array = np.asarray(p, dtype=np.float64)
    if array.ndim != 1 or not array.size:
        raise LabelMatrixError(
            f"p has shape {array.shape}, expected (n,) with n >= 1: one probability per pair with gold."
        )
    if not ((array >= 0) & (array <= 1)).all():
        raise LabelMatrixError("p holds values outside [0, 1] or NaN. Pass P(B beats A), not logits.")
    return array


def _checked(p: ArrayLike, y: ArrayLike) -> tuple[FloatArray, FloatArray]:
    p_ = _checked_p(p)
    y_ = check_gold(y, len(p_))
    if unknown := int(np.isnan(y_).sum()):
        raise LabelMatrixError(
            f"y is unknown in {unknown} of {len(y_)} rows. Score pairs with gold only: pairs.dev or pairs.test."
        )
    return p_, y_


def _groups(groups: Any, n: int) -> NDArray[np.intp]:
    """Group numbers 0..G-1."""
    if groups is None:
        return np.arange(n)
    array = np.asarray(groups)
    if array.shape != (n,):
        raise LabelMatrixError(
            f"groups have shape {array.shape}, expected ({n},): one prompt number per pair."
        )
    return np.unique(array, return_inverse=True)[1].reshape(-1)


def _short(value: float) -> str:
    text = f"{value:.3f}"
    return text.replace("0.", ".", 1) if abs(value) < 1 and text.lstrip("-").startswith("0.") else text
