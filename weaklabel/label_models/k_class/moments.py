"""Moments: accuracies and dependence of labeling functions from one table of agreements.

One pass counts, for each two LFs, in how many rows both speak and in how many they agree. Independent LFs have
`G_ij = r_i r_j`, where `r` is an LF's edge over chance (`agreement_counts.py`). We look for the edges that minimise

    sum_ij  w_ij |G_ij - r_i r_j|,    one coordinate at a time:  r_i = weighted median over j of G_ij / r_j.

The median, because dependence touches few pairs of LFs, but by a lot: five copies among twenty do not move it. Then
what agreement is left beyond `r_i r_j` and its sampling error is dependence, `rho_ij`, as a share of what copies
would show, and LF i's vote counts for `1 / (1 + sum_j rho_ij P(j speaks | i speaks))` votes: five copies of one LF
count about once.

Sources: agreement as the product of edges: Parisi et al. (2014), PNAS 111(4), eq. 2; with abstains, Ratner et al.
(2019) and Fu et al. (2020); the discount is the design effect of Kish (1965), per source. Ours: medians, the
discount, and that all of it rests on whole numbers that add up over parts.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from weaklabel.label_models.agreement_weights import weighted_median
from weaklabel.label_models.k_class.agreement_counts import (
    MAX_EDGE,
    PRIOR_EDGE,
    accuracy_of,
    count_agreements,
    edge_products,
    held_edges,
)
from weaklabel.label_models.k_class.counting_model import CountingModel, Counts
from weaklabel.label_models.k_class.vote_model import AdditiveVoteModel, evidence_of_accuracy
from weaklabel.types import FloatArray, Int8Array

# Two LFs seen together in this many rows weigh half of what they can weigh; well below, agreement is noise.
_HALF_WEIGHT_ROWS: Final = 20.0
# The prior belief weighs as much as this many other LFs.
_PRIOR_LFS: Final = 2.0
_LARGEST_GAP: Final = (
    0.1  # of an agreement, where two fits are compared: above chance for some hundred rows, below an echo
)
# With fewer others a median is one of their numbers; least squares uses them all.
_LEAST_START: Final = 0.02  # an edge of 0 could never leave it
_MIN_FOR_MEDIAN: Final = 5
_PRIOR_ROWS: Final = 20.0  # what the belief weighs in least squares
_MAX_STEPS: Final = 200


class Moments(AdditiveVoteModel, CountingModel):
    """One mergeable pass, robust to dependent LFs and to LFs below chance; margins and gold are not used.

    It takes n m^2 additions to count and nothing that grows with the rows to solve. Silence says nothing:
    agreement is counted where both speak. Every LF is right with one probability whatever the truth, and wrong
    evenly over the other classes; so the class balance plays no part, and for pairs the model is antisymmetric
    by construction. Two LFs that each only ever vote one class agree always or never: for matrices of such rules
    take `one_sided`, for LFs that err differently by class `dawid_skene`.

    Args:
        n_classes: None for votes on pairs, else the number of classes.

    Attributes:
        accuracies_: `(n_lfs,)` float64 in (0, 1), P(right | it votes), after `fit`.
        discounts_: `(n_lfs,)` float64 in (0, 1], what one vote of the LF counts for, given the votes that echo it.
        counts_: `cast` `(n_lfs,)`, `both` and `agree` `(n_lfs, n_lfs)` int64.

    >>> rng = np.random.default_rng(0)
    >>> truth = rng.integers(2, size=(4000, 1))
    >>> L = np.where(rng.random((4000, 6)) < [0.9, 0.8, 0.7, 0.7, 0.6, 0.6], truth, 1 - truth)
    >>> Moments().fit(L).accuracies_.round(1).tolist()
    [0.9, 0.8, 0.7, 0.7, 0.6, 0.6]
    """

    name = "moments"

    def evidence(self) -> FloatArray:
        return evidence_of_accuracy(self.accuracies_, self._k) * self.discounts_[:, None, None]

    def _count(self, votes: Int8Array) -> Counts:
        return count_agreements(votes, self._k)

    def _solve(self) -> None:
        G, n = edge_products(self.counts_, self._k)
        edges = robust_edges(G, n, self._k)
        self.accuracies_ = accuracy_of(edges, self._k)
        self.discounts_ = discounts(G, n, edges, self.counts_["cast"].astype(np.float64), self._k)


def robust_edges(G: FloatArray, n: FloatArray, k: int) -> FloatArray:
    """Edges `(m,)` float64 in [-.9 / (k - 1), .9] whose products fit `G` best in absolute terms.

    Args:
        G: `(m, m)` float64 products of edges, from agreements.
        n: `(m, m)` float64, rows they rest on; 0 on the diagonal.
        k: number of classes.
    """
    worth = n / (n + _HALF_WEIGHT_ROWS)
    belief = np.full(len(G), PRIOR_EDGE)
    # Medians one at a time can get stuck: the first to be moved takes the agreement of all the others upon itself. So
    # they start three times, from the belief, from what the typical two LFs have in common, and from least squares,
    # and the best fit counts.
    seen = G[n > 0]
    typical = float(np.sqrt(np.clip(np.median(seen), 0.0, MAX_EDGE**2))) if seen.size else PRIOR_EDGE
    squares = _descended(belief, G, n, k, min_for_median=len(G) + 1)
    starts = (belief, np.full(len(G), max(typical, _LEAST_START)), squares)
    found = [_descended(start, G, n, k, min_for_median=_MIN_FOR_MEDIAN) for start in starts]

    def misfit(edges: FloatArray) -> float:
        # No gap counts for more than this: else a few echoes, which agree far beyond any accuracy, would choose.
        gaps = worth * np.minimum(np.abs(G - np.outer(edges, edges)), _LARGEST_GAP)
        return float(gaps[n > 0].sum() / 2 + _PRIOR_LFS * PRIOR_EDGE * np.abs(edges - belief).sum())

    return min(found, key=misfit)


def _descended(start: FloatArray, G: FloatArray, n: FloatArray, k: int, *, min_for_median: int) -> FloatArray:
    """Edges from `start` on, one at a time until none moves; by medians where there are enough other LFs."""
    edges, worth = start.copy(), n / (n + _HALF_WEIGHT_ROWS)
    lowest = float(held_edges(-1.0, k))
    company = [np.flatnonzero(rows) for rows in n]
    seen = [(G[i, j], n[i, j], worth[i, j]) for i, j in enumerate(company)]
    for _ in range(_MAX_STEPS):
        before = edges.copy()
        for i, (j, (products, rows, weights)) in enumerate(zip(company, seen, strict=True)):
            if len(j) < min_for_median:
                edges[i] = _least_squares(products, edges[j], rows)
            else:
                edges[i] = _median(products, edges[j], weights)
            edges[i] = min(max(edges[i], lowest), MAX_EDGE)
        if np.abs(edges - before).max(initial=0.0) < 1e-9:
            break
    return edges


def discounts(G: FloatArray, n: FloatArray, edges: FloatArray, cast: FloatArray, k: int) -> FloatArray:
    """`(m,)` float64 in (0, 1]: what one vote counts for, given the dependent votes that come with it."""
    expected = np.outer(edges, edges)
    # From products of edges to rates of agreement: P = ((k - 1) G + 1) / k.
    rate = np.clip(((k - 1.0) * expected + 1.0) / k, 0.02, 0.98)
    noise = 2.0 * np.sqrt(rate * (1.0 - rate) / np.maximum(n, 1.0))
    excess = np.where(n > 0, np.maximum((G - expected) * (k - 1.0) / k - noise, 0.0), 0.0)
    accuracy = accuracy_of(edges, k)
    spread = np.sqrt(accuracy * (1.0 - accuracy))
    # Perfect copies of an LF agree by 2 a (1 - a) more often than independent twins of it.
    rho = np.minimum(excess / (2.0 * np.outer(spread, spread)), 1.0)
    np.fill_diagonal(rho, 0.0)
    company = n / np.maximum(cast, 1.0)[:, None]
    return np.asarray(1.0 / (1.0 + (rho * company).sum(axis=1)), dtype=np.float64)


def _median(products: FloatArray, others: FloatArray, worth: FloatArray) -> float:
    """The edge that fits the products best in absolute terms: a median of ratios, weighted by the denominators."""
    ratios, weights = np.empty(len(others) + 1), np.empty(len(others) + 1)
    np.divide(products, np.where(others == 0, 1.0, others), out=ratios[:-1])
    np.multiply(np.abs(others), worth, out=weights[:-1])
    ratios[-1], weights[-1] = PRIOR_EDGE, _PRIOR_LFS * PRIOR_EDGE
    return weighted_median(ratios, weights)


def _least_squares(products: FloatArray, others: FloatArray, rows: FloatArray) -> float:
    above = float((rows * others * products).sum()) + _PRIOR_ROWS * PRIOR_EDGE
    return above / (float((rows * others**2).sum()) + _PRIOR_ROWS)
