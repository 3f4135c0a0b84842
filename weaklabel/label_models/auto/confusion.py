"""Confusion matrices of a crowd: Dawid & Skene's model, held to what `moments` found, in three steps.

A worker with a handful of votes cannot show how errors differ by class, so each row of each matrix starts from a belief that
is worth ten votes: the worker's own accuracy as `moments` has it, moved by how hard the class is for all, and the wrong
votes spread as everybody's are. Three steps of expectation-maximisation from the posterior of `moments`: run on, it makes
itself ever surer of what it believed before.

Source: Dawid & Skene (1979), with a Dirichlet prior per source as in Kim & Ghahramani (2012), AISTATS. The prior's mean and
the early stop are ours; fewer steps than until nothing moves were better on synthetic crowds and on published ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from weaklabel.label_models.k_class.dawid_skene import log_joint, m_step
from weaklabel.label_models.k_class.vote_model import softmax
from weaklabel.types import FloatArray

if TYPE_CHECKING:
    from scipy.sparse import csr_array

_PRIOR_VOTES: Final = 10.0  # per source and class
_STEPS: Final = 3
_LOWEST, _HIGHEST = 0.02, 0.95  # of a right vote, before any vote was seen


def confusion_matrices(
    votes: csr_array, posterior: FloatArray, accuracies: FloatArray, balance: FloatArray
) -> FloatArray:
    """`(m, k, k)` float64 in (0, 1): P(vote | truth) of each source, rows truth, columns vote.

    Args:
        votes: `(n, m k)`, as `one_hot` gives them.
        posterior: `(n, k)` float64, P(truth) of each row to start from.
        accuracies: `(m,)` float64 in (0, 1), P(right | it votes) of each source.
        balance: `(k,)` float64 > 0, how common the classes are; it stays as it is.
    """
    prior = _beliefs(votes, posterior, accuracies)
    theta = m_step(votes, posterior, prior)
    for _ in range(_STEPS - 1):
        theta = m_step(votes, softmax(log_joint(votes, theta) + np.log(balance)), prior)
    return theta


def _beliefs(votes: csr_array, posterior: FloatArray, accuracies: FloatArray) -> FloatArray:
    """`(m, k, k)` pseudo-counts of (truth, vote): what is believed of a source before its own votes are counted."""
    k = posterior.shape[1]
    pooled = (votes.T @ posterior).reshape(-1, k, k).sum(
        axis=0
    ).T + 1.0  # (truth, vote), of all sources together
    right = np.diag(pooled) / pooled.sum(axis=1)
    of_class = _log_odds(right) - _log_odds(np.diag(pooled).sum() / pooled.sum())
    diagonal = 1.0 / (1.0 + np.exp(-(_log_odds(accuracies)[:, None] + of_class)))
    diagonal = np.clip(diagonal, _LOWEST, _HIGHEST)[:, :, None]  # (m, k, 1)
    is_right = np.eye(k, dtype=np.bool_)
    wrong = np.where(is_right, 0.0, pooled)
    wrong = wrong / wrong.sum(axis=1, keepdims=True)
    return np.asarray(_PRIOR_VOTES * np.where(is_right, diagonal, (1.0 - diagonal) * wrong), dtype=np.float64)


def _log_odds(p: FloatArray) -> FloatArray:
    return np.asarray(np.log(p) - np.log1p(-p), dtype=np.float64)
