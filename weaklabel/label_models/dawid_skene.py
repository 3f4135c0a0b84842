"""Dawid and Skene's model: each source has a confusion matrix, learned by expectation-maximisation.

    P(y = c | votes) ~ balance_c * product over sources j that voted of  theta_j[c, vote_j]

Source: Dawid & Skene (1979), eqs. 2.3 (M step) and 2.5 (E step). An abstain is a missing vote and says nothing.
Departures: the class balance is fixed and uniform rather than estimated (on six matrices of seven it made no
difference, on `trec_rules` an estimated one cost .37 of accuracy); theta has a prior of `on_diagonal` and
`off_diagonal` pseudo-counts, so that a rare source cannot be perfect; EM starts from the shares of votes.

The functions work for any number of classes, votes 0..k-1. For pairs k is 2, and the two rows of a confusion
matrix may differ: a source's bias towards a position is learned, so the model is not antisymmetric and the
labeler asks it in both orders.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from weaklabel._validation import check_label_matrix
from weaklabel.errors import ConfigError
from weaklabel.label_models.base import LabelModel
from weaklabel.label_models.vote_weights import sum_of_weights, vote_log_odds, weights_of_votes
from weaklabel.types import FloatArray, Int8Array


class DawidSkene(LabelModel):
    """Two-class Dawid-Skene for votes on pairs; margins and gold are not used.

    Args:
        max_iter: most EM steps; 200.
        tol: EM stops when no posterior moves by more than this; 1e-6.
        on_diagonal: pseudo-count of right votes per source and class; 2.5.
        off_diagonal: pseudo-count of wrong ones; .5.

    Attributes:
        confusion_: `(n_lfs, 2, 2)` float64, P(vote | truth, it votes): rows truth, columns vote, after `fit`.
        n_iter_: EM steps taken.

    >>> L = np.array([[1, 1, 0], [0, 0, 1], [1, 1, 1], [0, 0, 0]] * 25)  # the third is right half of the time
    >>> model = DawidSkene().fit(L)
    >>> bool(model.confusion_[0, 1, 1] > 0.95), round(float(model.confusion_[2, 1, 1]), 2)
    (True, 0.52)
    """

    name = "dawid_skene"
    antisymmetric = False

    def __init__(
        self,
        *,
        max_iter: int = 200,
        tol: float = 1e-6,
        on_diagonal: float = 2.5,
        off_diagonal: float = 0.5,
    ) -> None:
        self.max_iter = max_iter
        self.tol = tol
        self.on_diagonal = on_diagonal
        self.off_diagonal = off_diagonal

    def fit(
        self,
        L: ArrayLike,
        *,
        margins: ArrayLike | None = None,
        y: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Self:
        """Learn the confusion matrices from agreement alone.

        Raises:
            LabelMatrixError: `L` is no matrix of votes.
            ConfigError: pseudo-counts that are not positive, or `max_iter` below 1.
        """
        votes = check_label_matrix(L)
        if self.max_iter < 1 or min(self.on_diagonal, self.off_diagonal) <= 0:
            raise ConfigError(
                f"dawid_skene: max_iter is {self.max_iter}, on_diagonal {self.on_diagonal}, off_diagonal "
                f"{self.off_diagonal}. Allowed: max_iter >= 1 and pseudo-counts > 0."
            )
        prior = np.where(np.eye(2, dtype=np.bool_), self.on_diagonal, self.off_diagonal)
        self.confusion_, self.n_iter_ = fit_confusion(votes, prior, max_iter=self.max_iter, tol=self.tol)
        return self

    def predict_logit(self, L: ArrayLike, *, margins: ArrayLike | None = None) -> FloatArray:
        return sum_of_weights(self.contributions(L))

    def contributions(self, L: ArrayLike, *, margins: ArrayLike | None = None) -> FloatArray:
        confusion = self._require("confusion_")
        votes = check_label_matrix(L, len(confusion))
        return weights_of_votes(votes, vote_log_odds(confusion))

    def to_dict(self) -> dict[str, Any]:
        settings = {key: getattr(self, key) for key in ("max_iter", "tol", "on_diagonal", "off_diagonal")}
        confusion = self._require("confusion_").tolist()
        return {"name": self.name, "settings": settings, "confusion": confusion, "n_iter": self.n_iter_}

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> Self:
        model = cls(**state["settings"])
        model.confusion_ = np.asarray(state["confusion"], dtype=np.float64).reshape(-1, 2, 2)
        model.n_iter_ = int(state["n_iter"])
        return model


def fit_confusion(
    L: Int8Array, prior: FloatArray, *, max_iter: int = 200, tol: float = 1e-6
) -> tuple[FloatArray, int]:
    """EM from the shares of votes, under a uniform class balance.

    Args:
        L: `(n, m)` int8, votes 0..k-1, -1 for none.
        prior: `(k, k)` float64 > 0, pseudo-counts of (truth, vote), the same for every source.
        max_iter: most steps.
        tol: stop when no posterior moves by more.

    Returns:
        theta: `(m, k, k)` float64, P(vote | truth, it votes).
        steps: EM steps taken.
    """
    votes = np.ascontiguousarray(L.T)  # one source after the other, each in one run of memory
    posterior = _shares_of_votes(votes, len(prior))
    theta = _m_step(votes, posterior, prior)
    steps, moved = 0, np.inf
    while moved > tol and steps < max_iter:
        before, steps = posterior, steps + 1
        posterior = _normalised(log_joint(votes, theta))
        theta = _m_step(votes, posterior, prior)
        moved = np.abs(posterior - before).max(initial=0.0)
    return theta, steps


def log_joint(votes: Int8Array, theta: FloatArray) -> FloatArray:
    """`(n, k)`: the summed log theta of each row's votes per class; 0 without votes. `votes` is `(m, n)`."""
    k = theta.shape[1]
    total = np.zeros((votes.shape[1], k))
    for column, confusion in zip(votes, theta, strict=True):
        # A last row of zeros, which is where index -1 looks: an abstain adds nothing.
        total += np.vstack([np.log(confusion).T, np.zeros(k)])[column]
    return total


def _m_step(votes: Int8Array, posterior: FloatArray, prior: FloatArray) -> FloatArray:
    k = len(prior)
    counts = np.empty((len(votes), k, k))
    for source, column in enumerate(votes):
        for vote in range(k):
            counts[source, :, vote] = posterior[column == vote].sum(axis=0)
    counts += prior
    return np.asarray(counts / counts.sum(axis=2, keepdims=True), dtype=np.float64)


def _shares_of_votes(votes: Int8Array, k: int) -> FloatArray:
    counts = np.stack([(votes == c).sum(axis=0) for c in range(k)], axis=1).astype(np.float64)
    total = counts.sum(axis=1, keepdims=True)
    return np.where(total > 0, counts / np.maximum(total, 1.0), 1.0 / k)


def _normalised(log_weights: FloatArray) -> FloatArray:
    weights = np.exp(log_weights - log_weights.max(axis=1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float64)
