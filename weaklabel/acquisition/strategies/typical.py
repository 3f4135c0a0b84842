"""`typical`: the most ordinary pair of each kind of difference, the kinds without gold first."""

from __future__ import annotations

from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from weaklabel._tables import short
from weaklabel.acquisition.base import Acquisition, Picked
from weaklabel.acquisition.geometry import clusters, squared_distance, unit
from weaklabel.acquisition.pool import Pool, known_rows
from weaklabel.types import FloatArray

_NEIGHBOURS: Final = 20
_MOST_COMPARED: Final = 1_000
_AT_ONCE: Final = 4_096
_CLOSEST: Final = 1e-3  # a pair that lies on its neighbours is worth 1,000


class Typical(Acquisition):
    """Clusters of directions, and in each the pair with the nearest neighbours. The value is a pair's typicality: one over the
    mean distance to its 20 nearest neighbours in its cluster.

    Made for the very first labels, of which a model is no help. As many clusters as questions; those with the least gold
    come first, and of these the largest.

    Source: TypiClust, Hacohen, Dekel and Weinshall (2022). Departures: clusters are those of directions without a sign
    (`geometry.clusters`), not k-means; in a cluster of more than 1,000 pairs the neighbours are looked for among 1,000 drawn.
    """

    name: ClassVar[str] = "typical"
    needs: tuple[str, ...] = ("features",)

    def _choose(self, pool: Pool, n: int, rng: np.random.Generator) -> Picked:
        assert pool.features is not None
        rows, known = unit(pool.features), unit(known_rows(pool.known_features, pool.features))
        of, centres = clusters(rows, n, rng)
        value = np.empty(len(pool))
        for cluster in range(len(centres)):
            mine = np.flatnonzero(of == cluster)
            value[mine] = typicality(rows[mine], rng)
        gold = np.bincount(np.argmax(np.abs(known @ centres.T), axis=1), minlength=len(centres))
        chosen = _in_turns(of, value, gold)[:n]
        return chosen, value[chosen]

    def _reason(self, pool: Pool, row: int, value: float) -> str:
        return f"the most typical pair left of its kind of difference (typicality {short(value)})"


def typicality(rows: FloatArray, rng: np.random.Generator) -> FloatArray:
    """`(n,)` > 0: one over the mean distance of each row to its nearest others; a row that is alone has 1."""
    if len(rows) == 1:
        return np.ones(1)
    among = np.arange(len(rows))
    if len(rows) > _MOST_COMPARED:
        among = np.sort(rng.choice(len(rows), _MOST_COMPARED, replace=False))
    k, found = min(_NEIGHBOURS, len(among) - 1), np.empty(len(rows))
    for start in range(0, len(rows), _AT_ONCE):
        apart = np.sqrt(squared_distance(rows[start : start + _AT_ONCE], rows[among]))  # (some, among)
        own = (among >= start) & (among < start + len(apart))
        apart[among[own] - start, np.flatnonzero(own)] = np.inf  # a pair is no neighbour of itself
        found[start : start + len(apart)] = np.partition(apart, k - 1, axis=1)[:, :k].mean(axis=1)
    return 1.0 / (found + _CLOSEST)


def _in_turns(of: NDArray[np.int64], value: FloatArray, gold: NDArray[np.intp]) -> NDArray[np.int64]:
    """All rows: the best of each cluster, then the second of each, and so on; within a turn by gold and by size."""
    by_value = np.lexsort((-value, of))
    sizes = np.bincount(of, minlength=len(gold))
    turn = np.empty(len(of), dtype=np.int64)
    turn[by_value] = np.arange(len(of)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return np.asarray(np.lexsort((-sizes[of], gold[of], turn)), dtype=np.int64)
