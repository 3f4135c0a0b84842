"""Majority vote, as the smoothed share of votes.

    P(c) = (n_c + 1) / (n + k),    for pairs  logit = log((n_b + 1) / (n_a + 1))

Departure from counting heads: one vote of one says .67 (of two classes) and not certainty, ten of ten say .92
(Laplace's rule of succession). The order of confidence is by share and by number, as one would want.
"""

from __future__ import annotations

import numpy as np

from weaklabel.label_models.k_class.cast_votes import votes_per_class, votes_per_lf
from weaklabel.label_models.k_class.counting_model import CountingModel, Counts
from weaklabel.types import FloatArray, Int8Array


class MajorityVote(CountingModel):
    """Every vote counts the same; margins and gold are not used. The baseline that must be beaten.

    Silence says nothing: only votes that were cast are counted. An LF that only ever votes one class counts like
    any other, so a class for which many LFs were written wins often.

    Args:
        n_classes: None for votes on pairs, else the number of classes.

    Attributes:
        n_lfs_: number of labeling functions, after `fit`.
        counts_: `cast` `(n_lfs,)` int64, votes per LF.

    >>> model = MajorityVote().fit([[1, 1, -1]])
    >>> model.predict_proba([[1, 1, -1], [0, 1, -1], [-1, -1, -1]]).round(9).tolist()
    [[0.25, 0.75], [0.5, 0.5], [0.5, 0.5]]
    >>> MajorityVote(n_classes=3).fit([[2, 2]]).predict_proba([[2, 2], [0, -1]]).round(2).tolist()
    [[0.2, 0.2, 0.6], [0.5, 0.25, 0.25]]
    """

    name = "majority_vote"

    def _count(self, votes: Int8Array) -> Counts:
        return {"cast": votes_per_lf(votes)}

    def _solve(self) -> None:
        self.n_lfs_ = len(self.counts_["cast"])

    def log_scores(self, votes: Int8Array) -> FloatArray:
        # Logs whose difference is taken later, not the log of a ratio: exactly odd when the votes are turned round.
        # They are logs of whole numbers, and looked up, which is faster than taking them.
        logs = np.log1p(np.arange(votes.shape[1] + 1.0))
        return logs[votes_per_class(votes, self._k).astype(np.intp)]
