"""What models of votes alone share: votes on pairs or on k classes, and statistics that add up over parts.

A model of votes takes the setting `n_classes`:

- None: votes on pairs, 0 for A and 1 for B. `predict_logit` answers, and `predict_proba` is `(n, 2)`.
- k, from 2 to 127: an ordinary matrix of votes 0..k-1 and -1. `predict_proba` is `(n, k)`. There is no logit.

For pairs a class has a mirror image (turn the pair round), so a model may not treat the two apart unless it says
so (`antisymmetric = False`). With `n_classes=2` there is no mirror, and "spam" may be another kind of thing than
"no spam".
"""

from __future__ import annotations

import inspect
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from weaklabel._validation import check_label_matrix
from weaklabel.errors import ConfigError, LabelMatrixError
from weaklabel.label_models.additive import logits_of_votes, weights_of_votes
from weaklabel.label_models.base import LabelModel
from weaklabel.label_models.row_blocks import row_blocks
from weaklabel.types import FloatArray, Int8Array

MAX_CLASSES = 127  # votes are int8
Counts = dict[str, NDArray[np.int64]]


class VoteModel(LabelModel):
    """A model of votes alone: margins, gold and groups are not used.

    Args:
        n_classes: None for votes on pairs, else the number of classes, 2 to 127.
    """

    def __init__(self, *, n_classes: int | None = None) -> None:
        self.n_classes = n_classes

    def fit(
        self,
        L: ArrayLike,
        *,
        margins: ArrayLike | None = None,
        y: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Self:
        """Learn from votes.

        Raises:
            LabelMatrixError: `L` is no matrix of votes.
            ConfigError: a setting out of range.
        """
        self._learn(self._votes(L))
        return self

    def predict_logit(self, L: ArrayLike, *, margins: ArrayLike | None = None) -> FloatArray:
        """`(n_pairs,)` float64: log-odds that B beats A; 0 where nothing speaks. For pairs only.

        Raises:
            NotFittedError: before `fit`.
            ConfigError: the model is one of classes.
        """
        votes = self._votes(L, self._n_lfs())
        self._refuse_logit_of_classes()
        logit = np.empty(len(votes))
        for rows in row_blocks(len(votes)):
            scores = self.log_scores(votes[rows])
            logit[rows] = scores[:, 1] - scores[:, 0]
        return logit

    def predict_proba(self, L: ArrayLike, *, margins: ArrayLike | None = None) -> FloatArray:
        """`(n, 2)` float64: P(A), P(B) for pairs; `(n, k)`: P(class) otherwise. Rows sum to 1.

        Raises:
            NotFittedError: before `fit`.
        """
        if self.n_classes is None:
            return super().predict_proba(L)
        votes = self._votes(L, self._n_lfs())
        proba = np.empty((len(votes), self._k))
        for rows in row_blocks(len(votes)):
            proba[rows] = softmax(self.log_scores(votes[rows]))
        return proba

    def to_dict(self) -> dict[str, Any]:
        self._n_lfs()
        return {"name": self.name, "settings": self.settings(), **self._learned()}

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> Self:
        model = cls(**state["settings"])
        model._restore(state)
        return model

    def settings(self) -> dict[str, Any]:
        """What the constructor was given, by name."""
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    @abstractmethod
    def _learn(self, votes: Int8Array) -> None: ...

    @abstractmethod
    def _n_lfs(self) -> int | None:
        """How many columns it was fitted on, None if the model looks after that itself; NotFittedError before `fit`."""

    @abstractmethod
    def log_scores(self, votes: Int8Array) -> FloatArray:
        """`(n, k)` float64: log-probability of each class up to a constant per row."""

    @abstractmethod
    def _learned(self) -> dict[str, Any]:
        """What `fit` found, as JSON values."""

    @abstractmethod
    def _restore(self, state: Mapping[str, Any]) -> None:
        """Put back what `_learned` gave."""

    @property
    def _k(self) -> int:
        return 2 if self.n_classes is None else int(self.n_classes)  # it may be numpy's

    def _votes(self, L: ArrayLike, n_lfs: int | None = None) -> Int8Array:
        k = self.n_classes
        # A bool is an int to Python, and True classes are no number of classes.
        whole = isinstance(k, int | np.integer) and not isinstance(k, bool)
        if k is not None and not (whole and 2 <= k <= MAX_CLASSES):
            raise ConfigError(
                f"{self.name}: n_classes is {k!r}. Allowed: 2 to {MAX_CLASSES}, or None for votes on pairs. "
                "Pass a whole number: how many classes there are, 0 among them."
            )
        return check_label_matrix(L, n_lfs, n_classes=self.n_classes)

    def _refuse_logit_of_classes(self) -> None:
        if self.n_classes is not None:
            raise ConfigError(
                f"{self.name} was made with n_classes={self.n_classes}: log-odds are for pairs. "
                "Call predict_proba(L), or make the model without n_classes."
            )


class AdditiveVoteModel(VoteModel):
    """A model whose log-probabilities are a sum of one term per vote cast, and a balance."""

    @abstractmethod
    def evidence(self) -> FloatArray:
        """`(n_lfs, k, k)` float64: what LF j's vote v (second axis) adds to the log-probability of class c."""

    def balance(self) -> FloatArray:
        """`(k,)` float64: probability of each class before any vote; uniform unless the model estimates it."""
        return np.full(self._k, 1.0 / self._k)

    def predict_logit(self, L: ArrayLike, *, margins: ArrayLike | None = None) -> FloatArray:
        votes = self._votes(L, self._n_lfs())
        self._refuse_logit_of_classes()
        return logits_of_votes(votes, self._weights_of_pairs())

    def contributions(self, L: ArrayLike, *, margins: ArrayLike | None = None) -> FloatArray:
        """`(n_pairs, n_lfs)` float64: each LF's share of the logit, rows adding up to it. For pairs only."""
        votes = self._votes(L, self._n_lfs())
        self._refuse_logit_of_classes()
        return weights_of_votes(votes, self._weights_of_pairs())

    def _weights_of_pairs(self) -> FloatArray:
        evidence = self.evidence()
        return np.asarray(evidence[:, :, 1] - evidence[:, :, 0], dtype=np.float64)

    def log_scores(self, votes: Int8Array) -> FloatArray:
        return np.log(self.balance()) + sum_of_evidence(votes, self.evidence())


class CountingModel(VoteModel):
    """A model that needs the votes only as counts, which are whole numbers and add up.

    So rows may come in parts, in any order and on several machines: `partial_fit` of all parts, or `merge` of
    models fitted to parts, is the model fitted to all, to the bit. Where parts are many, `count` each (anywhere: a
    count is a few arrays of whole numbers), add the counts up, and `fit_counts` once: `fit_on_shards` does it.

    Attributes:
        counts_: int64 arrays by name, after `fit`.
    """

    merges: ClassVar[bool] = True

    def count(self, L: ArrayLike) -> Counts:
        """What there is to know of some rows: int64 arrays by name, to be added up over parts. Nothing is learned.

        Raises:
            LabelMatrixError: `L` is no matrix of votes.
            ConfigError: a setting out of range.
        """
        return self._count(self._votes(L))

    def fit_counts(self, counts: Counts) -> Self:
        """The model of all rows that were counted, `counts` being the sum of what `count` gave for them."""
        self.counts_ = dict(counts)
        self._solve()
        return self

    def partial_fit(self, L: ArrayLike) -> Self:
        """Learn from further rows; the first call is a `fit`.

        Raises:
            LabelMatrixError: `L` is no matrix of votes, or has other columns than the rows before.
        """
        if not hasattr(self, "counts_"):
            return self.fit(L)
        return self._add(self._count(self._votes(L, self._n_lfs())))

    def merge(self, other: Self) -> Self:
        """Take in what `other` has counted; `other` stays as it was.

        Raises:
            LabelMatrixError: `other` counted other columns.
            ConfigError: `other` is another kind of model or has other settings.
            NotFittedError: one of the two has counted nothing.
        """
        if type(other) is not type(self) or other.settings() != self.settings():
            raise ConfigError(
                f"{self.name}: cannot merge with {other.name} {other.settings()}; this one has {self.settings()}. "
                "Merge models of one kind with equal settings."
            )
        if other._n_lfs() != self._n_lfs():
            raise LabelMatrixError(
                f"{self.name}: cannot merge counts of {other._n_lfs()} columns with counts of {self._n_lfs()}. "
                "Apply the same labeling functions in the same order."
            )
        return self._add(other.counts_)

    def _learn(self, votes: Int8Array) -> None:
        self.fit_counts(self._count(votes))

    def _add(self, counts: Counts) -> Self:
        return self.fit_counts(add_counts(self.counts_, counts))

    def _n_lfs(self) -> int:
        counts: Counts = self._require("counts_")
        return int(max(array.shape[-1] for array in counts.values() if array.ndim))

    def _learned(self) -> dict[str, Any]:
        return {"counts": {name: array.tolist() for name, array in self.counts_.items()}}

    def _restore(self, state: Mapping[str, Any]) -> None:
        m = len(state["counts"]["cast"])
        self.counts_ = {
            name: np.array(values, dtype=np.int64).reshape((m,) * (2 if name in ("both", "agree") else 1))
            for name, values in state["counts"].items()
        }
        self._solve()

    @abstractmethod
    def _count(self, votes: Int8Array) -> Counts:
        """Whole numbers, among them `cast` `(n_lfs,)`: votes per LF."""

    @abstractmethod
    def _solve(self) -> None:
        """Set what is learned, from `counts_` alone."""


def add_counts(one: Counts, other: Counts) -> Counts:
    """The counts of the rows of both.

    >>> add_counts({"cast": np.array([1, 2])}, {"cast": np.array([10, 20])})["cast"].tolist()
    [11, 22]
    """
    return {name: array + other[name] for name, array in one.items()}


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
