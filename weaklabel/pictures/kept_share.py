"""What a confidence filter buys: the share of pairs that it keeps against how often the kept ones are right."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from numpy.typing import ArrayLike

from weaklabel.metrics import KeptRow, kept_share_curve
from weaklabel.pictures.drawing import WIDTH, Canvas, Picture, Scale, axes, nothing, share, tick

_HEIGHT: Final = 280
_MARKED: Final = (0.6, 0.7, 0.8, 0.9)
_TITLE: Final = "What a confidence filter keeps, and how right it is"


def kept_share_picture(
    p: ArrayLike, y: ArrayLike, groups: ArrayLike | None = None, *, note: str = ""
) -> Picture:
    """Accuracy of the pairs at or above each confidence, with its interval, against the share that is kept.

    Args:
        p: `(n,)` in [0, 1], P(B beats A), of pairs whose gold had no part in it.
        y: `(n,)`, their gold: 0 (A), 1 (B), .5 (tie).
        groups: `(n,)`, equal values for equal prompts, which the intervals resample; None takes each row alone.
        note: what the figures rest on.

    The intervals hold for one threshold named beforehand. To search for one, use a method that survives the search.

    Raises:
        LabelMatrixError: as for `weaklabel.metrics.accuracy`.
    """
    curve = [row for row in kept_share_curve(p, y, groups=groups) if math.isfinite(row.accuracy.value)]
    if not curve:
        return nothing(_TITLE, "Every gold pair is a tie: nobody can be right on it.")
    lows = [max(0.0, row.accuracy.low) for row in curve]
    low = min(0.5, int(min(lows) * 10) / 10)
    x, scale = Scale(0, 1, 40, WIDTH - 14), Scale(low, 1, _HEIGHT - 44, 30)
    canvas = Canvas()
    axes(canvas, x, scale, "share of pairs kept", "share right among the kept")
    curve = sorted(curve, key=lambda row: row.kept_share)
    upper = [(x(row.kept_share), scale(min(1.0, row.accuracy.high))) for row in curve]
    lower = [(x(row.kept_share), scale(max(0.0, row.accuracy.low))) for row in reversed(curve)]
    canvas.path([*upper, *lower], "wl-haze", closed=True)
    canvas.path([(x(row.kept_share), scale(row.accuracy.value)) for row in curve], "wl-lb")
    for row in _marked(curve):
        said = (
            f"confidence at least {share(row.threshold)}: {share(row.kept_share)} kept, {row.accuracy} right"
        )
        canvas.dot(x(row.kept_share), scale(row.accuracy.value), 3.6, "wl-b", said)
        canvas.text(
            x(row.kept_share) + 5,
            scale(row.accuracy.value) - 7,
            f"≥ {tick(round(row.threshold, 2))}",
            "wl-tb",
        )
    whole = curve[-1]
    return Picture(
        _TITLE,
        f"With no filter {whole.accuracy} of the pairs are right; dots mark confidences to filter at.",
        str(canvas),
        WIDTH,
        _HEIGHT,
        ("confidence at least", "share kept", "pairs", "share right"),
        [(share(r.threshold), share(r.kept_share), f"{r.n:,}", str(r.accuracy)) for r in _table(curve)],
        note,
    )


def no_kept_share(why: str) -> Picture:
    """In the place of the picture, where there is nothing to judge by."""
    return nothing(_TITLE, why)


def _marked(curve: Sequence[KeptRow]) -> list[KeptRow]:
    """Points of the curve nearest above the round confidences, those apart that would stand on one another."""
    found: list[KeptRow] = []
    for wanted in _MARKED:
        above = [row for row in curve if row.threshold >= wanted - 1e-9]
        row = max(above, key=lambda r: r.kept_share, default=None)
        near = abs(row.threshold - wanted) < 0.03 if row is not None else False
        if row is not None and near and all(abs(row.kept_share - other.kept_share) > 0.07 for other in found):
            found.append(row)
    return found


def _table(curve: Sequence[KeptRow], about: int = 20) -> list[KeptRow]:
    step = max(1, len(curve) // about)
    return list(curve[::-1][::step])
