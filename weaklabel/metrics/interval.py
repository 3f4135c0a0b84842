"""A figure with the interval around it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from weaklabel._shown import Shown
from weaklabel._tables import short


@dataclass(frozen=True, slots=True)
class Interval(Shown):
    """A figure, the interval around it, and how many rows it is about.

    >>> str(Interval(0.7312, 0.69, 0.7731, 400))
    '.731 [.690, .773]'
    """

    value: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        if math.isnan(self.value):
            return "-"
        return f"{short(self.value)} [{short(self.low)}, {short(self.high)}]"

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
