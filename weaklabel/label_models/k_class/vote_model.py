"""What models that take votes on pairs or on k classes share.

Such a model has the setting `n_classes`:

- None: votes on pairs, 0 for A and 1 for B. `predict_logit` answers, and `predict_proba` is `(n, 2)`.
- k, from 2 to 127: an ordinary matrix of votes 0..k-1 and -1. `predict_proba` is `(n, k)`. There is no logit.

For pairs a class has a mirror image (turn the pair round), so a model may not treat the two apart unless it says
so (`antisymmetric = False`). With `n_classes=2` there is no mirror, and "spam" may be another kind of thing than
"no spam".
"""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
from numpy.typing import ArrayLike

from weaklabel.label_models.additive import logits_of_votes, weights_of_votes
from weaklabel.label_models.base import LabelModel, Observed
from weaklabel.label_models.row_blocks import row_blocks
from weaklabel.types import FloatArray, Int8Array, PairFeatures


class KClassModel(LabelModel):
    """A model that answers for pairs or for classes.

    Args:
        n_classes: None for votes on pairs, else the number of classes, 2 to 127.
    """

    def __init__(self, *, n_classes: int | None = None) -> None:
        self.n_classes = n_classes

    def predict_proba(
        self, L: ArrayLike, *, margins: ArrayLike | None = None, features: PairFeatures | None = None
    ) -> FloatArray:
        if self.n_classes is None:
            return super().predict_proba(L, margins=margins, features=features)
        votes = self._asked(L)
        proba = np.empty((len(votes), self._k))
        for rows in row_blocks(len(votes)):
            proba[rows] = softmax(self.log_scores(votes[rows]))
        return proba

    @abstractmethod
    def log_scores(self, votes: Int8Array) -> FloatArray:
        """`(n, k)` float64: log-probability of each class up to a constant per row."""

    @property
    def _k(self) -> int:
        return 2 if self.n_classes is None else int(self.n_classes)  # it may be numpy's


class VoteModel(KClassModel):
    """A model of votes alone: margins, gold, groups and features are not used."""

    def predict_logit(
        self, L: ArrayLike, *, margins: ArrayLike | None = None, features: PairFeatures | None = None
    ) -> FloatArray:
        votes = self._asked(L)
        self._refuse_logit_of_classes()
        logit = np.empty(len(votes))
        for rows in row_blocks(len(votes)):
            scores = self.log_scores(votes[rows])
            logit[rows] = scores[:, 1] - scores[:, 0]
        return logit

    def _learn(self, seen: Observed) -> None:
        self._learn_votes(seen.votes)

    @abstractmethod
    def _learn_votes(self, votes: Int8Array) -> None: ...


class AdditiveVoteModel(VoteModel):
    """A model whose log-probabilities are a sum of one term per vote cast, and a balance."""

    @abstractmethod
    def evidence(self) -> FloatArray:
        """`(n_lfs, k, k)` float64: what LF j's vote v (second axis) adds to the log-probability of class c."""

    def balance(self) -> FloatArray:
        """`(k,)` float64: probability of each class before any vote; uniform unless the model estimates it."""
        return np.full(self._k, 1.0 / self._k)

    def predict_logit(
        self, L: ArrayLike, *, margins: ArrayLike | None = None, features: PairFeatures | None = None
    ) -> FloatArray:
        votes = self._asked(L)
        self._refuse_logit_of_classes()
        return logits_of_votes(votes, self._weights_of_pairs())

    def contributions(
        self, L: ArrayLike, *, margins: ArrayLike | None = None, features: PairFeatures | None = None
    ) -> FloatArray:
        votes = self._asked(L)
        self._refuse_logit_of_classes()
        return weights_of_votes(votes, self._weights_of_pairs())

    def _weights_of_pairs(self) -> FloatArray:
        evidence = self.evidence()
        return np.asarray(evidence[:, :, 1] - evidence[:, :, 0], dtype=np.float64)

    def log_scores(self, votes: Int8Array) -> FloatArray:
        return np.log(self.balance()) + sum_of_evidence(votes, self.evidence())


def softmax(scores: FloatArray) -> FloatArray:
    """`(n, k)`: rows of probabilities from rows of log-probabilities that lack a constant."""
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float64)


def sum_of_evidence(votes: Int8Array, evidence: FloatArray) -> FloatArray:
    """`(n, k)`: summed evidence of each row's votes per class, 0 without votes.

    Column by column, so that a row has the same bits alone and in a batch. `evidence` is `(m, k, k)`: LF, vote, class.
    """
    k = evidence.shape[2]
    total = np.zeros((len(votes), k))
    for j in range(votes.shape[1]):
        # A last row of zeros, which is where index -1 looks: an abstain adds nothing.
        total += np.vstack([evidence[j], np.zeros(k)])[votes[:, j]]
    return total


def evidence_of_accuracy(accuracy: FloatArray, k: int) -> FloatArray:
    """`(m, k, k)`: evidence of sources that are right with one probability, and wrong evenly over other classes.

    A vote adds `log(a (k - 1) / (1 - a))` to its own class and nothing to others: to the bit the same for each class.

    >>> evidence_of_accuracy(np.array([0.75]), 2).round(3).tolist()  # log 3
    [[[1.099, 0.0], [0.0, 1.099]]]
    """
    return log_odds_of_accuracy(accuracy, k)[:, None, None] * np.eye(k)


def log_odds_of_accuracy(accuracy: FloatArray, k: int) -> FloatArray:
    """`(m,)`: log of how much likelier a vote is for its class than for any other; 0 at the chance level 1/k."""
    return np.asarray(np.log(accuracy) - np.log1p(-accuracy) + np.log(k - 1.0), dtype=np.float64)
