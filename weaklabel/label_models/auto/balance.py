"""How common the classes are, from votes alone: shares of votes, with what the sources' errors added taken off.

A source that is right with probability `a`, and wrong evenly, has the edge `e = (k a - 1) / (k - 1)`, and votes for class c
in a share `e b_c + (1 - e) / k` of its rows, where `b_c` is how common the class is. So shares of votes are nearer to even
than the classes are, and `b = (s - (1 - e) / k) / e`. That only holds for sources that are asked about rows of all kinds and
may name any class, a *crowd*. Shares of votes of one-sided rules say for which class many rules were written. How far a
matrix is from a crowd shows in the *spread* of its sources:

    spread = (P(two votes of one source are for one class) - P(two votes of different sources are)) / (1 - the latter)

0 where all sources vote for the classes in the same shares, 1 where each only ever votes one. The balance is trusted by
`t = 1 - spread / .3`, and is even where nothing of that is left. It stays as it is while confusion matrices are learned: an
expectation-maximisation that learns both can give one class everything. (Workers of unequal skill differ somewhat in their shares where classes are not
equally common; then the balance found is a little nearer to even than it is.)

Source: the deconvolution is the "confusion matrix method" of Saerens, Latinne & Decaestecker (2002), Neural Computation
14(1), for one matrix shared by all sources; the spread is the fixation index of population genetics (Wright 1951).
Trusting the one by the other is ours, and so is .3, between development crowds (up to .21) and rules (from 1.0 on).
"""

from __future__ import annotations

from typing import Final

import numpy as np

from weaklabel.label_models.k_class.cast_votes import shares_of, votes_per_class
from weaklabel.types import ABSTAIN, FloatArray, Int8Array

MOST_SPREAD: Final = 0.3
"""Sources as unlike each other as this are rules, not a crowd, and their shares of votes say nothing of the balance."""

_LEAST_EDGE: Final = 0.15  # of less, the shares of votes say nothing of the balance but noise


def spread_of_sources(votes: Int8Array, k: int) -> float:
    """How unlike the sources' shares of classes are: 0 for a crowd, 1 for one-sided rules; 0 without votes to compare.

    >>> spread_of_sources(np.array([[0, 1], [0, 1], [0, 1]], np.int8), 2)  # two rules
    1.0
    >>> rng = np.random.default_rng(0)
    >>> abs(spread_of_sources(rng.integers(0, 2, (2000, 5)).astype(np.int8), 2)) < 0.01
    True
    """
    cast = np.stack([np.count_nonzero(votes == c, axis=0) for c in range(k)], axis=1).astype(
        np.float64
    )  # (m, k)
    each, total = cast.sum(axis=1), cast.sum(axis=0)
    of_one, of_two = float((each * (each - 1)).sum()), float(each.sum() ** 2 - (each**2).sum())
    if not of_one or not of_two:
        return 0.0
    same = float((cast * (cast - 1)).sum()) / of_one
    other = float((total**2).sum() - (cast**2).sum()) / of_two
    return (same - other) / (1.0 - other) if other < 1.0 else 0.0


def balance_of_votes(votes: Int8Array, edges: FloatArray, k: int, spread: float) -> FloatArray:
    """`(k,)` float64 > 0, adding up to 1: how common each class is.

    Args:
        votes: `(n, m)` int8, votes 0..k-1, -1 for none.
        edges: `(m,)` float64, of each source over chance: 0 at chance, 1 for the perfect.
        k: number of classes.
        spread: of the sources.

    >>> L = np.array([[0]] * 70 + [[1]] * 30, np.int8)  # a source right in 8 of 10: (.7 - .2) / .6
    >>> balance_of_votes(L, np.array([0.6]), 2, spread=0.0).round(2).tolist()  # held towards even by 10 rows
    [0.8, 0.2]
    """
    per_class = votes_per_class(votes, k)
    spoken = per_class.sum(axis=1) > 0
    n, even = int(spoken.sum()), np.full(k, 1.0 / k)
    trust = max(0.0, 1.0 - max(spread, 0.0) / MOST_SPREAD)
    if not n or not trust:
        return even
    shares = shares_of(per_class[spoken])
    # The edge that the shares rest on: of the voters of each row, every row counting once.
    row, source = np.nonzero(votes != ABSTAIN)
    edge = max(float((edges[source] / per_class.sum(axis=1)[row]).sum()) / n, _LEAST_EDGE)
    found = np.maximum((shares.mean(axis=0) - (1.0 - edge) / k) / edge, 0.0)
    found = found / found.sum()
    held = (n * found + np.sqrt(n) * even) / (n + np.sqrt(n))
    return np.asarray(trust * held + (1.0 - trust) * even, dtype=np.float64)
