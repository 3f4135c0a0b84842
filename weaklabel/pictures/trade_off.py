"""One figure against another: what a gain in the one costs of the other, a dot per arm."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from weaklabel.metrics import Interval
from weaklabel.pictures.drawing import WIDTH, Canvas, Picture, Scale, axes, nothing
from weaklabel.pictures.text import fitted
from weaklabel.pictures.text import name as one_line

Point = tuple[str, Interval, Interval]
"""Name, figure across, figure upwards."""
_HEIGHT: Final = 280
_MARGIN: Final = 0.08


def trade_off_picture(
    points: Sequence[Point], title: str, *, x_axis: str, y_axis: str, note: str = ""
) -> Picture:
    """A dot per arm with both of its intervals, in the order given joined by a line.

    Args:
        points: (name, x, y) of each arm; an arm with a value that is not finite is left out.
        title: what is held against what.
        x_axis, y_axis: the two figures, with their units.
        note: what the figures rest on.
    """
    known = [one for one in points if math.isfinite(one[1].value) and math.isfinite(one[2].value)]
    if not known:
        return nothing(title, note or "Nothing was measured.")
    x = _scale([one[1] for one in known], 46, WIDTH - 18)
    y = _scale([one[2] for one in known], _HEIGHT - 44, 30)
    canvas = Canvas()
    axes(canvas, x, y, fitted(x_axis, 300), fitted(y_axis, 300))
    canvas.path([(x(one[1].value), y(one[2].value)) for one in known], "wl-lm")
    for name, across, up in known:
        at, height = x(across.value), y(up.value)
        canvas.line(x(across.low), height, x(across.high), height, "wl-whisker")
        canvas.line(at, y(up.low), at, y(up.high), "wl-whisker")
        canvas.dot(at, height, 3.6, "wl-b", f"{one_line(name)}: {across} across, {up} upwards")
        canvas.text(
            at + (6 if at < WIDTH / 2 else -6),
            height - 6,
            fitted(name, 130),
            "wl-tb",
            anchor="start" if at < WIDTH / 2 else "end",
        )
    best = max(known, key=lambda one: one[2].value)
    return Picture(
        title,
        f"{one_line(best[0])} is highest: {best[2]} upwards at {best[1]} across.",
        str(canvas),
        WIDTH,
        _HEIGHT,
        ("arm", x_axis, y_axis),
        [(name, str(across), str(up)) for name, across, up in known],
        note,
    )


def _scale(figures: Sequence[Interval], start: float, end: float) -> Scale:
    """Over the finite ends of all intervals, and a little beyond."""
    ends = [value for one in figures for value in (one.low, one.value, one.high) if math.isfinite(value)]
    room = _MARGIN * ((max(ends) - min(ends)) or abs(max(ends)) or 1.0)
    return Scale(min(ends) - room, max(ends) + room, start, end)
