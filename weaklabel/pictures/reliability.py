"""Reliability: how often labels of a given confidence are right, beside what perfect calibration would show.

Source: reliability diagrams, DeGroot & Fienberg (1983); bins of equal mass, Nguyen & O'Connor (2015); the band of
what chance alone moves, Bröcker & Smith (2007).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from numpy.typing import ArrayLike

from weaklabel.metrics import ReliabilityBin, reliability_equal_mass
from weaklabel.pictures.drawing import WIDTH, Canvas, Picture, Scale, axes, nothing, share, tick

BAND: Final = 0.9
_HEIGHT: Final = 300
_TITLE: Final = "Reliability: is a confidence of .8 right 8 times in 10?"


def reliability_picture(
    p: ArrayLike, y: ArrayLike, groups: ArrayLike | None = None, *, bins: int = 10, note: str = ""
) -> Picture:
    """Share right against confidence in bins of equal mass, with intervals and the band of perfect calibration.

    Args:
        p: `(n,)` in [0, 1], P(B beats A), of pairs whose gold had no part in it.
        y: `(n,)`, their gold: 0 (A), 1 (B), .5 (tie).
        groups: `(n,)`, equal values for equal prompts, which the intervals resample; None takes each row alone.
        bins: as many bins at most; fewer where there are few pairs.
        note: what the figures rest on.

    Turning pairs round changes nothing. The band holds the middle 90% of what a perfectly calibrated model with as
    many pairs of these confidences would show in each bin, pairs taken as independent.

    Raises:
        LabelMatrixError: as for `weaklabel.metrics.accuracy`.
    """
    rows = reliability_equal_mass(p, y, bins=bins, groups=groups)
    bands = [perfect_band(row.confidence, row.n) for row in rows]
    low = min(min(max(0.0, row.share.low) for row in rows), min(b[0] for b in bands), 0.4)
    x, scale = Scale(0.5, 1, 40, WIDTH - 14), Scale(int(low * 10) / 10, 1, _HEIGHT - 44, 30)
    canvas = Canvas()
    axes(canvas, x, scale, "confidence that the labels state", "share right on gold")
    outline = [(x(r.confidence), scale(b[0])) for r, b in zip(rows, bands, strict=True)]
    outline += [(x(r.confidence), scale(b[1])) for r, b in zip(reversed(rows), reversed(bands), strict=True)]
    canvas.path(outline, "wl-band", closed=True)
    canvas.path([(x(0.5), scale(0.5)), (x(1), scale(1))], "wl-dash")
    canvas.path([(x(row.confidence), scale(row.share.value)) for row in rows], "wl-lb")
    for row in rows:
        _point(canvas, x, scale, row)
    canvas.text(x(1), scale.start - 8, "grey: perfect calibration, 90%", "wl-s", anchor="end")
    cells = [_cells(row, band) for row, band in zip(rows, bands, strict=True)]
    inside = sum(b[0] - 1e-9 <= r.share.value <= b[1] + 1e-9 for r, b in zip(rows, bands, strict=True))
    return Picture(
        _TITLE,
        f"{len(rows)} bins of equal mass; {inside} of them lie in the grey band of what perfect calibration would show "
        f"({BAND:.0%} of the time).",
        str(canvas),
        WIDTH,
        _HEIGHT,
        ("confidence from", "to", "pairs", "mean confidence", "share right", "perfect, 90%"),
        cells,
        note,
    )


def perfect_band(confidence: float, n: int) -> tuple[float, float]:
    """Bounds of the middle 90% of shares right among `n` pairs, each right with chance `confidence`.

    >>> perfect_band(0.8, 100)
    (0.73, 0.86)
    """
    from scipy.stats import binom

    low, high = binom.ppf([(1 - BAND) / 2, (1 + BAND) / 2], n, confidence)
    return float(low) / n, float(high) / n


def no_reliability(why: str) -> Picture:
    """In the place of the picture, where there is nothing to judge by."""
    return nothing(_TITLE, why)


def _point(canvas: Canvas, x: Scale, y: Scale, row: ReliabilityBin) -> None:
    at, found = x(row.confidence), row.share
    canvas.line(at, y(max(0.0, found.low)), at, y(min(1.0, found.high)), "wl-whisker")
    canvas.dot(
        at,
        y(found.value),
        3.6,
        "wl-b",
        f"says {tick(round(row.confidence, 3))}, right {found} ({row.n} pairs)",
    )


def _cells(row: ReliabilityBin, band: tuple[float, float]) -> Sequence[str]:
    return (
        share(row.low),
        share(row.high),
        f"{row.n:,}",
        share(row.confidence),
        str(row.share),
        f"{share(band[0])} to {share(band[1])}",
    )
