"""One pair's label, taken apart: what each labeling function gave for A and for B."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from weaklabel._tables import short
from weaklabel.pictures.drawing import WIDTH, Canvas, Picture, Scale, nothing
from weaklabel.pictures.text import fitted
from weaklabel.pictures.text import name as one_line
from weaklabel.types import Reason

LIMIT: Final = 24
_LISTED: Final = 60
_ROW: Final = 18
_LEFT: Final = 160
# What the texts themselves say has no vote.
_SAID: Final = {None: "", -1: "-", 0: "A", 1: "B"}


def contributions_picture(reasons: Sequence[Reason], title: str = "What each function said") -> Picture:
    """Bars of log-odds, to the left for A and to the right for B, the largest first.

    Args:
        reasons: as `Labels.explain` gives them. Where the model has no such sum, each vote counts as one.
        title: heading.
    """
    if not reasons:
        return nothing(title, "No function voted on this pair.")
    sizes = [_size(reason) for reason in reasons]
    widest = max(abs(size) for size in sizes) or 1.0
    shown = list(zip(reasons, sizes, strict=True))[:LIMIT]
    x = Scale(-widest, widest, _LEFT + 22, WIDTH - 44)
    top, bottom = 22, 22 + _ROW * len(shown)
    canvas = Canvas()
    canvas.text(x(0) - 6, 14, "← A", "wl-ta", anchor="end")
    canvas.text(x(0) + 6, 14, "B →", "wl-tb")
    for k, (reason, size) in enumerate(shown):
        y = top + _ROW * k
        canvas.text(_LEFT - 6, y + 12, fitted(reason.lf, _LEFT - 8), "wl-s", anchor="end")
        canvas.text(_LEFT + 6, y + 12, _SAID[reason.vote], _vote_look(reason.vote), anchor="middle")
        left, right = sorted((x(0), x(size)))
        if size:
            canvas.rect(left, y + 3, max(0.8, right - left), _ROW - 7, "wl-a" if size < 0 else "wl-b")
        canvas.text(WIDTH - 4, y + 12, short(size, sign=True), "wl-s", anchor="end")
    canvas.line(x(0), top - 2, x(0), bottom, "wl-axis")
    hidden = len(reasons) - len(shown)
    more = f" {hidden} smaller ones are not drawn." if hidden else ""
    return Picture(
        title,
        f"{len(reasons)} voices; the letter is the function's vote, the bar its share of the log-odds.{more}",
        str(canvas),
        WIDTH,
        bottom + 8,
        ("function", "vote", "log-odds", "margin"),
        [
            (
                one_line(r.lf, 80),
                _SAID[r.vote],
                short(r.log_odds, sign=True),
                "-" if r.margin != r.margin else f"{r.margin:+.4g}",
            )
            for r in reasons[:_LISTED]
        ],
    )


def _size(reason: Reason) -> float:
    if reason.log_odds is not None:
        return float(reason.log_odds)
    return {0: -1.0, 1: 1.0}.get(-1 if reason.vote is None else reason.vote, 0.0)


def _vote_look(vote: int | None) -> str:
    return {0: "wl-ta", 1: "wl-tb"}.get(-1 if vote is None else vote, "wl-s")
