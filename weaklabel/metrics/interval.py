"""A figure with the interval around it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from weaklabel._tables import short
from weaklabel.types.result import json_fields


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
        if math.isnan(self.value):
            return "-"
        return f"{short(self.value)} [{short(self.low)}, {short(self.high)}]"

    to_dict = json_fields

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> Interval:
        """The interval that `to_dict` wrote; other keys are left alone."""
        unknown = {"value": math.nan, "low": -math.inf, "high": math.inf}
        value, low, high = (
            float(unknown[key] if state[key] is None else state[key]) for key in ("value", "low", "high")
        )
        return cls(value, low, high, int(state["n"]))
