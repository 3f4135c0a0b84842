"""How many gold labels are weak labels worth? The gold size at which gold alone reaches the same accuracy."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from weaklabel._validation import number_within, whole_within
from weaklabel.metrics import METRICS, Metric
from weaklabel.types import FloatArray
from weaklabel.types.result import Result


class CrossedDraws:
    """Resamples of seeds and of prompts at once, the same for everything that is asked.

    A figure over several seeds rests on the same prompts again and again, and on few draws of gold. Resampling
    both sides and multiplying the counts takes account of either, and is on the careful side.

    Source: the pigeonhole bootstrap, Owen (2007), Annals of Applied Statistics 1(2).

    Args:
        n_seeds, n_prompts: sizes of the two sides.
        n_draws: resamples.
        seed: of the resampling.
    """

    def __init__(self, n_seeds: int, n_prompts: int, *, n_draws: int = 2000, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.seeds = _counts(rng, n_draws, n_seeds)
        self.prompts = _counts(rng, n_draws, n_prompts)

    def figures(self, metric: Metric, sums: FloatArray) -> FloatArray:
        """`(n_draws,)`: the metric of each resample, from `(n_seeds, n_prompts, c)` sums of its parts."""
        drawn = [((self.seeds @ sums[:, :, k]) * self.prompts).sum(axis=1) for k in range(sums.shape[2])]
        return metric.combine(np.column_stack(drawn))


def summed(
    metric: str,
    ps: Sequence[FloatArray],
    ys: Sequence[FloatArray],
    prompts: Sequence[NDArray[np.intp]],
    n: int,
) -> FloatArray:
    """`(n_seeds, n, c)`: a metric's parts, summed per seed and prompt.

    Args:
        metric: a name in `METRICS`.
        ps, ys, prompts: per seed the stated p, the gold, and the prompt's number 0..n-1 of each held-out pair.
        n: prompts in all.
    """
    parts = [METRICS[metric].parts(p, y) for p, y in zip(ps, ys, strict=True)]
    return np.array(
        [
            np.column_stack([np.bincount(g, column, n) for column in part.T])
            for part, g in zip(parts, prompts, strict=True)
        ]
    )


@dataclass(frozen=True, slots=True, repr=False)
class Worth(Result):
    """The gold size at which gold alone is as good, with its 95% interval.

    Attributes:
        size, low, high: gold pairs; `inf` above the largest size measured, `-inf` below the smallest.
        gold: the gold pairs that the arm itself was given.
        smallest, largest: gold sizes between which the curve was measured.
    """

    size: float
    low: float
    high: float
    gold: int
    smallest: int
    largest: int

    def __str__(self) -> str:
        return f"{self._shown(self.size)} [{self._shown(self.low)}, {self._shown(self.high)}]"

    @property
    def extra(self) -> float:
        """Gold labels that the weak labels replace: `size - gold`."""
        return self.size - self.gold

    def to_dict(self) -> dict[str, float | int | str]:
        """JSON values: numbers, or `>400` and `<25` for what lies outside the sizes measured."""
        ends = {name: getattr(self, name) for name in ("size", "low", "high")}
        return {k: v if math.isfinite(v) else self._shown(v) for k, v in ends.items()} | {"gold": self.gold}

    @classmethod
    def from_dict(cls, state: Mapping[str, Any], smallest: int, largest: int) -> Self:
        """What `to_dict` wrote of a curve between these sizes.

        Raises:
            KeyError, ValueError: something is missing, or is no size.
        """
        open_ends = {f">{largest}": math.inf, f"<{smallest}": -math.inf}
        size, low, high = (
            open_ends[state[name]] if isinstance(state[name], str) else number_within(state[name], 0.0, 2**53)
            for name in ("size", "low", "high")
        )
        return cls(size, low, high, whole_within(state["gold"], 0, 2**53), smallest, largest)

    def _shown(self, size: float) -> str:
        if math.isfinite(size):
            return f"{size:.0f}"
        return f">{self.largest}" if size > 0 else f"<{self.smallest}"


def worth(
    sizes: Sequence[int], curve: FloatArray, target: FloatArray, gold: int, *, level: float = 0.95
) -> Worth:
    """Read a curve backwards.

    The curve is made monotone first (isotonic regression, equal weights), then read off linearly in the logarithm
    of the gold size; every resample is read on its own curve.

    Args:
        sizes: `k` rising gold sizes of gold alone.
        curve: `(1 + n_draws, k)`, accuracy of gold alone: as measured, then per resample.
        target: `(1 + n_draws,)`, accuracy of the arm: as measured, then in the same resamples.
        gold: gold pairs that the arm was given.
        level: share of the resamples between the bounds.

    >>> w = worth([25, 50, 100], np.array([[.60, .65, .70]] * 2), np.array([.65, .80]), gold=25)
    >>> round(w.size), w.extra > 24, w.high
    (50, True, inf)
    """
    read = read_backwards(np.log(np.asarray(sizes, dtype=np.float64)), monotone(curve), target)
    low, high = _quantiles(read[1:], level)
    value, low, high = (math.exp(v) if math.isfinite(v) else v for v in (float(read[0]), low, high))
    return Worth(value, low, high, gold, sizes[0], sizes[-1])


def monotone(curve: FloatArray) -> FloatArray:
    """Isotonic regression of each row, by the minimax formula of Barlow et al. (1972).

    >>> monotone(np.array([[.6, .5, .7]])).round(3).tolist()
    [[0.55, 0.55, 0.7]]
    """
    n, k = curve.shape
    sums = np.concatenate([np.zeros((n, 1)), np.cumsum(curve, axis=1)], axis=1)
    out = np.empty_like(curve)
    for at in range(k):
        # The largest, over starts, of the smallest, over ends, mean of a run that holds this point.
        runs = [
            np.min([(sums[:, end + 1] - sums[:, start]) / (end + 1 - start) for end in range(at, k)], axis=0)
            for start in range(at + 1)
        ]
        out[:, at] = np.max(runs, axis=0)
    return out


def read_backwards(x: FloatArray, curve: FloatArray, target: FloatArray) -> FloatArray:
    """`(n,)`: where each rising row of `curve` `(n, k)` over `x` `(k,)` reaches its target; -inf below, inf above."""
    found = np.full(len(target), np.inf)
    found[target < curve[:, 0]] = -np.inf
    found[target == curve[:, 0]] = x[0]
    for k in range(1, len(x)):
        low, high = curve[:, k - 1], curve[:, k]
        here = (target > low) & (target <= high)
        share = (target[here] - low[here]) / (high[here] - low[here])
        found[here] = x[k - 1] + share * (x[k] - x[k - 1])
    return found


def _quantiles(values: FloatArray, level: float) -> tuple[float, float]:
    """Plain order statistics: between an infinite value and another there is nothing to interpolate."""
    low, high = (np.quantile(values, q, method="inverted_cdf") for q in ((1 - level) / 2, (1 + level) / 2))
    return float(low), float(high)


def _counts(rng: np.random.Generator, n_draws: int, n: int) -> FloatArray:
    return rng.multinomial(n, np.full(n, 1 / n), size=n_draws).astype(np.float64)
