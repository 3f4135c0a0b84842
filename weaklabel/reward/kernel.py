"""A Gaussian kernel on vectors of two halves, spanned by landmarks: what turns a linear reward into a curved one.

    k(x, y) = exp(-|x1 - y1|^2 / w1 - |x2 - y2|^2 / w2)

The widths come from the landmarks: both halves have equal say in the mean, and the median distance has k = 1/e.

Sources: preferences by a kernel, Chu and Ghahramani (2005); landmarks, Williams and Seeger (2001), "Nystroem".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from weaklabel.types import FloatArray

MOST_LANDMARKS: Final = 1024
SMALLEST: Final = 1e-9
"""Directions in which the landmarks' kernel is smaller than this share of its largest are left out: rounding."""


@dataclass(frozen=True)
class Kernel:
    """A kernel with its landmarks.

    Attributes:
        landmarks: `(m, 2 * width)` float64, distinct rows.
        widths: `(2,)` float64 above 0, one per half.
    """

    landmarks: FloatArray
    widths: FloatArray

    @classmethod
    def of(cls, vectors: FloatArray, seed: int) -> Self:
        """Landmarks are the distinct vectors, or `MOST_LANDMARKS` of them drawn by `seed`; their order means nothing."""
        distinct = np.unique(vectors, axis=0)
        if len(distinct) > MOST_LANDMARKS:
            rng = np.random.default_rng(seed)
            distinct = distinct[np.sort(rng.choice(len(distinct), MOST_LANDMARKS, replace=False))]
        halves = [_distances(half) for half in np.split(distinct, 2, axis=1)]
        means = np.array([half.mean() or 1.0 for half in halves])
        apart = np.triu_indices(len(distinct), 1)
        both = sum(half / mean for half, mean in zip(halves, means, strict=True))[apart]
        return cls(distinct, means * (float(np.median(both)) if len(both) else 1.0))

    def at(self, vectors: FloatArray) -> FloatArray:
        """`(n, m)` in (0, 1]: the kernel between vectors and landmarks. Each row depends on its own vector alone."""
        distinct, back = np.unique(vectors, axis=0, return_inverse=True)
        halves = [np.ascontiguousarray(half) for half in np.split(self.landmarks, 2, axis=1)]
        sizes = [(half**2).sum(axis=1) for half in halves]
        rows = np.empty((len(distinct), len(self.landmarks)))
        for row, vector in zip(rows, distinct, strict=True):
            # One by one: a product of matrices would round by the number of rows.
            parts = zip(halves, sizes, np.split(vector, 2), self.widths, strict=True)
            row[:] = sum(
                np.maximum(size + x @ x - 2.0 * (half @ x), 0.0) / width for half, size, x, width in parts
            )
        return np.asarray(np.exp(-rows)[back.reshape(-1)], dtype=np.float64)

    def basis(self) -> FloatArray:
        """`(m, r)`: columns that turn rows of `at` into features whose dot products are the kernel's, r at most m."""
        sizes, directions = np.linalg.eigh(self.at(self.landmarks))
        large = sizes > SMALLEST * sizes[-1]
        return np.asarray(directions[:, large] / np.sqrt(sizes[large]), dtype=np.float64)


def _distances(x: FloatArray) -> FloatArray:
    """`(n, n)` squared distances between rows."""
    size = (x**2).sum(axis=1)
    return np.asarray(np.maximum(size[:, None] + size - 2.0 * x @ x.T, 0.0), dtype=np.float64)
