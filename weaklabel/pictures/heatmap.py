"""Matrices of labeling functions against each other: how often both vote, agree, and contradict."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from weaklabel._tables import short
from weaklabel.pictures.drawing import Canvas, Picture, nothing
from weaklabel.pictures.text import name as one_line
from weaklabel.pictures.text import width_of
from weaklabel.types import FloatArray

LIMIT: Final = 40
_LABEL: Final = 26  # characters of a function's name
_TOP: Final = 30
_TIPPED: Final = 24  # functions up to which every cell has a tip of its own
_LEVELS: Final = 24  # shades of one colour; the eye tells fewer apart


def heatmap_picture(
    values: ArrayLike,
    names: Sequence[str],
    title: str,
    *,
    middle: float | None = None,
    top: float | None = None,
    order: Sequence[int] | None = None,
    words: str = "",
    note: str = "",
) -> Picture:
    """A square of shares, one row and one column per labeling function.

    Args:
        values: `(m, m)` float; NaN is drawn as an empty cell.
        names: `m` names.
        title: what a cell says.
        middle: the value without colour, above it blue and below it orange; None counts from 0 in blue.
        top: the value of full colour; None takes the largest size that occurs.
        order: columns to show, in order; None takes them as they come. Of more than 40 the first 40 are shown.
        words: a sentence on how to read it.
        note: what the figures rest on.
    """
    matrix = np.asarray(values, dtype=np.float64)
    shown = list(range(len(names)) if order is None else order)[:LIMIT]
    if not shown:
        return nothing(title, "No labeling function votes.")
    cells, labels = matrix[np.ix_(shown, shown)], [one_line(names[i], _LABEL) for i in shown]
    size = 24 if len(shown) <= 8 else 18 if len(shown) <= 16 else 13.5
    left = 28 + max(width_of(label) for label in labels)
    canvas = Canvas()
    start = middle or 0.0
    full = (top if top is not None else _largest(cells - start)) or 1.0
    for i, label in enumerate(labels):
        canvas.text(left - 24, _TOP + size * (i + 0.5) + 4, label, "wl-s", anchor="end")
        canvas.text(left - 5, _TOP + size * (i + 0.5) + 3.5, str(i + 1), "wl-xs", anchor="end")
        canvas.text(left + size * (i + 0.5), 24, str(i + 1), "wl-xs", anchor="middle")
    strength = (cells - start) / full
    if len(shown) <= _TIPPED:
        _cells(canvas, left, size, strength, cells, labels)
    else:
        _shades(canvas, left, size, strength)
    hidden = len(names) - len(shown)
    more = f" {len(shown)} of {len(names)} functions are shown." if hidden else ""
    return Picture(
        title,
        f"{words}{more}".strip(),
        str(canvas),
        max(left + size * len(shown) + 10, 200),
        38 + size * len(shown),
        ("", *labels),
        [(label, *(short(v) for v in row)) for label, row in zip(labels, cells.tolist(), strict=True)],
        note,
        fixed=True,
    )


def by_likeness(agreement: FloatArray, both: NDArray[np.int64]) -> list[int]:
    """Columns in an order that puts functions that vote alike side by side; of more than `LIMIT`, those that vote most.

    Functions that never vote are left out; two that never vote together count as agreeing by chance.

    >>> agreement = np.array([[1, 0.2, 0.9], [0.2, 1, 0.2], [0.9, 0.2, 1]])
    >>> order = by_likeness(agreement, np.full((3, 3), 9))
    >>> abs(order.index(0) - order.index(2))
    1
    """
    most = np.argsort(-np.diag(both), kind="stable")[:LIMIT]
    kept = np.sort(most[np.diag(both)[most] > 0])
    if len(kept) < 3:
        return [int(i) for i in kept]
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    near = agreement[np.ix_(kept, kept)]
    # A function that always contradicts another knows the same as it: likeness has no sign.
    gap = 0.5 - np.abs(np.where(np.isnan(near), 0.5, near) - 0.5)
    np.fill_diagonal(gap, 0.0)
    tree = linkage(squareform((gap + gap.T) / 2, checks=False), "average", optimal_ordering=True)
    return [int(kept[i]) for i in leaves_list(tree)]


def _cells(
    canvas: Canvas, left: float, size: float, strength: FloatArray, cells: FloatArray, labels: Sequence[str]
) -> None:
    """One square per cell, with its value as a tip: blue above zero, orange below, an empty frame for NaN."""
    for i, j in np.ndindex(*strength.shape):
        where = (left + size * j + 0.5, _TOP + size * i + 0.5, size - 1, size - 1)
        if np.isnan(strength[i, j]):
            canvas.rect(*where, "wl-none")
            continue
        look, opacity = "wl-a" if strength[i, j] < 0 else "wl-b", min(1.0, abs(float(strength[i, j])))
        tip = f"{labels[i]} and {labels[j]}: {short(float(cells[i, j]))}"
        canvas.rect(*where, look, opacity=opacity, tip=tip)


def _shades(canvas: Canvas, left: float, size: float, strength: FloatArray) -> None:
    """The same squares, those of one shade as one shape: a tenth of the bytes, which many functions need."""
    level = np.clip(np.rint(np.nan_to_num(strength) * _LEVELS), -_LEVELS, _LEVELS).astype(int)
    for shade in np.unique(level[level != 0]).tolist():
        corners = [
            (left + size * j + 0.5, _TOP + size * i + 0.5) for i, j in np.argwhere(level == shade).tolist()
        ]
        canvas.squares(corners, size - 1, "wl-a" if shade < 0 else "wl-b", opacity=abs(shade) / _LEVELS)
    empty = [
        (left + size * j + 0.5, _TOP + size * i + 0.5) for i, j in np.argwhere(np.isnan(strength)).tolist()
    ]
    canvas.squares(empty, size - 1, "wl-none")


def _largest(cells: FloatArray) -> float:
    known = np.abs(cells[~np.isnan(cells)])
    return float(known.max()) if known.size else 0.0
