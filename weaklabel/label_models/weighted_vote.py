"""Weighted vote: each labeling function weighs as much as it agrees with the majority of the others.

    weight_j = log(a_j (k - 1) / (1 - a_j)),   a_j = (agreed_j + 3.5) / (judged_j + 5)

Source: weighting by agreement with the majority is the first step of Dawid & Skene's (1979) EM and known as "Wawa"
among crowdsourcers; the log-odds weight is the optimal one for independent voters (Nitzan & Paroush 1982).
Departures: an LF is judged by the *others*, so that it cannot vouch for itself; rows where the others are divided
evenly, or silent, judge nobody; pseudo-counts stand for the belief that an LF is right seven times in ten.
"""

from __future__ import annotations

import numpy as np

from weaklabel.label_models.cast_votes import votes_per_class
from weaklabel.label_models.vote_model import (
    AdditiveVoteModel,
    CountingModel,
    Counts,
    evidence_of_accuracy,
)
from weaklabel.types import ABSTAIN, FloatArray, Int8Array

# A belief worth five votes: right seven times in ten, as Snorkel starts from too.
_RIGHT, _WRONG = 3.5, 1.5
_CHUNK = 100_000  # rows at a time, so that memory stays flat


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
        m = votes.shape[1]
        counts = {name: np.zeros(m, dtype=np.int64) for name in ("cast", "judged", "agreed")}
        for start in range(0, len(votes), _CHUNK):
            part = votes[start : start + _CHUNK]
            per_class = votes_per_class(part, self._k)
            for j in range(m):
                judged, agreed = judged_by_others(part[:, j], per_class)
                counts["judged"][j] += judged
                counts["agreed"][j] += agreed
            counts["cast"] += (part != ABSTAIN).sum(axis=0)
        return counts

    def _solve(self) -> None:
        judged, agreed = self.counts_["judged"], self.counts_["agreed"]
        self.agreement_ = (agreed + _RIGHT) / (judged + _RIGHT + _WRONG)

    def evidence(self) -> FloatArray:
        return evidence_of_accuracy(self.agreement_, self._k)


def judged_by_others(column: Int8Array, per_class: FloatArray) -> tuple[int, int]:
    """How many of one LF's votes the majority of the others judges, and how many it agrees with."""
    rows = np.flatnonzero(column != ABSTAIN)
    others = per_class[rows]
    own = column[rows].astype(np.intp)
    others[np.arange(len(rows)), own] -= 1
    most = others.max(axis=1)
    decided = (most > 0) & ((others == most[:, None]).sum(axis=1) == 1)
    return int(decided.sum()), int((others.argmax(axis=1) == own)[decided].sum())
