"""The learning rate of SuperHF over its superbatches, whose number is known before the first one is drawn."""

from __future__ import annotations

import math


def rate_share(schedule: str, at: float, *, warmup: float, total: float) -> float:
    """The share of the learning rate that is in force, in [0, 1].

    Args:
        schedule: a name of `settings.SCHEDULES`.
        at: superbatches that are done, with a fraction within one.
        warmup: superbatches in which the rate rises, or their share of all (below 1).
        total: superbatches in all.

    >>> [round(rate_share("cosine", at, warmup=2, total=10), 3) for at in (0, 1, 2, 6, 10)]
    [0.0, 0.5, 1.0, 0.5, 0.0]
    """
    rising = warmup if warmup >= 1 else warmup * total
    if at < rising:
        return at / rising
    if schedule.startswith("constant"):
        return 1.0
    left = 1 - min(1.0, (at - rising) / max(total - rising, 1e-9))
    return left if schedule == "linear" else (1 - math.cos(math.pi * left)) / 2
