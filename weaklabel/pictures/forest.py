"""Figures with their intervals, one under the other: labeling functions, arms, what each function adds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from weaklabel._tables import short
from weaklabel.metrics import Interval
from weaklabel.pictures.drawing import WIDTH, Canvas, Picture, Scale, nothing, tick
from weaklabel.pictures.text import fitted, width_of
from weaklabel.pictures.text import name as one_line

LIMIT: Final = 40
_ROW: Final = 21
# Where the figures begin, as near and as far right as the names may push them.
_LEFT: Final = (150.0, 0.58 * WIDTH)
_NEAR: Final = 1e-9  # log 2 is no clearer of log 2 for having been summed
_LOOKS: Final = {"b": ("wl-b", "wl-whisker"), "a": ("wl-a", "wl-whisker-a"), "m": ("wl-mute", "wl-whisker-m")}


def forest_picture(
    rows: Sequence[tuple[str, Interval]],
    title: str,
    *,
    reference: float | None = None,
    reference_name: str = "",
    signed: bool = False,
    lower_is_better: bool = False,
    axis: str = "",
    note: str = "",
) -> Picture:
    """One dot with its interval per name, in the order given.

    Args:
        rows: names and their figures; beyond 40 the rest is counted and stands in the table alone.
        title: what the figures are.
        reference: where a dashed line stands, a coin's .5 or a difference of nothing.
        reference_name: what the line is.
        signed: figures are small differences, shown with their sign and four decimals.
        lower_is_better: which side of the reference is the good one, drawn in blue.
        axis: words under the axis.
        note: what the figures rest on.

    Blue: the whole interval is on the good side of the reference. Orange: on the other. Grey: it holds the reference.
    """
    if not rows:
        return nothing(title, note or "No figures: no gold.")
    shown = rows[:LIMIT]
    left = min(_LEFT[1], max(_LEFT[0], *(width_of(one_line(name, 80)) + 12 for name, _ in shown)))
    x = Scale(*_range([interval for _, interval in shown], reference), left, WIDTH - 60)
    top, bottom = 26, 26 + _ROW * len(shown)
    canvas = Canvas()
    for value in x.ticks(3):
        canvas.line(x(value), top - 4, x(value), bottom, "wl-grid")
        canvas.text(x(value), bottom + 14, tick(value), "wl-s", anchor="middle")
    if reference is not None:
        canvas.line(x(reference), top - 4, x(reference), bottom, "wl-dash")
        canvas.text(x(reference), top - 10, reference_name, "wl-s", anchor="middle")
    looks = [_side(interval, reference, lower_is_better) for _, interval in rows]
    for k, (name, interval) in enumerate(shown):
        y = top + _ROW * k + _ROW / 2
        canvas.text(left - 8, y + 4, fitted(name, left - 8), "wl-s", anchor="end")
        _row(canvas, x, y, name, interval, looks[k], signed)
    height = bottom + 38
    words = axis or ("left is better" if lower_is_better else "right is better")
    canvas.text((x.start + x.end) / 2, bottom + 30, words, "wl-s", anchor="middle")
    hidden = len(rows) - len(shown)
    more = f" The first {LIMIT} of {len(rows)} are drawn; the table has all." if hidden else ""
    clear = sum(look != "m" for look in looks)
    told = f" {clear} of {len(rows)} lie clear of the line." if reference is not None else ""
    return Picture(
        title,
        f"Dots with 95% intervals.{told}{more}",
        str(canvas),
        WIDTH,
        height,
        ("", "value", "95% from", "to", "n"),
        [_cells(name, interval, signed) for name, interval in rows],
        note,
    )


def _row(canvas: Canvas, x: Scale, y: float, name: str, interval: Interval, look: str, signed: bool) -> None:
    dot, whisker = _LOOKS[look]
    low = interval.low if math.isfinite(interval.low) else x.low
    high = interval.high if math.isfinite(interval.high) else x.high
    canvas.line(x(low), y, x(high), y, whisker)
    canvas.dot(x(interval.value), y, 3.8, dot, f"{name}: {interval} (n = {interval.n:,})")
    canvas.text(WIDTH - 6, y + 4, (nats if signed else short)(interval.value), "wl-t", anchor="end")


def _side(interval: Interval, reference: float | None, lower_is_better: bool) -> str:
    """`b` for the good side of the reference, `a` for the other, `m` where the interval holds it."""
    if reference is None:
        return "b"
    above, below = interval.low > reference + _NEAR, interval.high < reference - _NEAR
    if not (above or below):
        return "m"
    return "b" if above != lower_is_better else "a"


def _range(intervals: Sequence[Interval], reference: float | None) -> tuple[float, float]:
    ends = [v for i in intervals for v in (i.low, i.value, i.high) if math.isfinite(v)]
    ends += [] if reference is None else [reference]
    low, high = min(ends), max(ends)
    spare = (high - low) * 0.06 or 0.05
    return low - spare, high + spare


def _cells(name: str, interval: Interval, signed: bool) -> tuple[str, ...]:
    shown = [(nats if signed else short)(v) for v in (interval.value, interval.low, interval.high)]
    return (one_line(name, 80), *shown, f"{interval.n:,}")


def nats(value: float) -> str:
    """A small difference with its sign and four decimals; `-` for what is not known.

    >>> nats(0.0123), nats(-0.00004), nats(float("inf"))
    ('+.0123', '0', '-')
    """
    if not math.isfinite(value):
        return "-"
    return f"{value:+.4f}".replace("0.", ".", 1) if abs(value) >= 0.00005 else "0"
