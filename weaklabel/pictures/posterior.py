"""How sure the labels are: pairs by P(B beats A)."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from weaklabel.errors import LabelMatrixError
from weaklabel.pictures.drawing import WIDTH, Canvas, Picture, Scale, axes, share

BINS: Final = 20
_HEIGHT: Final = 250


def posterior_picture(p: ArrayLike, *, bins: int = BINS, note: str = "") -> Picture:
    """Counts of pairs in equal slices of P(B beats A), the A half and the B half in their colours.

    Args:
        p: `(n,)` in [0, 1]; exact ties are counted apart, so that turning all pairs round mirrors the picture.
        bins: slices of [0, 1], an even number.
        note: what the figures rest on.

    Raises:
        LabelMatrixError: p outside [0, 1], or empty.
    """
    values = np.asarray(p, dtype=np.float64)
    if values.ndim != 1 or not values.size or not ((values >= 0) & (values <= 1)).all():
        raise LabelMatrixError(
            f"p has shape {values.shape} or holds values outside [0, 1]. Pass P(B beats A) of at least one pair."
        )
    counts, ties = mirror_counts(values, bins)
    x = Scale(0, 1, 44, WIDTH - 12)
    y = Scale(0, max(1.0, float(counts.max()) * 1.04), _HEIGHT - 44, 30)
    canvas = Canvas()
    axes(canvas, x, y, "P(B beats A)", "pairs", y_ticks=4)
    edges = np.linspace(0, 1, bins + 1)
    for k, count in enumerate(counts.tolist()):
        left, right = x(float(edges[k])) + 0.75, x(float(edges[k + 1])) - 0.75
        said = f"{share(float(edges[k]))} to {share(float(edges[k + 1]))}: {count:,} pairs"
        if count:
            canvas.rect(
                left, y(count), right - left, y.start - y(count), "wl-a" if 2 * k < bins else "wl-b", tip=said
            )
    n_a, n_b = int((values < 0.5).sum()), int((values > 0.5).sum())
    canvas.text(x(0) + 2, 20 + 2, f"A wins: {n_a:,}", "wl-ta")
    canvas.text(x(1), 20 + 2, f"B wins: {n_b:,}", "wl-tb", anchor="end")
    rows = [
        (f"{share(float(edges[k]))} to {share(float(edges[k + 1]))}", f"{count:,}")
        for k, count in enumerate(counts.tolist())
    ]
    return Picture(
        "How sure the labels are",
        f"{len(values):,} pairs: {n_a:,} for A, {n_b:,} for B, {ties:,} exact ties (p = .5). Median confidence "
        f"{share(float(np.median(np.maximum(values, 1 - values))))}.",
        str(canvas),
        WIDTH,
        _HEIGHT,
        ("P(B beats A)", "pairs"),
        [*rows, ("exactly .5", f"{ties:,}")],
        note,
    )


def mirror_counts(p: ArrayLike, bins: int) -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.int64]], int]:
    """Counts per slice and exact ties; a value on an edge belongs to the slice away from the middle.

    >>> counts, ties = mirror_counts([0.1, 0.5, 0.9], 4)
    >>> counts.tolist(), ties
    ([1, 0, 0, 1], 1)
    """
    values = np.asarray(p, dtype=np.float64)
    # Counted on the distance from the middle, so that p and 1 - p fall into mirrored slices to the bit.
    step = np.minimum((np.abs(values - 0.5) * bins).astype(np.int64), bins // 2 - 1)
    where = np.where(values > 0.5, bins // 2 + step, bins // 2 - 1 - step)[values != 0.5]
    return np.bincount(where, minlength=bins).astype(np.int64), int((values == 0.5).sum())
