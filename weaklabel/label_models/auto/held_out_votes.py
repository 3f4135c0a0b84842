"""How well a model foretells a vote from the other votes of its row: a yardstick that needs no gold.

    P(vote of j = v | the others) = sum_c  q_c  P(j votes v | c),    q = softmax(evidence of the others / T + log balance)

A model whose picture of the sources is right foretells their votes. One that takes dependent sources for
independent is too sure of the class, and so of the next vote: a temperature T above one then foretells better, and
the best T says how many dependent votes make one. What it cannot show is a mistake that *all* sources share.

Source: leave-one-out prediction as a proper score, Gneiting & Raftery (2007); a product over votes given all
others is a composite likelihood (Besag 1975). Choosing a label model and its temperature so is ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from weaklabel.label_models.k_class.cast_votes import cast_votes
from weaklabel.label_models.k_class.vote_model import softmax
from weaklabel.types import ABSTAIN, FloatArray, Int8Array

TEMPERATURES: Final[FloatArray] = np.geomspace(1.0, 32.0, 26)
"""What is tried: from independent votes to thirty-two that make one."""

# Temperatures that foretell as well as the best, to a thousandth of the nats, are equal: then the lowest is taken.
_LEVEL = 1e-3
_MAX_VOTES = 200_000  # enough to tell a thousandth of a nat; more rows are thinned evenly


@dataclass(frozen=True, slots=True)
class Foretold:
    """How well votes were foretold.

    Attributes:
        nll: nats per vote at that temperature; NaN where no row has two votes.
        temperature: the lowest of those tried that does as well as any; 1 where none was to be judged.
        n_votes: votes that were judged.
    """

    nll: float
    temperature: float
    n_votes: int


def foretell(
    votes: Int8Array,
    evidence: FloatArray,
    balance: FloatArray,
    chances: FloatArray,
    worth: FloatArray,
    temperatures: FloatArray = TEMPERATURES,
) -> Foretold:
    """Judge a fitted model by votes it was not fitted on.

    Args:
        votes: `(n, m)` int8, votes 0..k-1, -1 for none.
        evidence: `(m, k, k)`: what LF j's vote v adds to the log-probability of class c.
        balance: `(k,)`, probability of each class before any vote.
        chances: `(m, k, k)`, P(LF j votes v, given that it votes and the truth is c): LF, vote, truth.
        worth: `(m,)` in (0, 1], what a vote of each LF counts for. Copies foretell each other, and a model that takes
            what they share for the truth does it best; they should not count as often as there are copies.
        temperatures: what is tried, ascending.
    """
    cast = cast_votes(_thinned(votes), len(balance))
    judged = cast.has_company
    if not judged.any():
        return Foretold(float("nan"), 1.0, 0)
    own = evidence[cast.lf, cast.vote]
    others = (cast.sum_by_row(own)[cast.row] - own)[judged]
    chance, counts = chances[cast.lf, cast.vote][judged], worth[cast.lf][judged]
    nll = [
        np.average(-np.log(_chance_of_vote(others / T + np.log(balance), chance)), weights=counts)
        for T in temperatures
    ]
    best = int(np.flatnonzero(np.array(nll) <= (1.0 + _LEVEL) * min(nll))[0])
    return Foretold(float(nll[best]), float(temperatures[best]), int(judged.sum()))


def _chance_of_vote(scores: FloatArray, chance: FloatArray) -> FloatArray:
    return np.asarray(np.maximum((softmax(scores) * chance).sum(axis=1), 1e-12), dtype=np.float64)


def share_of_one_sided(votes: Int8Array, k: int) -> float:
    """Share of the votes that come from LFs which only ever vote one class; 0 without votes.

    >>> share_of_one_sided(np.array([[0, 1, 1], [0, -1, 0]], np.int8), 2)  # three votes of five
    0.6
    """
    per_class = np.stack([(votes == c).sum(axis=0) for c in range(k)], axis=1)
    one_sided = (per_class > 0).sum(axis=1) == 1
    return float(per_class[one_sided].sum() / max(int((votes != ABSTAIN).sum()), 1))


def _thinned(votes: Int8Array) -> Int8Array:
    step = -(-int((votes != ABSTAIN).sum()) // _MAX_VOTES)
    return votes[:: max(step, 1)]
