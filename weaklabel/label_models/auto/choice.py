"""What `auto` has chosen: a fitted model, and how its log-probabilities are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from weaklabel.label_models.auto.averaged import Averaged
from weaklabel.label_models.base import LabelModel
from weaklabel.label_models.k_class.cast_votes import votes_per_class
from weaklabel.label_models.k_class.dawid_skene import DawidSkene
from weaklabel.label_models.k_class.majority_vote import MajorityVote
from weaklabel.label_models.k_class.moments import Moments
from weaklabel.label_models.k_class.one_sided import OneSided
from weaklabel.label_models.k_class.triplet import Triplet
from weaklabel.label_models.k_class.vote_model import VoteModel, softmax
from weaklabel.label_models.k_class.weighted_vote import WeightedVote
from weaklabel.label_models.pair.model import PairModel
from weaklabel.label_models.without_gold import count_logit, shares_of_count
from weaklabel.types import FloatArray, Int8Array, PairFeatures

KINDS: Final[Mapping[str, type[LabelModel]]] = {
    kind.name: kind
    for kind in (MajorityVote, WeightedVote, DawidSkene, OneSided, Triplet, Moments, PairModel)
}
"""What gold can choose, by name."""

SAVED: Final[Mapping[str, type[LabelModel]]] = {**KINDS, Averaged.name: Averaged}
"""What a saved choice may be; `averaged` is what votes on classes choose, and so stands among the candidates as that."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A fitted model and how its log-probabilities are read: divided, mixed with the count, divided again.

    Attributes:
        model: fitted, of pairs or of classes.
        why: one sentence.
        temperature: float > 0, divides the model's log-probabilities.
        hedge: float in [0, 1], weight of the count: of the smoothed shares of votes for classes, of their log-odds for pairs.
        gold_temperature: float > 0, divides what comes out.
    """

    model: LabelModel
    why: str = ""
    temperature: float = 1.0
    hedge: float = 0.0
    gold_temperature: float = 1.0

    def log_probabilities(
        self, votes: Int8Array, margins: ArrayLike | None = None, features: PairFeatures | None = None
    ) -> FloatArray:
        """`(n, k)` float64, up to a constant per row."""
        if not isinstance(self.model, VoteModel) or self.model.n_classes is None:
            logit = self.logit(votes, margins, features)
            return np.asarray(np.column_stack([np.zeros(len(logit)), logit]), dtype=np.float64)
        p = softmax(self.model.log_scores(votes) / self.temperature)
        counted = softmax(np.log1p(votes_per_class(votes, self.model.n_classes)))
        mixed = (1.0 - self.hedge) * p + self.hedge * counted
        return np.asarray(np.log(np.maximum(mixed, 1e-300)) / self.gold_temperature, dtype=np.float64)

    def logit(
        self, votes: Int8Array, margins: ArrayLike | None = None, features: PairFeatures | None = None
    ) -> FloatArray:
        """`(n,)` float64 log-odds that B wins; for pairs."""
        logit = self.model.predict_logit(votes, margins=margins, features=features) / self.temperature
        if self.hedge:
            logit = (1.0 - self.hedge) * logit + self.hedge * count_logit(votes)
        return np.asarray(logit / self.gold_temperature, dtype=np.float64)

    def contributions(
        self, votes: Int8Array, margins: ArrayLike | None = None, features: PairFeatures | None = None
    ) -> FloatArray | None:
        """The shares that add up to `logit`, `(n, n_lfs + extra)`, or None where the model has none."""
        shares = self.model.contributions(votes, margins=margins, features=features)
        if shares is None:
            return None
        shares = shares / self.temperature
        if self.hedge:  # only models of votes alone are mixed with the count
            shares = (1.0 - self.hedge) * shares + self.hedge * shares_of_count(votes)
        return np.asarray(shares / self.gold_temperature, dtype=np.float64)


def candidates(n_classes: int | None) -> dict[str, type[LabelModel]]:
    """The kinds that may be chosen: for pairs the antisymmetric ones, for classes those that take classes."""
    if n_classes is None:
        return {name: kind for name, kind in KINDS.items() if kind.antisymmetric}
    return {name: kind for name, kind in KINDS.items() if issubclass(kind, VoteModel)}


def new_model(kind: type[LabelModel], n_classes: int | None, seed: int) -> LabelModel:
    """A model of that kind, not fitted, with its defaults."""
    return kind(n_classes=n_classes) if issubclass(kind, VoteModel) else PairModel(seed=seed)
