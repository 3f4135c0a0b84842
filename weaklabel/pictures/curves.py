"""Figures over the steps of a training, each with the band of its interval."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

from weaklabel.metrics import Interval
from weaklabel.pictures.drawing import WIDTH, Canvas, Picture, Scale, axes, nothing, tick
from weaklabel.pictures.text import fitted
from weaklabel.pictures.text import name as one_line

Points = Sequence[tuple[int, Interval]]
_HEIGHT: Final = 214
# Line, band, dot and words of each curve, in the order of the curves.
_LOOKS: Final = (
    ("wl-lb", "wl-haze", "wl-b", "wl-tb"),
    ("wl-la", "wl-haze-a", "wl-a", "wl-ta"),
    ("wl-l3", "wl-haze-3", "wl-third", "wl-t3"),
)
MOST: Final = len(_LOOKS)
_LEGEND: Final = 16


def curves_picture(
    curves: Mapping[str, Points],
    title: str,
    *,
    axis: str,
    across: str = "step",
    reference: float | None = None,
    reference_name: str = "",
    description: str = "",
    note: str = "",
) -> Picture:
    """One to three figures at each step, their 95% intervals as bands.

    Args:
        curves: name -> (step, figure) by rising step; what is NaN is left out.
        title: what the figures are.
        axis: their unit.
        across: what the steps are.
        reference: where a dashed line stands: a threshold, or where nothing has changed.
        reference_name: what the line is.
        description: what a reader who cannot see it should know; by default first and last value of each curve.
        note: what the figures rest on.

    Raises:
        ValueError: more than three curves.
    """
    if len(curves) > MOST:
        raise ValueError(f"curves_picture got {len(curves)} curves. Allowed: {MOST} or fewer.")
    across = one_line(across, 60)
    known = {
        name: [(step, one) for step, one in points if math.isfinite(one.value)]
        for name, points in curves.items()
    }
    known = {name: points for name, points in known.items() if points}
    if not known:
        return nothing(title, note or "Nothing was measured.")
    steps = [step for points in known.values() for step, _ in points]
    top = 30 + _LEGEND * len(known)
    x = Scale(min(steps), max(max(steps), min(steps) + 1), 52, WIDTH - 16)
    y = Scale(*_range(known, reference), _HEIGHT + top - 74, top)
    canvas = Canvas()
    axes(canvas, x, y, across, axis, y_ticks=4)
    if reference is not None:
        canvas.line(x.start, y(reference), x.end, y(reference), "wl-dash")
        # Beside the line a curve may run through it.
        canvas.text(x.end, top - 10, fitted(f"dashed: {reference_name}", WIDTH / 2), "wl-s", anchor="end")
    for k, (name, points) in enumerate(known.items()):
        _curve(canvas, x, y, (name, across), points, _LOOKS[k])
        canvas.text(2, 12 + _LEGEND * k, fitted(name, WIDTH - 8), _LOOKS[k][3])
    told = "; ".join(
        f"{one_line(name, 60)}: {_number(points[0][1].value)} at {across} {points[0][0]:,}, {_number(points[-1][1].value)} at {across} "
        f"{points[-1][0]:,}"
        for name, points in known.items()
    )
    rows = [
        (one_line(name, 60), f"{step:,}", *(_number(v) for v in (one.value, one.low, one.high)), f"{one.n:,}")
        for name, points in known.items()
        for step, one in points
    ]
    return Picture(
        title,
        description or f"{told}.",
        str(canvas),
        WIDTH,
        _HEIGHT + top - 34,
        ("", across, "value", "95% from", "to", "n"),
        rows,
        note,
    )


def _curve(
    canvas: Canvas,
    x: Scale,
    y: Scale,
    names: tuple[str, str],
    points: Points,
    looks: tuple[str, str, str, str],
) -> None:
    (name, across), (line, band, dot, _) = names, looks
    bounded = [(step, one) for step, one in points if math.isfinite(one.low) and math.isfinite(one.high)]
    upper = [(x(step), y(one.high)) for step, one in bounded]
    lower = [(x(step), y(one.low)) for step, one in reversed(bounded)]
    canvas.path([*upper, *lower], band, closed=True)
    canvas.path([(x(step), y(one.value)) for step, one in points], line)
    for step, one in points:
        canvas.dot(
            x(step),
            y(one.value),
            2.6,
            dot,
            f"{name}, {across} {step:,}: {_number(one.value)} (n = {one.n:,})",
        )


def _range(curves: Mapping[str, Points], reference: float | None) -> tuple[float, float]:
    ones = [one for points in curves.values() for _, one in points]
    ends = [v for one in ones for v in (one.low, one.value, one.high) if math.isfinite(v)]
    ends += [] if reference is None else [reference]
    low, high = min(ends), max(ends)
    spare = (high - low) * 0.08 or max(abs(high) * 0.1, 0.05)
    # A share is not below 0, and a length neither.
    return (0.0 if low >= 0 and low - spare < 0 else low - spare), high + spare


def _number(value: float) -> str:
    """In four digits, as a tick is written; `-` for what is not known."""
    return tick(float(f"{value:.4g}")) if math.isfinite(value) else "-"
