"""The search behind `tune`: which direction and thresholds of one scorer are worth most, their description paid for."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from weaklabel.lf.core import ResponseScorer
from weaklabel.lf.settings import Prefer
from weaklabel.types import Float32Array, FloatArray
from weaklabel.types.result import json_fields

# Quantiles of |margin|.
_LOWS: Final = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.75)
_HIGHS: Final = (0.5, 0.75, 0.9, 0.95)


@dataclass(frozen=True, slots=True)
class Settings:
    """What `tune` searches over: see `ResponseScorer`.

    >>> str(Settings("less", min_gap=5)), Settings("less").instead_of(Settings("more", min_gap=5))
    ('prefer="less", min_gap=5', 'prefer="less", min_gap=0')
    """

    prefer: Prefer
    min_gap: float = 0.0
    max_gap: float = math.inf

    def __str__(self) -> str:
        parts = [f'prefer="{self.prefer}"']
        parts += [f"min_gap={self.min_gap:g}"] if self.min_gap else []
        parts += [f"max_gap={self.max_gap:g}"] if math.isfinite(self.max_gap) else []
        return ", ".join(parts)

    def instead_of(self, other: Settings) -> str:
        """The arguments of `but` that make these settings of `other`: what falls away has to be said as well."""
        parts = [str(self)]
        parts += ["min_gap=0"] if other.min_gap and not self.min_gap else []
        parts += ['max_gap=float("inf")'] if math.isfinite(other.max_gap) and math.isinf(self.max_gap) else []
        return ", ".join(parts)

    @classmethod
    def of(cls, lf: ResponseScorer) -> Settings:
        return cls(lf.prefer, lf.min_gap, lf.max_gap)

    to_dict = json_fields


def best_settings(more: Float32Array, y: FloatArray, now: Settings | None = None) -> Settings:
    """The settings with the largest penalised gain on these pairs. Those in force cost nothing and win a draw.

    Args:
        more: `(n,)` float32, margins as with `prefer="more"`, positive for B.
        y: `(n,)` float64, 0 (A) or 1 (B).
        now: settings in force; None takes `prefer="more"` without thresholds.

    >>> more = np.array([1, 1, 1, -1, 2, 9, 9, -9, -9, 9] * 20, np.float32)
    >>> y = np.array([1, 0, 0, 0, 1, 0, 0, 1, 1, 0] * 20, float)  # large gaps are right the other way round
    >>> str(best_settings(more, y))
    'prefer="less", min_gap=9'
    """
    size = np.abs(more)  # float32, as in ResponseScorer: 0.7 shall mean the same here and there
    live = size > 0  # NaN is not
    right = (more > 0) == (y == 1)
    lows, highs = _grid(size[live & np.isfinite(size)])
    cost = math.log(max(int(live.sum()), 2)) / 2
    best = now or Settings("more")
    cast = votes_under(more, best)
    best_score = _gain(int((cast[cast >= 0] == y[cast >= 0]).sum()), int((cast >= 0).sum()))
    for low in lows:
        for high in highs:
            if low > high:
                continue
            inside = live & (size >= np.float32(low)) & (size <= np.float32(high))
            n, k = int(inside.sum()), int((inside & right).sum())
            penalty = cost * ((low > 0) + math.isfinite(high))
            prefers: tuple[tuple[Prefer, int], ...] = (("more", k), ("less", n - k))
            for prefer, hits in prefers:
                score = _gain(hits, n) - penalty
                if score > best_score + 1e-12:
                    best, best_score = Settings(prefer, low, high), score
    return best


def _grid(size: Float32Array) -> tuple[list[float], list[float]]:
    """Candidate thresholds: quantiles of the sizes, cut to three digits, as a person would write them."""
    if not size.size:
        return [0.0], [math.inf]
    lows, highs = (
        sorted({float(f"{v:.3g}") for v in np.quantile(size, at, method="closest_observation")})
        for at in (_LOWS, _HIGHS)
    )
    return (
        [0.0, *(v for v in lows if np.float32(v) > size.min())],
        [math.inf, *(v for v in highs if np.float32(v) < size.max())],
    )


def _gain(hits: int, n: int) -> float:
    """Nats that `n` votes with `hits` right are worth in sample; nothing below chance."""
    c = confidence(hits, n)
    return n * math.log(2) + hits * math.log(c) + (n - hits) * math.log(1 - c)


def confidence(hits: int, n: int) -> float:
    return max(0.5, (hits + 1) / (n + 2))


def votes_under(more: Float32Array, settings: Settings) -> NDArray[np.int8]:
    """Votes under other settings, by the scorer's own rule."""
    size = np.abs(more)
    speaks = (size > 0) & (size >= np.float32(settings.min_gap)) & (size <= np.float32(settings.max_gap))
    for_b = (more > 0) if settings.prefer == "more" else (more < 0)
    return np.where(speaks, for_b.astype(np.int8), np.int8(-1)).astype(np.int8)
