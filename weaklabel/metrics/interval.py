"""A figure with the interval around it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from weaklabel._tables import short
from weaklabel._validation import number_within, whole_within
from weaklabel.types.result import Result

_LARGEST: Final = 1e300


@dataclass(frozen=True, slots=True)
class Interval(Result):
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

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> Interval:
        """The interval that `to_dict` wrote; other keys are left alone.

        Raises:
            KeyError, ValueError: a number that is missing, or that no figure is.
        """
        unknown = {"value": math.nan, "low": -math.inf, "high": math.inf}
        value, low, high = (
            open_end if state[key] is None else number_within(state[key], -_LARGEST, _LARGEST)
            for key, open_end in unknown.items()
        )
        return cls(value, low, high, whole_within(state["n"], 0, 2**53))
