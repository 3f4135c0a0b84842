"""`auto`: chooses a label model, by gold where there is some, by the votes where there is none, and says why.

**By gold.** Every candidate answers without gold (or, if it learns from gold, without the gold of the fold it is
judged on), its temperature is fitted on the other folds, and the lowest cross-validated NLL wins. Folds never
divide a prompt.

**By the votes**, in this order:

1. Fewer than `min_rows` rows with two votes: nothing can be learned from agreement. `majority_vote`.
2. Votes on pairs: `pair_model` where there are margins, which it alone uses, else `moments`. Either is as sure as held-out
   votes allow, and a fifth of the logit is the mere count (`without_gold.py`).
3. More than half of the votes come from LFs that only ever vote one class: `one_sided`, for such LFs cannot be
   contradicted by their own votes, and the votes do not say how common the classes are.
4. A crowd, sources that vote for the classes in much the same shares (`balance.py`: spread below .3): nothing is chosen.
   `moments` and confusion matrices are averaged, and a fifth is the mere count (`averaged.py`).
5. Otherwise, rules that are not quite one-sided, from plain to rich: `moments` (one accuracy per LF, dependence
   discounted), `dawid_skene` (errors that differ by class), and `dawid_skene` with an estimated balance. Each is fitted on
   one half of the rows and must foretell each vote of the other half from the rest of its row (`held_out_votes.py`); votes
   that others echo count for as much less as `moments` finds. The richer model is taken where it does so better by a
   hundredth of the nats, or more. Held-out votes also give the temperature T, how much too sure independent votes would
   make the model, and the answer is `(1 - h) * model + h * smoothed shares of votes` with `h = .05 + .2 (1 - 1/T)`.

What all sources get wrong together shows in no vote; so no answer is ever the model's alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from weaklabel._validation import number_within, saved_texts
from weaklabel.errors import ConfigError
from weaklabel.label_models.auto.choice import SAVED, Choice
from weaklabel.label_models.auto.gold import Data, choose_by_gold, gold_shares
from weaklabel.label_models.auto.votes import choose_by_votes
from weaklabel.label_models.base import LARGEST, LabelModel, Observed
from weaklabel.label_models.k_class.vote_model import KClassModel
from weaklabel.types import FloatArray, Int8Array, PairFeatures


class Auto(KClassModel):
    """The label model that gold, or else the votes, speak for; how it decides stands at the top of this file.

    It reads silence as the chosen model does. For pairs every candidate is antisymmetric, and so is the choice.

    Args:
        n_classes: None for votes on pairs, else the number of classes.
        min_gold: fewer rows with gold than this cannot choose; 50.
        min_rows: fewer rows with two votes than this cannot choose either; 20.
        seed: of the halves and folds.

    Attributes, after `fit`:
        chosen_: name of the model chosen; `averaged` for a crowd.
        why_: one sentence: what was compared, and what came out.
        model_: the chosen model, fitted.
        temperature_: float >= 1, divides its log-probabilities; from held-out votes, and 1 for a model that has seen to it.
        hedge_: float in [0, .25], weight of the count in the answer, as `Choice` mixes it; 0 for a model that holds it.
        gold_temperature_: float > 0, divides the log-probabilities of the answer; fitted on gold, 1 without.
        held_out_: `(n_pairs,)` float64, for each gold pair the logit of what would have been chosen, and of how sure it
            would be, had the gold of a fifth of the prompts, the pair's own among them, not been looked at; NaN
            elsewhere. None for classes, and where gold was too scarce.

    >>> rng = np.random.default_rng(0)
    >>> truth = rng.integers(2, size=(2000, 1))
    >>> L = np.where(rng.random((2000, 5)) < [0.9, 0.8, 0.7, 0.7, 0.6], truth, 1 - truth)
    >>> model = Auto(n_classes=2).fit(L)
    >>> model.chosen_, model.why_.split(": ")[1]
    ('averaged', 'a crowd (spread 0.00, below 0.3)')
    """

    name: ClassVar[str] = "auto"
    uses_gold: ClassVar[bool] = True

    def __init__(
        self, *, n_classes: int | None = None, min_gold: int = 50, min_rows: int = 20, seed: int = 0
    ) -> None:
        self.n_classes, self.seed = n_classes, seed
        self.min_gold, self.min_rows = min_gold, min_rows

    @property
    def uses_features(self) -> bool:
        """Whether the texts' features are of use: for pairs, until a model was chosen that has no use for them."""
        model: LabelModel | None = getattr(self, "model_", None)
        return self.n_classes is None if model is None else model.uses_features

    @property
    def extra_names(self) -> tuple[str, ...]:
        """As the chosen model's."""
        return self._chosen().extra_names

    @property
    def remarks(self) -> tuple[str, ...]:
        """Which model answers, and why."""
        return (f"auto answers with {self._chosen().name}: {self.why_}.",)

    def predict_logit(
        self, L: ArrayLike, *, margins: ArrayLike | None = None, features: PairFeatures | None = None
    ) -> FloatArray:
        votes = self._asked(L)
        self._refuse_logit_of_classes()
        return self._choice().logit(votes, margins, features)

    def contributions(
        self, L: ArrayLike, *, margins: ArrayLike | None = None, features: PairFeatures | None = None
    ) -> FloatArray | None:
        votes = self._asked(L)
        self._refuse_logit_of_classes()
        return self._choice().contributions(votes, margins, features)

    def log_scores(self, votes: Int8Array) -> FloatArray:
        return self._choice().log_probabilities(votes)

    def _learn(self, seen: Observed) -> None:
        self._check_ranges()
        self.held_out_ = None
        data = Data(seen, gold_shares(seen.gold, self.n_classes), self.n_classes)
        choice = choose_by_votes(seen.votes, seen.margins, self.n_classes, self.min_rows, self.seed)
        if data.known.sum() >= self.min_gold and len(np.unique(seen.prompts[data.known])) >= 2:
            choice, held_out = choose_by_gold(data, choice, self.seed)
            if held_out is not None:
                self.held_out_ = np.full(len(seen.votes), np.nan)
                self.held_out_[data.known] = held_out
        self._keep(choice)

    def _check_ranges(self) -> None:
        if self.min_gold < 10 or self.min_rows < 2:
            raise ConfigError(
                f"auto: min_gold is {self.min_gold}, min_rows {self.min_rows}. "
                "Allowed: min_gold >= 10 and min_rows >= 2."
            )

    def _keep(self, choice: Choice) -> None:
        self.chosen_, self.why_, self.model_ = choice.model.name, choice.why, choice.model
        self.temperature_, self.hedge_ = choice.temperature, choice.hedge
        self.gold_temperature_ = choice.gold_temperature

    def _choice(self) -> Choice:
        model = self._chosen()
        return Choice(model, self.why_, self.temperature_, self.hedge_, self.gold_temperature_)

    def _chosen(self) -> LabelModel:
        model: LabelModel = self._require("model_")
        return model

    def _n_lfs(self) -> int:
        return self._chosen()._n_lfs()

    def _learned(self) -> dict[str, Any]:
        return {
            "model": self.model_.to_dict(),
            "why": self.why_,
            "temperature": self.temperature_,
            "hedge": self.hedge_,
            "gold_temperature": self.gold_temperature_,
        }

    def _restore(self, state: Mapping[str, Any]) -> None:
        model = SAVED[state["model"]["name"]].from_dict(state["model"])
        (why,) = saved_texts([state["why"]])
        most = {
            "temperature": (1.0, LARGEST),
            "hedge": (0.0, 1.0),
            "gold_temperature": (1 / LARGEST, LARGEST),
        }
        numbers = [number_within(state[key], *ends) for key, ends in most.items()]
        if model.n_classes != self.n_classes:
            raise ValueError(f"the chosen model has {model.n_classes} classes, auto {self.n_classes}")
        self._keep(Choice(model, why, *numbers))
