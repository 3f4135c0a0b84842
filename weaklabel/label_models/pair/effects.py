"""How a labeling function's margin becomes evidence: odd, monotone, saturating curves."""

from __future__ import annotations

from typing import Final

import numpy as np

from weaklabel.label_models.row_blocks import row_blocks
from weaklabel.types import Float32Array, FloatArray, Int8Array, signed_votes

# Margin, as a share of the LF's median margin, at which the effect is half of its largest. Infinite sharpness is
# the vote itself, which leaves the margin out (NaN).
SHAPES: Final[dict[str, float]] = {"sharp": 0.3, "wide": 1.0, "votes": np.nan}

_CELLS: Final = 1 << 20  # of the matrix at a time: what is made on the way does not grow with it


def half_margins(margins: Float32Array) -> FloatArray:
    """`(n_lfs,)` float64: the median size of an LF's non-zero margins, NaN where it has none.

    The median does not change when rows are turned round, and one wild margin does not move it.
    """
    scale = np.full(margins.shape[1], np.nan)
    for j in np.flatnonzero(np.isfinite(margins).any(axis=0)):
        size = np.abs(margins[:, j].astype(np.float64))
        size = size[np.isfinite(size) & (size > 0)]
        if len(size):
            scale[j] = np.median(size)
    return scale


def margin_effects(L: Int8Array, margins: Float32Array, scale: FloatArray) -> FloatArray:
    """Effects in [-1, 1], `(n_pairs, n_lfs)` float64: `m / (|m| + scale)`, odd and saturating.

    At the scale the effect is one half, so "12 words longer" and "400 words longer" differ, and "4,000" hardly
    adds. Where an LF has no margin (or it is infinite), or no scale, the effect is the vote itself.

    >>> margin_effects(np.array([[1, -1]], np.int8), np.array([[3.0, np.nan]], np.float32), np.array([1.0, np.nan]))
    array([[0.75, 0.  ]])
    """
    effects = np.empty(L.shape)
    for rows in row_blocks(len(L), max(1, _CELLS // max(1, L.shape[1]))):
        gap = margins[rows].astype(np.float64)
        with np.errstate(invalid="ignore"):
            effect = gap / (np.abs(gap) + scale)
        effects[rows] = np.where(np.isfinite(effect), effect, signed_votes(L[rows]))
    return effects
