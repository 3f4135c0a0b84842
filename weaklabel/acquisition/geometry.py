"""Distances between pairs, which have no direction, and three ways to spread a choice over them.

The features x of a pair and -x are of one pair, with its responses in one order or the other. So the distance of two
pairs is the smaller of |x - y| and |x + y|. It is a metric: the sign acts by isometries, and this is the distance of orbits.

Sources: greedy k-centres, Gonzalez (1985), within twice the smallest possible radius; k-means++, Arthur and Vassilvitskii
(2007); clusters of directions without sign, Dhillon, Marcotte and Roshan (2003), "diametrical clustering".
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from weaklabel.types import FloatArray

_LLOYD_STEPS: Final = 20


def unit(rows: FloatArray) -> FloatArray:
    """Rows brought to length 1; a row of zeros stays.

    >>> unit(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist()
    [[0.6, 0.8], [0.0, 0.0]]
    """
    size = np.sqrt((rows**2).sum(axis=1, keepdims=True))
    return np.asarray(rows / np.where(size > 0, size, 1.0), dtype=np.float64)


def squared_distance(rows: FloatArray, point: FloatArray, *, directed: bool = False) -> FloatArray:
    """`(n,)` squared distances of `(n, d)` rows to a point `(d,)`, or `(n, m)` to points `(m, d)`.

    Args:
        directed: the sign means something, as of texts; by default x and -x are one.

    >>> squared_distance(np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([-1.0, 0.0])).tolist()
    [0.0, 2.0]
    """
    products = rows @ point.T
    products = products if directed else np.abs(products)
    size, other = (rows**2).sum(axis=1), (point**2).sum(axis=-1)
    both = size[:, None] + other[None] if point.ndim == 2 else size + other
    return np.asarray(np.maximum(both - 2.0 * products, 0.0), dtype=np.float64)


def nearest(rows: FloatArray, points: FloatArray, *, directed: bool = False) -> FloatArray:
    """`(n,)` squared distances of rows to the nearest of some points; infinite where there are none."""
    found = np.full(len(rows), np.inf)
    for point in points:
        found = np.minimum(found, squared_distance(rows, point, directed=directed))
    return found


def k_center(
    rows: FloatArray,
    n: int,
    rng: np.random.Generator,
    known: FloatArray | None = None,
    *,
    directed: bool = False,
) -> tuple[NDArray[np.int64], FloatArray]:
    """Greedy k-centres: each next row is the one farthest from all that are chosen or known.

    The largest distance of a row to its nearest centre is at most twice what the best `n` centres reach.

    Args:
        rows: `(N, d)`, N at least `n`.
        rng: draws the first centre where nothing is known.
        known: `(m, d)` centres that are there already.

    Returns:
        `(n,)` distinct rows, and the distance of each to the centres before it. The first of all has none to be far from;
        it is given the largest distance of a row to it.
    """
    left = nearest(rows, np.empty((0, rows.shape[1])) if known is None else known, directed=directed)
    chosen, value = np.empty(n, dtype=np.int64), np.empty(n)
    free = np.ones(len(rows), dtype=np.bool_)
    for i in range(n):
        first = not np.isfinite(left).any()
        row = int(rng.integers(len(rows))) if first else int(np.argmax(np.where(free, left, -1.0)))
        before = left[row]
        left = np.minimum(left, squared_distance(rows, rows[row], directed=directed))
        chosen[i], value[i], free[row] = row, np.sqrt(left.max() if first else before), False
    return chosen, value


def k_means_pp(
    rows: FloatArray, n: int, rng: np.random.Generator, *, directed: bool = False
) -> tuple[NDArray[np.int64], FloatArray]:
    """The seeding of k-means++: each next row is drawn in proportion to its squared distance from those before it.

    Departure: the origin is a centre from the beginning, so that the first row is drawn
    in proportion to its squared length, and a row near the origin is never drawn because all others are far from it.
    Where all that is left is at distance 0, all are alike.

    Returns:
        `(n,)` distinct rows, and the distance of each to the origin and to those before it.
    """
    left = (rows**2).sum(axis=1)
    chosen, value = np.empty(n, dtype=np.int64), np.empty(n)
    free = np.ones(len(rows), dtype=np.bool_)
    for i in range(n):
        weight = np.where(free, left, 0.0)
        weight = weight if weight.sum() > 0 else free.astype(np.float64)
        row = int(rng.choice(len(rows), p=weight / weight.sum()))
        chosen[i], value[i], free[row] = row, np.sqrt(left[row]), False
        left = np.minimum(left, squared_distance(rows, rows[row], directed=directed))
    return chosen, value


def clusters(rows: FloatArray, n: int, rng: np.random.Generator) -> tuple[NDArray[np.int64], FloatArray]:
    """At most `n` clusters of unit rows whose sign means nothing.

    Returns:
        `(N,)` int64 numbers of clusters from 0, none of them empty, and their centres `(k, d)`, of length 1.
    """
    centres = rows[k_means_pp(rows, min(n, len(rows)), rng)[0]]
    of = _nearest_centre(rows, centres)
    for _ in range(_LLOYD_STEPS):
        before, centres = of, _middles(rows, of, centres)
        of = _nearest_centre(rows, centres)
        if (of == before).all():
            break
    used, of = np.unique(of, return_inverse=True)
    return np.asarray(of.reshape(-1), dtype=np.int64), centres[used]


def _nearest_centre(rows: FloatArray, centres: FloatArray) -> NDArray[np.int64]:
    return np.asarray(np.argmax(np.abs(rows @ centres.T), axis=1), dtype=np.int64)


def _middles(rows: FloatArray, of: NDArray[np.int64], centres: FloatArray) -> FloatArray:
    """Each cluster's mean direction, its rows turned towards the centre they had; an empty one keeps its centre."""
    towards = rows * np.sign((rows * centres[of]).sum(axis=1))[:, None]
    sums = np.zeros_like(centres)
    np.add.at(sums, of, towards)
    return np.where((sums != 0).any(axis=1, keepdims=True), unit(sums), centres)
