"""The picture of a sweep: accuracy against gold, and under it the gain over gold alone, with intervals."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from weaklabel.metrics import Interval
from weaklabel.pictures.drawing import WIDTH, Canvas, Picture, Scale, nothing, tick
from weaklabel.pipeline.sweep.row import SweepRow

# Line, dots and words of the sources, the main one last: it is drawn over the others.
_LOOKS: Final = (
    ("wl-l3", "wl-third", "wl-t3"),
    ("wl-la", "wl-a", "wl-ta"),
    ("wl-lg", "wl-good", "wl-tg"),
    ("wl-lb", "wl-b", "wl-tb"),
)
_GOLD: Final = ("wl-lm", "wl-mute", "wl-s")
_PANEL: Final = 190


def sweep_picture(rows: Sequence[SweepRow], rewards: Sequence[str]) -> Picture:
    """Per reward model two panels: accuracy of gold alone and of every source, and the gains of the sources.

    Args:
        rows: of one amount and threshold, so that there is one line per source.
        rewards: names of the reward models, in order.
    """
    canvas, top = Canvas(), 0.0
    for reward in rewards:
        shown = _lines([row for row in rows if row.reward == reward])
        top = _legend(canvas, top, reward, list(shown))
        top = _panel(canvas, top, shown, "accuracy on held-out pairs", lambda row: row.figures["accuracy"])
        gains = {name: [row for row in line if row.gains] for name, line in shown.items()}
        gains = {name: line for name, line in gains.items() if line}
        if gains:
            look = list(shown).index(next(iter(gains)))
            top = _panel(
                canvas, top, gains, "gain over gold alone", lambda row: row.gains["accuracy"], skip=look
            )
    if not rows:
        return nothing("Do weak labels help?", "Nothing was measured.")
    header = ("reward model", "gold", "arm", "accuracy", "gain", "as good as gold alone of")
    table = [(c[0], c[1], c[2], c[5], c[6], c[9]) for c in (row.cells() for row in rows)]
    return Picture(
        "Do weak labels help?",
        "Accuracy on held-out pairs against the number of gold pairs (log scale), one line for gold alone and one for "
        "gold with weak labels of each source; below, the gain of each source over gold alone, with 95% intervals.",
        str(canvas),
        WIDTH,
        top + 8,
        header,
        table,
        "Intervals resample seeds and prompts.",
    )


def _lines(rows: Sequence[SweepRow]) -> dict[str, list[SweepRow]]:
    """Per source the rows over gold sizes; gold alone first."""
    found: dict[str, list[SweepRow]] = {}
    for row in sorted(rows, key=lambda row: row.gold):
        found.setdefault(row.arm.source or "gold only", []).append(row)
    return found


def _look(k: int, n: int) -> tuple[str, str, str]:
    """Of the k-th of n lines: gold alone is grey, the last one blue."""
    return _GOLD if k == 0 else _LOOKS[(len(_LOOKS) - n + k) % len(_LOOKS)]


def _legend(canvas: Canvas, top: float, reward: str, names: Sequence[str]) -> float:
    canvas.text(2, top + 16, f"Reward model {reward}", "wl-h")
    left, y = 2.0, top + 34
    for k, name in enumerate(names):
        width = 12 + 6.3 * len(name)
        if left + width > WIDTH:
            left, y = 2.0, y + 15
        canvas.text(left, y, name, _look(k, len(names))[2])
        left += width
    return y + 8


def _panel(
    canvas: Canvas,
    top: float,
    lines: Mapping[str, Sequence[SweepRow]],
    name: str,
    figure: Callable[[SweepRow], Interval],
    *,
    skip: int = 0,
) -> float:
    intervals = [figure(row) for line in lines.values() for row in line]
    low, high = min(i.low for i in intervals), max(i.high for i in intervals)
    sizes = sorted({row.gold for line in lines.values() for row in line})
    room = 0.04 * (high - low) or 0.01
    x = Scale(math.log(sizes[0]) - 0.15, math.log(sizes[-1]) + 0.15, 46, WIDTH - 10)
    y = Scale(low - room, high + room, top + _PANEL - 44, top + 26)
    _axes(canvas, x, y, sizes, name)
    if low <= 0 <= high:
        canvas.line(x.start, y(0), x.end, y(0), "wl-dash")
    for k, (title, line) in enumerate(lines.items()):
        stroke, dot, _ = _look(k + skip, len(lines) + skip)
        beside = 4.0 * (k - (len(lines) - 1) / 2)  # so that intervals at one size do not cover each other
        spots = [(x(math.log(row.gold)) + beside, figure(row)) for row in line]
        canvas.path([(at, y(i.value)) for at, i in spots], stroke)
        for (at, i), row in zip(spots, line, strict=True):
            canvas.path([(at, y(i.low)), (at, y(i.high))], stroke)
            canvas.dot(at, y(i.value), 2.6, dot, f"{title}, {row.gold} gold: {i}")
    return top + _PANEL


def _axes(canvas: Canvas, x: Scale, y: Scale, sizes: Sequence[int], name: str) -> None:
    for value in y.ticks(4):
        canvas.line(x.start, y(value), x.end, y(value), "wl-grid")
        canvas.text(x.start - 6, y(value) + 4, tick(value), "wl-s", anchor="end")
    canvas.line(x.start, y.start, x.end, y.start, "wl-axis")
    last = -math.inf
    for n in sizes:
        spot = x(math.log(n))
        canvas.line(spot, y.start, spot, y.start + 4, "wl-axis")
        if spot - last > 24:  # sizes that stand close share a word
            canvas.text(spot, y.start + 16, str(n), "wl-s", anchor="middle")
            last = spot
    canvas.text((x.start + x.end) / 2, y.start + 30, "gold pairs", "wl-s", anchor="middle")
    canvas.text(2, y.end - 10, name, "wl-s")
