"""Dawid and Skene's model: each source has a confusion matrix, learned by expectation-maximisation.

    P(y = c | votes) ~ balance_c * product over sources j that voted of  theta_j[c, vote_j]

Source: Dawid & Skene (1979), eqs. 2.3 (M step), 2.4 (balance) and 2.5 (E step). Departures: the class balance is
uniform rather than estimated, unless asked for (on six matrices of seven it made no difference, on `trec_rules` an
estimated one cost .37 of accuracy); theta has a prior of `on_diagonal` and `off_diagonal` pseudo-counts, so that a
rare source cannot be perfect; EM starts from the shares of votes.

For pairs the two rows of a confusion matrix may differ: a source's bias towards a position is learned, so the model
is not antisymmetric and the labeler asks it in both orders.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from weaklabel._validation import numbers_within, whole_within
from weaklabel.errors import ConfigError
from weaklabel.label_models.base import MOST_ROWS, ROUNDING, SMALLEST
from weaklabel.label_models.k_class.cast_votes import one_hot, shares_of, votes_per_class
from weaklabel.label_models.k_class.vote_model import AdditiveVoteModel, softmax
from weaklabel.types import FloatArray, Int8Array

if TYPE_CHECKING:
    from scipy.sparse import csr_array

# An estimated balance starts from so many rows, spread evenly over the classes.
_BALANCE_ROWS = 10.0


class DawidSkene(AdditiveVoteModel):
    """Dawid-Skene for votes on pairs or classes; margins and gold are not used.

    Silence says nothing: an abstain is a missing vote, and theta is about votes that were cast. Of an LF that only
    ever votes one class, theta is near one in every row once it has voted often, so its vote weighs little: what
    decides between such LFs is how rarely each speaks.

    Args:
        n_classes: None for votes on pairs, else the number of classes.
        max_iter: most EM steps; 200.
        tol: EM stops when no posterior moves by more than this; 1e-6.
        on_diagonal: pseudo-count of right votes per source and class; 2.5.
        off_diagonal: pseudo-count of wrong ones, per wrong class; .5.
        estimate_balance: learn the class balance, classes only; False. Wrong where the votes do not say how common
            classes are: where LFs abstain more on one of them, or where each votes one class.
        temperature: divides the log-probabilities of votes, in EM and in what it answers; 1. Above 1 where sources share
            mistakes, so that ten votes are not ten witnesses.

    Attributes:
        confusion_: `(n_lfs, k, k)` float64, P(vote | truth, it votes): rows truth, columns vote, after `fit`.
        class_balance_: `(k,)` float64, before any vote; uniform unless estimated.
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
        n_classes: int | None = None,
        max_iter: int = 200,
        tol: float = 1e-6,
        on_diagonal: float = 2.5,
        off_diagonal: float = 0.5,
        estimate_balance: bool = False,
        temperature: float = 1.0,
    ) -> None:
        self.n_classes, self.estimate_balance = n_classes, estimate_balance
        self.max_iter, self.tol, self.temperature = max_iter, tol, temperature
        self.on_diagonal, self.off_diagonal = on_diagonal, off_diagonal

    def evidence(self) -> FloatArray:
        return np.log(self.confusion_).transpose(0, 2, 1) / self.temperature

    def balance(self) -> FloatArray:
        return self.class_balance_

    def _learn_votes(self, votes: Int8Array) -> None:
        self._check_ranges()
        prior = np.where(np.eye(self._k, dtype=np.bool_), self.on_diagonal, self.off_diagonal)
        found = run_em(
            votes,
            prior,
            max_iter=self.max_iter,
            tol=self.tol,
            estimate_balance=self.estimate_balance,
            temperature=self.temperature,
        )
        self.confusion_, self.class_balance_, self.n_iter_ = found

    def _check_ranges(self) -> None:
        if self.max_iter < 1 or min(self.on_diagonal, self.off_diagonal, self.temperature) <= 0:
            raise ConfigError(
                f"dawid_skene: max_iter is {self.max_iter}, on_diagonal {self.on_diagonal}, off_diagonal "
                f"{self.off_diagonal}, temperature {self.temperature}. "
                "Allowed: max_iter >= 1, pseudo-counts and temperature > 0."
            )
        if self.estimate_balance and self.n_classes is None:
            raise ConfigError(
                "dawid_skene: estimate_balance is for classes. A pair has no direction, so its balance is one half."
            )

    def _n_lfs(self) -> int:
        return len(self._require("confusion_"))

    def _learned(self) -> dict[str, Any]:
        return {
            "confusion": self.confusion_.tolist(),
            "class_balance": self.class_balance_.tolist(),
            "n_iter": self.n_iter_,
        }

    def _restore(self, state: Mapping[str, Any]) -> None:
        k = self._k
        self.confusion_ = numbers_within(state["confusion"], (None, k, k), SMALLEST, 1.0 + ROUNDING)
        self.class_balance_ = numbers_within(state["class_balance"], (k,), SMALLEST, 1.0 + ROUNDING)
        self.n_iter_ = whole_within(state["n_iter"], 0, MOST_ROWS)


