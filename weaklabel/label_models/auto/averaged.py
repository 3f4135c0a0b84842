"""Two models of a crowd, averaged: neither is chosen, since held-out votes tell them apart only roughly.

    p_c = .2 (n_c + 1) / (n + k) + .8 sum over both models of  w softmax((S + log b) / (1.5 T))

`S` is what the votes of a row add up to: in `moments`, one accuracy per source and a discount for echoes; in the other, a
confusion matrix per source (`confusion.py`). `b` is how common the classes are (`balance.py`), `n_c` of `n` votes are for
class c. A row without votes gets 1/k each.

The weights `w` and temperatures `T` come from votes held out: each model, fitted to one half of the rows, predicts every vote
of the other half from the rest of its row (`held_out_votes.py`), both through one and the same matrix, that of a source of
average accuracy. A model's own matrices would reward knowing what a source is fond of, not what is true. All votes count
alike (by their discounts, cliques cost less and crowds without them more). `w` falls by a factor e for each hundredth of the nats by which a model is worse than the better one. The factor 1.5 and the fifth for the
mere count stand for mistakes that all sources share, which no held-out vote shows.

Source: weights that fall exponentially with predictive loss: Akaike weights, Burnham & Anderson (2002), with stacking's
held-out loss (Yao et al. 2018). The one matrix, the scale of a hundredth, the 1.5 and the fifth are ours. Looked at: seven
published matrices with gold, and crowds drawn with known truth.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final, NamedTuple

import numpy as np

from weaklabel._validation import number_within, numbers_within
from weaklabel.errors import ConfigError
from weaklabel.label_models.auto.balance import balance_of_votes, spread_of_sources
from weaklabel.label_models.auto.confusion import confusion_matrices
from weaklabel.label_models.auto.held_out_votes import Foretold, foretell
from weaklabel.label_models.base import LARGEST, ROUNDING, SMALLEST
from weaklabel.label_models.k_class.cast_votes import one_hot, votes_per_class
from weaklabel.label_models.k_class.moments import Moments
from weaklabel.label_models.k_class.vote_model import VoteModel, evidence_of_accuracy, softmax
from weaklabel.label_models.without_gold import COUNT_SHARE
from weaklabel.types import FloatArray, Int8Array

PARTS: Final = ("moments", "confusion matrices")
_TEMPERATURES: Final[FloatArray] = np.geomspace(1.0, 16.0, 17)
_COOLER: Final = 1.5  # times the temperature that held-out votes ask for
_TELLING: Final = 0.01  # share of the nats by which a model must be worse to weigh 1/e of the better
_MAX_ROWS: Final = 100_000  # enough to weigh by; the models are fitted on all


class _Fitted(NamedTuple):
    """Both models, fitted to some rows: accuracies, discounts `(m,)`, confusion `(m, k, k)`, balance `(k,)`."""

    accuracies: FloatArray
    discounts: FloatArray
    confusion: FloatArray
    balance: FloatArray

    def evidence(self) -> list[FloatArray]:
        """Of each model `(m, k, k)` (source, vote, class): what a vote adds to the log-probability of a class."""
        by_accuracy = evidence_of_accuracy(self.accuracies, len(self.balance))
        return [
            by_accuracy * self.discounts[:, None, None],
            np.log(self.confusion).transpose(0, 2, 1),
        ]


class Averaged(VoteModel):
    """`moments` and confusion matrices averaged, for a crowd that votes on classes; `auto` chooses it.

    Silence says nothing, and what votes there are is worked on, not the matrix they stand in. One-sided rules are not a
    crowd: for them take `one_sided`.

    Args:
        n_classes: the number of classes, 2 to 127. Pairs have no balance and no direction: `pair_model`.
        seed: of the halves.

    Attributes, after `fit`:
        accuracies_: `(n_lfs,)` float64 in (0, 1), P(right | it votes), as `moments` has them.
        discounts_: `(n_lfs,)` float64 in (0, 1], what one vote counts for, given the votes that echo it.
        confusion_: `(n_lfs, k, k)` float64, P(vote | truth, it votes): rows truth, columns vote.
        class_balance_: `(k,)` float64 > 0, before any vote.
        spread_: float at most 1, how unlike each other the sources' shares of classes are.
        nats_: `(2,)` float64, nats per held-out vote of `moments` and of the confusion matrices; NaN where none was held out.
        shares_: `(2,)` float64, their weights; they add up to 1.
        temperatures_: `(2,)` float64 from 1 to 16.

    >>> rng = np.random.default_rng(0)
    >>> truth = np.where(rng.random((3000, 1)) < 0.9, 0, 1)
    >>> L = np.where(rng.random((3000, 7)) < [0.9, 0.8, 0.8, 0.7, 0.7, 0.7, 0.6], truth, 1 - truth)
    >>> model = Averaged(n_classes=2).fit(L)
    >>> model.class_balance_.round(1).tolist(), model.accuracies_.round(1).tolist()
    ([0.9, 0.1], [0.9, 0.8, 0.8, 0.7, 0.7, 0.7, 0.6])
    """

    name: ClassVar[str] = "averaged"

    def __init__(self, *, n_classes: int | None, seed: int = 0) -> None:
        self.n_classes, self.seed = n_classes, seed

    def log_scores(self, votes: Int8Array) -> FloatArray:
        fitted = _Fitted(self.accuracies_, self.discounts_, self.confusion_, self.class_balance_)
        per_class = votes_per_class(votes, self._k)
        n = per_class.sum(axis=1, keepdims=True)
        cells, p = one_hot(votes, self._k), COUNT_SHARE * (per_class + 1.0) / (n + self._k)
        for evidence, share, T in zip(fitted.evidence(), self.shares_, self.temperatures_, strict=True):
            scores = cells @ evidence.reshape(-1, self._k) + np.log(self.class_balance_)
            p += (1.0 - COUNT_SHARE) * share * softmax(scores / (_COOLER * T))
        return np.asarray(np.where(n > 0, np.log(p), 0.0), dtype=np.float64)

    def _learn_votes(self, votes: Int8Array) -> None:
        if self.n_classes is None:
            raise ConfigError(
                "averaged: n_classes is None. Allowed: 2 to 127; pairs have no classes. For pairs take pair_model."
            )
        self.spread_ = spread_of_sources(votes, self._k)
        fitted = self._fitted(votes)
        self.accuracies_, self.discounts_, self.confusion_, self.class_balance_ = fitted
        self.nats_, self.temperatures_ = self._held_out(votes)
        worse = self.nats_ / self.nats_.min() - 1.0
        weights = np.exp(-worse / _TELLING) if np.isfinite(worse).all() else np.ones(len(PARTS))
        self.shares_ = weights / weights.sum()

    def _fitted(self, votes: Int8Array) -> _Fitted:
        k = self._k
        moments = Moments(n_classes=k).fit(votes)
        edges = (k * moments.accuracies_ - 1.0) / (k - 1.0)
        balance = balance_of_votes(votes, edges, k, self.spread_)
        cells = one_hot(votes, k)
        posterior = softmax(cells @ moments.evidence().reshape(-1, k) + np.log(balance))
        confusion = confusion_matrices(cells, posterior, moments.accuracies_, balance)
        return _Fitted(moments.accuracies_, moments.discounts_, confusion, balance)

    def _held_out(self, votes: Int8Array) -> tuple[FloatArray, FloatArray]:
        """Nats per vote and temperatures of both models, `(2,)` each, by votes of the half they were not fitted to."""
        place = np.random.default_rng(self.seed).permutation(len(votes))
        half = np.where(place < _MAX_ROWS, place % 2, -1)
        found: list[list[Foretold]] = []
        for side in (0, 1):
            fitted, held = self._fitted(votes[half == side]), votes[half == 1 - side]
            head = np.broadcast_to(self._one_coin(held), (votes.shape[1], self._k, self._k))
            alike = np.ones(votes.shape[1])
            found.append(
                [
                    foretell(held, evidence, fitted.balance, head, alike, _TEMPERATURES)
                    for evidence in fitted.evidence()
                ]
            )
        told = [both for both in found if all(one.n_votes for one in both)] or found
        nats = np.mean([[one.nll for one in both] for both in told], axis=0)
        return nats, np.exp(np.mean([[np.log(one.temperature) for one in both] for both in told], axis=0))

    def _one_coin(self, votes: Int8Array) -> FloatArray:
        """`(k, k)`: what a source votes, given the truth, if it is as often right as a vote is on average."""
        cast = np.count_nonzero(votes >= 0, axis=0)
        right = float(self.accuracies_ @ cast) / max(float(cast.sum()), 1.0)
        return np.where(np.eye(self._k, dtype=np.bool_), right, (1.0 - right) / (self._k - 1))

    def _n_lfs(self) -> int:
        return len(self._require("accuracies_"))

    def _learned(self) -> dict[str, Any]:
        return {
            "accuracies": self.accuracies_.tolist(),
            "discounts": self.discounts_.tolist(),
            "confusion": self.confusion_.tolist(),
            "class_balance": self.class_balance_.tolist(),
            "spread": self.spread_,
            "nats": [None if np.isnan(value) else value for value in self.nats_.tolist()],
            "shares": self.shares_.tolist(),
            "temperatures": self.temperatures_.tolist(),
        }

    def _restore(self, state: Mapping[str, Any]) -> None:
        k, m = self._k, len(state["accuracies"])
        self.accuracies_ = numbers_within(state["accuracies"], (m,), SMALLEST, 1.0 - 1e-9)
        self.discounts_ = numbers_within(state["discounts"], (m,), 0.0, 1.0)
        self.confusion_ = numbers_within(state["confusion"], (m, k, k), SMALLEST, 1.0 + ROUNDING)
        self.class_balance_ = numbers_within(state["class_balance"], (k,), SMALLEST, 1.0 + ROUNDING)
        self.spread_ = number_within(state["spread"], -LARGEST, 1.0 + ROUNDING)
        known = [0.0 if value is None else value for value in state["nats"]]
        nats = numbers_within(known, (len(PARTS),), 0.0, LARGEST)
        self.nats_ = np.where([value is None for value in state["nats"]], np.nan, nats)
        self.shares_ = numbers_within(state["shares"], (len(PARTS),), 0.0, 1.0 + ROUNDING)
        self.temperatures_ = numbers_within(state["temperatures"], (len(PARTS),), 1.0, LARGEST)
