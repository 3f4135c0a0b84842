"""Weighted vote: each labeling function weighs as much as it agrees with the majority of the others.

    weight_j = log(a_j (k - 1) / (1 - a_j)),   a_j = (agreed_j + 3.5) / (judged_j + 5)

Source: weighting by agreement with the majority is the first step of Dawid & Skene's (1979) EM and known as "Wawa"
among crowdsourcers; the log-odds weight is the optimal one for independent voters (Nitzan & Paroush 1982).
Departures: an LF is judged by the *others*, so that it cannot vouch for itself; rows where the others are divided
evenly, or silent, judge nobody; pseudo-counts stand for the belief that an LF is right seven times in ten.
"""

from __future__ import annotations

import numpy as np

from weaklabel.label_models.k_class.cast_votes import votes_per_class, votes_per_lf
from weaklabel.label_models.k_class.counting_model import CountingModel, Counts
from weaklabel.label_models.k_class.vote_model import AdditiveVoteModel, evidence_of_accuracy
from weaklabel.label_models.row_blocks import row_blocks
from weaklabel.types import Float32Array, FloatArray, Int8Array

# A belief worth five votes: right seven times in ten, as Snorkel starts from too.
_RIGHT, _WRONG = 3.5, 1.5


class WeightedVote(AdditiveVoteModel, CountingModel):
    """Votes weighted by agreement with the others; one pass, mergeable; margins and gold are not used.

    The others err too, so agreement with them lies between an LF's accuracy and chance, and the weights are
    cautious. For pairs it is antisymmetric by construction: agreement does not change when a pair is turned round.
    Silence says nothing. An LF that only ever votes one class is judged like any other.

    Args:
        n_classes: None for votes on pairs, else the number of classes.

    Attributes:
        agreement_: `(n_lfs,)` float64 in (0, 1), smoothed share of judged votes that agree, after `fit`.
        counts_: `cast`, `judged`, `agreed`, each `(n_lfs,)` int64.

    >>> L = np.array([[1, 1, 1, 0], [0, 0, 0, 1], [1, 1, 1, 1], [0, 0, 0, 0]] * 5)  # the last agrees half the time
    >>> WeightedVote().fit(L).agreement_.round(2).tolist()
    [0.94, 0.94, 0.94, 0.54]
    """

    name = "weighted_vote"

    def _count(self, votes: Int8Array) -> Counts:
        counts = {"cast": votes_per_lf(votes)}
        judged, agreed = np.zeros_like(counts["cast"]), np.zeros_like(counts["cast"])
        for rows in row_blocks(len(votes)):
            part = votes[rows]
            per_class = np.ascontiguousarray(votes_per_class(part, self._k).T)
            for c in range(self._k):
                voters = (part == c).astype(np.float32)
                decided, right = judgement_of_others(per_class, c)
                judged += (decided @ voters).astype(np.int64)
                agreed += (right @ voters).astype(np.int64)
        return counts | {"judged": judged, "agreed": agreed}

    def _solve(self) -> None:
        judged, agreed = self.counts_["judged"], self.counts_["agreed"]
        self.agreement_ = (agreed + _RIGHT) / (judged + _RIGHT + _WRONG)

    def evidence(self) -> FloatArray:
        return evidence_of_accuracy(self.agreement_, self._k)


def judgement_of_others(per_class: FloatArray, c: int) -> tuple[Float32Array, Float32Array]:
    """Whether the others judge a vote for class `c`, and agree with it: 1 or 0 per row, `(n,)` float32.

    Args:
        per_class: `(k, n)` votes per class, the vote in question among them.
        c: its class.

    >>> judgement_of_others(np.array([[2.0, 1.0, 1.0], [0.0, 1.0, 0.0]]), 0)  # with it, against it, alone
    (array([1., 1., 0.], dtype=float32), array([1., 0., 0.], dtype=float32))
    """
    own = per_class[c] - 1.0
    rivals = np.delete(per_class, c, axis=0)
    most = rivals.max(axis=0)
    agrees = own > most
    disagrees = (most > own) & (np.count_nonzero(rivals == most, axis=0) == 1)
    # Nothing is said of rows without a vote for c: the caller's product leaves them out.
    return (agrees | disagrees).astype(np.float32), agrees.astype(np.float32)