class EM(NamedTuple):
    """What EM found: `theta` `(m, k, k)`, P(vote | truth, it votes); `balance` `(k,)`; EM steps taken."""

    theta: FloatArray
    balance: FloatArray
    steps: int


def run_em(
    L: Int8Array,
    prior: FloatArray,
    *,
    max_iter: int = 200,
    tol: float = 1e-6,
    estimate_balance: bool = False,
    temperature: float = 1.0,
) -> EM:
    """EM from the shares of votes.

    Args:
        L: `(n, m)` int8, votes 0..k-1, -1 for none.
        prior: `(k, k)` float64 > 0, pseudo-counts of (truth, vote), the same for every source.
        max_iter: most steps.
        tol: stop when no posterior moves by more.
        estimate_balance: learn the class balance from rows with votes; else it is uniform.
        temperature: divides the log-probabilities of votes in the E step.
    """
    k = len(prior)
    votes = one_hot(L, k)
    spoken = np.diff(votes.indptr) > 0
    posterior, balance = shares_of(votes_per_class(L, k)), np.full(k, 1.0 / k)
    theta = m_step(votes, posterior, prior)
    steps, moved = 0, np.inf
    while moved > tol and steps < max_iter:
        before, steps = posterior, steps + 1
        if estimate_balance:
            seen = posterior[spoken]
            balance = (seen.sum(axis=0) + _BALANCE_ROWS / k) / (len(seen) + _BALANCE_ROWS)
        posterior = softmax(log_joint(votes, theta) / temperature + np.log(balance))
        theta = m_step(votes, posterior, prior)
        moved = np.abs(posterior - before).max(initial=0.0)
    return EM(theta, balance, steps)


def log_joint(votes: csr_array, theta: FloatArray) -> FloatArray:
    """`(n, k)`: the summed log theta of each row's votes per class; 0 without votes. `votes` is as `one_hot` gives it."""
    m, k, _ = theta.shape
    return np.asarray(votes @ np.log(theta).transpose(0, 2, 1).reshape(m * k, k), dtype=np.float64)


def m_step(votes: csr_array, posterior: FloatArray, prior: FloatArray) -> FloatArray:
    """`(m, k, k)`: P(vote | truth) of each source, given P(truth) of each row `(n, k)`.

    Args:
        votes: as `one_hot` gives them.
        posterior: `(n, k)` float64.
        prior: `(k, k)`, or `(m, k, k)` for each source its own, float64 > 0: pseudo-counts of (truth, vote).
    """
    k = posterior.shape[1]
    counts = (votes.T @ posterior).reshape(-1, k, k).transpose(0, 2, 1) + prior  # (source, truth, vote)
    return np.asarray(counts / counts.sum(axis=2, keepdims=True), dtype=np.float64)
