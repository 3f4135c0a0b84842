"""How sure weights may be that nobody's gold has checked: gold is one more vote.

Labeling functions share mistakes, so what their agreement says is far too sure, and no vote shows by how much. But each
vote can be held out and predicted from the rest of its row, like gold. `a` minimises the log-loss of

    P(held-out vote of j is for B) = sigmoid(a (x - x_j)),    x = sum of what each LF adds to the log-odds, x_j its own,

over `a` in [1/64, 1]: people are taken for one more labeling function, who shares with the others what they share with
each other. An LF that others echo counts in the loss for as much less as `moments` finds. No row may on average be surer
than the mere count of its votes (root mean squares). A fifth of the answer is that count:

    logit = .8 a x + .2 log((n_B + 1) / (n_A + 1))

It stays a sum over LFs (the count's log-odds are shared out by vote), and turning a pair round flips it to the bit.

Source: leave-one-out prediction as a proper score, Gneiting & Raftery (2007), here with the vote itself in gold's place;
that it may stand for gold, the cap and the fifth are ours. Looked at: the votes and margins of the shipped functions on
three development sets, and one panel of sixteen judges.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from weaklabel.label_models.additive import sum_of_weights
from weaklabel.label_models.k_class.cast_votes import votes_per_class
from weaklabel.label_models.row_blocks import thinned
from weaklabel.types import ABSTAIN, FloatArray, Int8Array, sigmoid, signed_votes

COUNT_SHARE: Final = 0.2
"""The share of the mere count of votes in an answer without gold: what holds when all that was learned is wrong."""

_LOWEST, _HIGHEST = 1 / 64, 1.0
_HALVINGS: Final = 40
_MOST_CELLS: Final = (
    2_000_000  # of a table of votes that are held out: enough to tell a hundredth of the factor
)


def rows_to_hold_out(votes: Int8Array) -> slice:
    """Rows whose votes `factor_of_votes` should look at: all, or, of a large matrix `(n, m)`, some thousands evenly."""
    return thinned(len(votes), max(_MOST_CELLS // max(votes.shape[1], 1), 1))


def factor_of_votes(votes: Int8Array, shares: FloatArray, worth: FloatArray) -> float:
    """The factor `a` in (0, 1] by which log-odds learned without gold are multiplied; 1 where no vote can be held out.

    Args:
        votes: `(n, m)` int8 votes on pairs.
        shares: `(n, m)` float64, what each LF adds to the log-odds that B wins.
        worth: `(m,)` float64 in (0, 1], what a vote of each LF counts for.

    >>> rng = np.random.default_rng(0)
    >>> truth = rng.integers(2, size=(4000, 1))
    >>> L = np.where(rng.random((4000, 9)) < 0.6, truth, 1 - truth).astype(np.int8)
    >>> once = signed_votes(L) * np.log(0.6 / 0.4)
    >>> thrice = factor_of_votes(L, 3 * once, np.ones(9)) / factor_of_votes(L, once, np.ones(9))
    >>> round(thrice, 3)  # three times as sure: a third of the factor
    0.333
    """
    x = sum_of_weights(shares)
    if not x.any():
        return _HIGHEST
    row, lf = np.nonzero(votes != ABSTAIN)
    # Positive where the others say what the vote says. It does not change when a pair is turned round.
    agrees = np.where(votes[row, lf] == 1, 1.0, -1.0) * (x[row] - shares[row, lf])
    counts = worth[lf] * agrees
    low, high = _LOWEST, _HIGHEST
    for _ in range(_HALVINGS):  # the loss is convex: its slope in `a` has one zero
        middle = (low + high) / 2
        if (counts * sigmoid(-middle * agrees)).sum() < 0:
            high = middle
        else:  # also where every vote is alone in its row: nothing speaks for less
            low = middle
    cap = np.sqrt((count_logit(votes) ** 2).mean() / (x**2).mean())
    return float(min(high, cap)) if cap > 0 else high


def count_logit(votes: Int8Array) -> FloatArray:
    """`(n,)` float64: log-odds that B wins by the mere count of the votes, `log((n_B + 1) / (n_A + 1))`."""
    # A difference of logs, not the log of a ratio: exactly odd when the pair is turned round.
    logs = np.log1p(votes_per_class(votes, 2))
    return np.asarray(logs[:, 1] - logs[:, 0], dtype=np.float64)


def shares_of_count(votes: Int8Array) -> FloatArray:
    """`(n, m)` float64: `count_logit` shared out by vote, each for its side; rows add up to it.

    At a tie of n votes each is worth `2 / (n + 2)`, to which the shares tend on both sides of it.

    >>> shares_of_count(np.array([[1, 1, 0], [1, -1, 0]], np.int8)).round(3).tolist()  # log(3 / 2); at the tie 2 / 4
    [[0.405, 0.405, -0.405], [0.5, 0.0, -0.5]]
    """
    a, b = votes_per_class(votes, 2).T
    gap = np.abs(b - a)
    even = 2.0 / (a + b + 2.0)
    worth = np.where(gap > 0, np.abs(np.log1p(b) - np.log1p(a)) / np.maximum(gap, 1.0), even)
    return np.asarray(signed_votes(votes) * worth[:, None], dtype=np.float64)
