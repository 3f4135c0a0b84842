"""Amounts side by side: how long each labeling function takes, and which of them were found fault with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from weaklabel.pictures.drawing import WIDTH, Canvas, Picture, Scale, nothing, tick
from weaklabel.pictures.text import fitted
from weaklabel.pictures.text import name as one_line

LIMIT: Final = 40
_ROW: Final = 18
_LEFT: Final = 160
_LOOKS: Final = {"b": "wl-b", "a": "wl-a", "m": "wl-mute"}


def bars_picture(
    rows: Sequence[tuple[str, float, str]],
    title: str,
    *,
    axis: str,
    kinds: Mapping[str, str],
    note: str = "",
) -> Picture:
    """One bar per name from zero on, in the order given.

    Args:
        rows: the name, an amount >= 0, and its kind, a key of `kinds`.
        title: what the amounts are.
        axis: their unit, in words.
        kinds: at most three, what each means: "b" is drawn in blue, "a" in orange, "m" in grey.
        note: what the figures rest on.

    The first 40 are drawn and the rest counted; the table has all.
    """
    if not rows:
        return nothing(title, note or "Nothing to show.")
    shown = rows[:LIMIT]
    x = Scale(0.0, max(amount for _, amount, _ in shown) or 1.0, _LEFT, WIDTH - 48)
    top, bottom = 8, 8 + _ROW * len(shown)
    canvas = Canvas()
    for k, (name, amount, kind) in enumerate(shown):
        y = top + _ROW * k
        canvas.text(_LEFT - 8, y + 12, fitted(name, _LEFT - 10), "wl-s", anchor="end")
        canvas.rect(_LEFT, y + 3, max(0.8, x(amount) - _LEFT), _ROW - 7, _LOOKS[kind], tip=kinds[kind])
        canvas.text(WIDTH - 4, y + 12, _amount(amount), "wl-s", anchor="end")
    canvas.line(_LEFT, top - 2, _LEFT, bottom, "wl-axis")
    canvas.text((x.start + x.end) / 2, bottom + 16, axis, "wl-s", anchor="middle")
    hidden = len(rows) - len(shown)
    more = f" The first {LIMIT} of {len(rows)} are drawn; the table has all." if hidden else ""
    counts = {kind: sum(row[2] == kind for row in rows) for kind in kinds}
    told = ", ".join(f"{counts[kind]} {words}" for kind, words in kinds.items() if counts[kind])
    return Picture(
        title,
        f"{len(rows)} bars, {axis}: {told}.{more}",
        str(canvas),
        WIDTH,
        bottom + 26,
        ("", axis, ""),
        [(one_line(name, 80), _amount(amount), kinds[kind]) for name, amount, kind in rows],
        note,
    )


def _amount(value: float) -> str:
    return tick(float(f"{value:.2g}")) if value < 100 else f"{value:,.0f}"
