"""One-sided rules: a model for labeling functions that each vote for one class or stay silent.

A keyword that means spam, a pattern that marks a question about places: such an LF never contradicts itself, and
asking how often its *votes* are right given the truth is empty, for it has only one. What differs with the truth is
how often it *fires*:

    P(y = c | votes) ~ product over votes cast of  f_jv[c],    f_jv[c] = P(LF j votes v | truth is c)

    f_jv[c] = (expected rows of class c in which j votes v + s d_vc) / (expected rows of class c + s)

with `d` from five to one in favour of the LF's own class, worth `s` = 100 rows: what a rule is for is known
beforehand, and says more than a handful of other rules that happen to fire in the same rows. A rule that fires
almost everywhere cannot be about one class of several, and weighs little.

A row with one vote judges nobody: it starts from the shares of the *other* votes, and only rows with two votes or
more count what fired. Otherwise a broad rule that is often alone would vouch for itself.

Source: the firing rates are those of the generative model of Ratner et al. (2016), eq. 2, with its propensities,
fitted by EM (Dempster, Laird & Rubin 1977). The strength of the prior is ours: between 100 and 400 rows the results
on published rule sets hardly move.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from weaklabel._validation import numbers_within, whole_within
from weaklabel.errors import ConfigError
from weaklabel.label_models.base import MOST_ROWS, ROUNDING, SMALLEST
from weaklabel.label_models.k_class.cast_votes import CastVotes, cast_votes
from weaklabel.label_models.k_class.vote_model import AdditiveVoteModel, softmax
from weaklabel.types import FloatArray, Int8Array

_OWN_CLASS: Final = 5.0  # to one for each other class, the ratio of dawid_skene's pseudo-counts


class OneSided(AdditiveVoteModel):
    """A model of firing rates, for LFs that each vote one class; margins and gold are not used.

    How it reads silence: that an LF fires rarely is what makes its votes specific, but the silence of one LF in one
    row says nothing, because hundreds of silent LFs, far from independent, would shout down the one that speaks.
    LFs that vote several classes are read as one rule for each. For pairs a rule for A is one for B turned round,
    which makes the model antisymmetric, and close to Dawid-Skene with one accuracy per LF.

    Args:
        n_classes: None for votes on pairs, else the number of classes.
        prior_rows: what the belief about a rule is worth, in rows; 100.
        max_iter: most EM steps; 200.
        tol: EM stops when no posterior moves by more than this; 1e-6.

    Attributes:
        firing_: `(n_lfs, k, k)` float64 in (0, 1], P(LF j votes v | truth c): LF, vote, truth, after `fit`.
        n_iter_: EM steps taken.

    >>> L = np.array([[0, -1, 0]] * 20 + [[-1, 1, 0]] * 20)  # the third fires always: it says nothing of the class
    >>> OneSided(n_classes=2).fit(L).predict_proba([[-1, 1, 0]]).argmax(axis=1).tolist()
    [1]
    """

    name = "one_sided"

    def __init__(
        self,
        *,
        n_classes: int | None = None,
        prior_rows: float = 100.0,
        max_iter: int = 200,
        tol: float = 1e-6,
    ) -> None:
        self.n_classes = n_classes
        self.prior_rows = prior_rows
        self.max_iter = max_iter
        self.tol = tol

    def evidence(self) -> FloatArray:
        return np.log(self.firing_)

    def _learn_votes(self, votes: Int8Array) -> None:
        if self.prior_rows <= 0 or self.max_iter < 1:
            raise ConfigError(
                f"one_sided: prior_rows is {self.prior_rows}, max_iter {self.max_iter}. "
                "Allowed: prior_rows > 0 and max_iter >= 1."
            )
        self.firing_, self.n_iter_ = fit_firing(
            cast_votes(votes, self._k),
            self.prior_rows,
            max_iter=self.max_iter,
            tol=self.tol,
            mirrored=self.n_classes is None,
        )

    def _n_lfs(self) -> int:
        return len(self._require("firing_"))

    def _learned(self) -> dict[str, Any]:
        return {"firing": self.firing_.tolist(), "n_iter": self.n_iter_}

    def _restore(self, state: Mapping[str, Any]) -> None:
        self.firing_ = numbers_within(state["firing"], (None, self._k, self._k), SMALLEST, 1.0 + ROUNDING)
        self.n_iter_ = whole_within(state["n_iter"], 0, MOST_ROWS)


def fit_firing(
    cast: CastVotes, prior_rows: float, *, max_iter: int = 200, tol: float = 1e-6, mirrored: bool = False
) -> tuple[FloatArray, int]:
    """Firing rates `(m, k, k)` (LF, vote, truth) in (0, 1], and EM steps taken.

    Args:
        cast: the votes.
        prior_rows: weight of the prior.
        max_iter: most steps.
        tol: stop when no posterior moves by more.
        mirrored: two classes that are mirror images: count each row a second time, turned round.
    """
    prior = np.where(np.eye(cast.k, dtype=np.bool_), _OWN_CLASS, 1.0)
    prior = prior_rows * prior / prior.sum(axis=1, keepdims=True)
    judges = cast.shares_of_others()
    posterior = cast.shares()
    firing = _rates(cast, judges, posterior, prior, prior_rows, mirrored)
    steps, moved = 0, np.inf
    while moved > tol and steps < max_iter:
        before, steps = posterior, steps + 1
        posterior = softmax(cast.sum_by_row(np.log(firing)[cast.lf, cast.vote]))
        judges = posterior[cast.row] * cast.has_company[:, None]
        firing = _rates(cast, judges, posterior, prior, prior_rows, mirrored)
        moved = np.abs(posterior - before).max(initial=0.0)
    return firing, steps


def _rates(
    cast: CastVotes,
    judges: FloatArray,
    posterior: FloatArray,
    prior: FloatArray,
    strength: float,
    mirrored: bool,
) -> FloatArray:
    fired, rows = cast.sum_by_vote(judges), posterior[cast.spoken].sum(axis=0)
    if mirrored:
        # Row by row the other way round: what was a vote for A where B is better, and the reverse.
        fired, rows = fired + fired[:, ::-1, ::-1], np.full(2, rows.sum())
    # At the start, others may give a class more rows than all votes together do: a rate still ends at one.
    return np.asarray(np.minimum((fired + prior) / (rows + strength), 1.0), dtype=np.float64)
