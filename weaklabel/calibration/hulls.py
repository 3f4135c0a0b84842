"""Isotonic regression with one more success, for every place where it could fall, in one sweep.

Isotonic regression is the slope of the lower hull of the points (cases so far, successes so far). One more success
at place i moves all later points by (1, 1); its fitted value is the slope of the line that then bridges the hull of
the points before it and the hull of those after it. From place to place that slope can only rise, and both ends of
the bridge move to the right only, so that one sweep finds them all.

Source: the geometric representation, Vovk, Petej & Fedorova (2015), section 3; the sweep is our own.
"""

from __future__ import annotations

import numpy as np

from weaklabel.types import FloatArray


def raised_isotonic(n: FloatArray, k: FloatArray) -> FloatArray:
    """`(m,)`: the isotonic fit at place i after one more success was added there, for each i by itself.

    Args:
        n: `(m,)` float64 > 0, cases at each place, in order.
        k: `(m,)` float64, 0 <= k <= n, successes among them.

    >>> raised_isotonic(np.array([1.0, 1.0]), np.array([1.0, 0.0])).tolist()  # 2 of 3 pooled; 2 of 3 pooled
    [0.6666666666666666, 0.6666666666666666]
    """
    x, y = np.append(0.0, np.cumsum(n)).tolist(), np.append(0.0, np.cumsum(k)).tolist()
    following = _next_on_hull(x, y)
    before: list[int] = []  # hull of the points before the added success
    at, right = 0, 1  # the ends of the bridge: a position in `before`, and a point after
    found = []
    for i in range(1, len(x)):
        while len(before) > 1 and _slope(x, y, before[-2], before[-1]) >= _slope(x, y, before[-2], i - 1):
            before.pop()
        before.append(i - 1)
        at, right = min(at, len(before) - 1), max(right, i)
        while True:
            left = before[at]
            while (on := following[right]) and _bridge(x, y, left, on) <= _bridge(x, y, left, right):
                right = on
            slope = _bridge(x, y, left, right)
            # The right end is best for this left end; a next point of the hull that lies lower is a better left end.
            if at + 1 < len(before) and _slope(x, y, left, before[at + 1]) < slope:
                at += 1
            else:
                break
        found.append(slope)
    return np.array(found, dtype=np.float64)


def _next_on_hull(x: list[float], y: list[float]) -> list[int]:
    """For each point the one that follows it on the lower hull of the points from it onward; 0 for the last."""
    following = [0] * len(x)
    for i in range(len(x) - 2, -1, -1):
        j = i + 1
        while following[j] and _slope(x, y, i, j) >= _slope(x, y, i, following[j]):
            j = following[j]
        following[i] = j
    return following


def _slope(x: list[float], y: list[float], i: int, j: int) -> float:
    return (y[j] - y[i]) / (x[j] - x[i])


def _bridge(x: list[float], y: list[float], i: int, j: int) -> float:
    """The slope from i to j when one more success lies between."""
    return (y[j] - y[i] + 1.0) / (x[j] - x[i] + 1.0)
