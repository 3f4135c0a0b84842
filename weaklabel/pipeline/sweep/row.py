"""One row of a sweep: a reward model, a gold size and an arm, over all seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from weaklabel._tables import short
from weaklabel.metrics import Interval
from weaklabel.pipeline.sweep.grid import Arm
from weaklabel.pipeline.sweep.worth import Worth
from weaklabel.types.result import json_fields


@dataclass(frozen=True)
class SweepRow:
    """One reward model, gold size and arm, over all seeds.

    Attributes:
        reward: name of the reward model.
        gold: gold pairs it was given.
        arm: what it learned from beside gold.
        n_weak: weak labels that were kept, mean over seeds.
        right: share of these that name the winner, by gold that nothing was fitted to; None where there is none.
        figures: `accuracy` and `nll` on held-out pairs.
        gains: the same minus those of gold alone at this size; empty for gold alone.
        se: standard error of the gain in accuracy; 0 for gold alone.
        worth: the gold size at which gold alone is as accurate; None for gold alone.
    """

    reward: str
    gold: int
    arm: Arm
    n_weak: float
    right: float | None
    figures: Mapping[str, Interval]
    gains: Mapping[str, Interval]
    se: float
    worth: Worth | None

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        found = json_fields(self)
        del found["se"]
        source = {"source": self.arm.source or "gold", "weak": self.arm.weak, "threshold": self.arm.threshold}
        return found | {"arm": str(self.arm)} | source

    def cells(self) -> list[str]:
        """The row as text."""
        gain, nats = self.gains.get("accuracy"), self.gains.get("nll")
        return [
            self.reward,
            str(self.gold),
            str(self.arm),
            f"{self.n_weak:.0f}" if self.arm.source else "",
            "" if self.right is None else short(self.right),
            str(self.figures["accuracy"]),
            signed(gain) if gain else "",
            short(self.figures["nll"].value),
            signed(nats) if nats else "",
            str(self.worth) if self.worth else "",
        ]


HEADER: Final = (
    "reward model",
    "gold",
    "arm",
    "kept",
    "right",
    "accuracy",
    "gain",
    "nll",
    "nll change",
    "as good as gold alone of",
)


def signed(interval: Interval) -> str:
    """A difference with its interval, signs shown."""
    if math.isnan(interval.value):
        return "-"
    low, high = (short(v, sign=True) for v in (interval.low, interval.high))
    return f"{short(interval.value, sign=True)} [{low}, {high}]"
