"""A metric: a function of sums over rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from numpy.typing import ArrayLike

from weaklabel.metrics.rows import checked
from weaklabel.types import FloatArray


@dataclass(frozen=True, slots=True)
class Metric:
    """A figure that is a function of sums over rows.

    Attributes:
        name: key in `METRICS`.
        parts: `(p, y) -> (n, c)` float64; the last part is the row's count, 0 where the row is left out.
        combine: `(..., c) -> (...)`, the figure from the summed parts.
        biased: the figure of a sample lies above the truth, and more so in a resample (ECE).
    """

    name: str
    parts: Callable[[FloatArray, FloatArray], FloatArray]
    combine: Callable[[FloatArray], FloatArray]
    biased: bool = False

    def __call__(self, p: ArrayLike, y: ArrayLike) -> float:
        return float(self.combine(self.parts(*checked(p, y)).sum(axis=0)))
