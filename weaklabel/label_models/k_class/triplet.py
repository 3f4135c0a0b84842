"""Triplets: an LF's accuracy in closed form from how it agrees with any two others.

    |r_i| = sqrt(|G_ij G_ik / G_jk|)    for every two others j, k;    r_i is their median

where `r` is an LF's edge over chance and `G` the product of edges that agreement rates give (`agreement_counts.py`).

Source: Fu, Chen, Sala, Hooper, Fatahalian & Ré (2020), "Fast and Three-rious" (FlyingSquid), algorithm 1, which
needs two classes; in terms of edges it holds for k. Guards, where they take one triplet or all of them: the
denominator must stand two standard errors clear of zero, each two must speak together in `min_rows` rows, the
median (theirs is an option) shrugs off triplets with dependent members, edges are held below .9, and an LF with no
triplet that passes keeps the belief of .2. Signs: an LF counts as below chance where it disagrees, over all its
others, more than chance would, an answer that is right as long as most LFs are above chance.
"""

from __future__ import annotations

import numpy as np

from weaklabel._validation import check_least
from weaklabel.label_models.k_class.agreement_counts import (
    PRIOR_EDGE,
    accuracy_of,
    count_agreements,
    edge_products,
    held_edges,
)
from weaklabel.label_models.k_class.counting_model import CountingModel, Counts
from weaklabel.label_models.k_class.vote_model import AdditiveVoteModel, evidence_of_accuracy
from weaklabel.types import FloatArray, Int8Array


class Triplet(AdditiveVoteModel, CountingModel):
    """Closed form from triplets of LFs; one pass, mergeable; margins and gold are not used.

    Silence says nothing: agreement is counted where both speak. Two LFs that each only ever vote one class agree
    always or never, which says more about how they were written than about their accuracy: for matrices of such
    rules take `one_sided`. For pairs it is antisymmetric by construction.

    Args:
        n_classes: None for votes on pairs, else the number of classes.
        min_rows: rows in which each two of a triplet must both speak; 10.

    Attributes:
        accuracies_: `(n_lfs,)` float64 in (0, 1), P(right | it votes), after `fit`.
        n_triplets_: `(n_lfs,)` int64, triplets that passed; 0 where the accuracy is the prior belief.
        counts_: `cast` `(n_lfs,)`, `both` and `agree` `(n_lfs, n_lfs)` int64.

    >>> L = np.array([[1, 1, 1]] * 62 + [[0, 1, 1]] * 14 + [[1, 0, 1]] * 14 + [[1, 1, 0]] * 10)
    >>> Triplet().fit(L).accuracies_.round(2).tolist()  # G_12 = .44, G_13 = G_23 = .52; r_1 = sqrt(.44)
    [0.83, 0.83, 0.89]
    """

    name = "triplet"

    def __init__(self, *, n_classes: int | None = None, min_rows: int = 10) -> None:
        self.n_classes = n_classes
        self.min_rows = min_rows

    def evidence(self) -> FloatArray:
        return evidence_of_accuracy(self.accuracies_, self._k)

    def _count(self, votes: Int8Array) -> Counts:
        check_least("triplet: min_rows", self.min_rows, 1)
        return count_agreements(votes, self._k)

    def _solve(self) -> None:
        G, n = edge_products(self.counts_, self._k)
        sizes, self.n_triplets_ = triplet_edges(np.where(n >= self.min_rows, G, 0.0), n)
        self.accuracies_ = accuracy_of(held_edges(sizes, self._k), self._k)


def triplet_edges(
    G: FloatArray, n: FloatArray
) -> tuple[FloatArray, np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """Edges `(m,)` float64, not held to a range yet, and how many triplets each is the median of.

    Args:
        G: `(m, m)` products of edges, 0 where they are not known.
        n: `(m, m)` rows they rest on.
    """
    m = len(G)
    clear = np.abs(G) > 2.0 / np.sqrt(np.maximum(n, 1.0))  # |G| has a standard error of at most 1 / sqrt(n)
    edges, used = np.full(m, PRIOR_EDGE), np.zeros(m, dtype=np.int64)
    upper = np.triu(np.ones((m, m), dtype=np.bool_), 1)
    for i in range(m):
        known = G[i] != 0
        passes = upper & clear & known[:, None] & known[None, :]
        j, k = np.nonzero(passes)
        used[i] = len(j)
        if len(j):
            size = np.sqrt(np.abs(G[i, j] * G[i, k] / G[j, k]))
            edges[i] = np.median(size)
    below = (used > 0) & ((G * n).sum(axis=1) < 0)
    return np.where(below, -edges, edges), used
