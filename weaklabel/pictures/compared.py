"""Shares of labels beside the same shares of gold: position and length bias at a glance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from weaklabel.metrics import Interval
from weaklabel.pictures.drawing import WIDTH, Canvas, Picture, Scale, nothing, tick
from weaklabel.pictures.text import name as one_line

_ROW: Final = 52
_COLOURS: Final = "labels in blue, gold below them in orange"


def compared_picture(
    rows: Sequence[tuple[str, Interval, Interval | None]],
    title: str,
    *,
    note: str = "",
) -> Picture:
    """Per question, the share among labels over the share among gold, each with its interval, on one axis 0..1.

    Args:
        rows: the question, the labels' share, and gold's share on the same pairs (None without gold).
        title: heading.
        note: what the figures rest on.
    """
    if not rows:
        return nothing(title, note or "Nothing to compare.")
    x, top = Scale(0, 1, 16, WIDTH - 16), 12
    bottom = top + _ROW * len(rows)
    canvas = Canvas()
    for value in x.ticks(5):
        canvas.line(x(value), top, x(value), bottom, "wl-grid")
        canvas.text(x(value), bottom + 14, tick(value), "wl-s", anchor="middle")
    canvas.line(x(0.5), top, x(0.5), bottom, "wl-dash")
    for k, (question, labels, gold) in enumerate(rows):
        y = top + _ROW * k
        canvas.text(18, y + 12, one_line(question, 56), "wl-t")
        _bar(canvas, x, y + 24, labels, "wl-whisker", "wl-b", "labels")
        if gold is not None:
            _bar(canvas, x, y + 38, gold, "wl-whisker-a", "wl-a", "gold")
    canvas.text(18, bottom + 30, "labels", "wl-tb")
    canvas.text(62, bottom + 30, "gold", "wl-ta")
    return Picture(
        title,
        f"{len(rows)} shares with 95% intervals: {_COLOURS}. The dashed line is one half.",
        str(canvas),
        WIDTH,
        bottom + 40,
        ("", "labels", "pairs", "gold", "pairs"),
        [
            (what, str(ours), f"{ours.n:,}", str(gold or "-"), f"{gold.n:,}" if gold else "-")
            for what, ours, gold in rows
        ],
        note,
    )


def _bar(canvas: Canvas, x: Scale, y: float, interval: Interval, whisker: str, look: str, who: str) -> None:
    canvas.line(x(max(0.0, interval.low)), y, x(min(1.0, interval.high)), y, whisker)
    canvas.dot(x(interval.value), y, 4, look, f"{who}: {interval} (n = {interval.n:,})")
