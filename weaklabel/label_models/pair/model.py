"""`pair_model`: a label model made for pairs, from votes, margins and texts, with and without gold.

The log-odds that B wins are a sum over labeling functions of their effects times weights, plus, where gold
supports it, one term per view of the texts. An effect grows with the LF's margin, saturates, and is odd: turning
the pair round flips its sign. So turning the pair round flips the logit exactly, there is no intercept that could
favour a position, and each term's share of the logit can be read off.

**Without gold** the weights come from how the LFs move together. Let `C = E[e e']` be the second moments of
the effects and `mu` the mean effect on pairs where B is better. For a latent class with balance one half the
best linear rule is Fisher's discriminant (Fisher 1936), `beta = 2 (C - mu mu')^-1 mu`. `mu` is read off `C`,
where LFs that err independently agree only through the truth, together with the belief that an LF somebody
bothered to write is right six times in ten. Because the rule divides by the covariance, five copies of one LF
share one LF's weight: dependence is learned, and what is declared is honoured. Weights are held at or above zero,
since nothing but gold can tell that an LF is below chance. Where there are no margins and nothing is declared, the
weights are those of `moments`, which can tell. Either says how the votes move together, and so is far too sure: how sure
the answer may be, held-out votes say, and a fifth of it is the mere count of votes (`without_gold.py`).

**With gold** the model is a mixture of logistic regressions through the origin, the recipes of `recipes.py`.
They differ in the shape of the effects (the vote, two saturating curves, effects brought to one size), in how far
they start from the weights that agreement gave, in which views of the texts take part (words, characters, layout,
style), and in whether an LF's weight may depend on the prompt's words. Each recipe is fitted to all gold and
judged on prompts left out; the mixture is what predicts those best, held towards equal shares. A sum of linear
rules is a linear rule, so the mixture is kept as one set of weights.

**Silence.** An abstain says nothing about the winner: it adds 0 to the logit. An LF that has a margin has not
fallen silent by abstaining, since the margin still says which way and how little. An LF that only ever votes for
one side is taken as any other: sides are drawn by chance, so its votes carry what they carry.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from weaklabel._validation import check_margins, number_within, numbers_within
from weaklabel.errors import ConfigError, LabelMatrixError
from weaklabel.label_models.additive import sum_of_weights
from weaklabel.label_models.agreement_weights import agreement_weights
from weaklabel.label_models.base import LARGEST, ROUNDING, LabelModel, Observed, check_feature_rows
from weaklabel.label_models.k_class.moments import Moments
from weaklabel.label_models.pair.effects import SHAPES, half_margins, margin_effects
from weaklabel.label_models.pair.mixture import Gold, Weights, learn, too_scarce
from weaklabel.label_models.pair.odd_blocks import odd_blocks
from weaklabel.label_models.pair.recipes import Recipe
from weaklabel.label_models.without_gold import (
    COUNT_SHARE,
    factor_of_votes,
    rows_to_hold_out,
    shares_of_count,
)
from weaklabel.logistic import one_thread
from weaklabel.types import FloatArray, PairFeatures

_PARTS: Final = frozenset({*SHAPES, "even", "words", "characters", "layout", "style", "gate", "agreement"})


class PairModel(LabelModel):
    """Antisymmetric, additive label model for pairs.

    Args:
        text: whether the responses' own words, layout and style, and the prompt's words, may be used where there
            is gold to learn from. Without them the model sees votes and margins alone.
        declared: groups of columns of `L` that are known to depend on one another, such as two prompts of one
            judge. Dependence is learned anyway; this spares it the learning.
        leave_out: parts that recipes go without, to see what they are worth: `sharp`, `wide`, `votes`, `even` (shapes
            of the effects), `words`, `characters`, `layout`, `style` (views), `gate` (weights that depend on the
            prompt), `agreement` (the start from the weights learned without gold).
        seed: draws the folds in which the mixture is checked.

    Attributes, after `fit`:
        scale_: `(n_lfs,)` float64, median size of the LF's margins; NaN for an LF without margins.
        prior_: `(n_lfs,)` float64 >= 0, weights of the sharp effects learned without gold.
        weights_: `Weights` in force.
        count_share_: float in [0, 1], what the log-odds of the mere count of votes are multiplied by in the logit: .2
            without gold, or with too little of it to judge the recipes; else 0.
        factor_: float in (0, 1], by what the weights learned without gold were multiplied, as held-out votes ask, so that
            they are not too sure; 1 where gold took their place.
        mixture_: `(recipe, its share)`, largest share first; empty where gold was too scarce to judge.
        held_out_: `(n_pairs,)` float64, for each gold pair the logit of the model had its prompt been left out
            (every recipe's in closed form, see `leave_out.py`; beyond 1,500 gold pairs by five folds, and there
            the shares of the recipes alone saw all gold); NaN elsewhere. None where gold was too scarce.

    >>> L = np.array([[1, 1], [0, 0], [1, -1], [0, 1]])
    >>> model = PairModel().fit(L)
    >>> logit = model.predict_logit(L)
    >>> bool(logit[0] > logit[2] > 0), bool((model.predict_logit(1 - L[:2]) == -logit[:2]).all())
    (True, True)
    """

    name: ClassVar[str] = "pair_model"
    uses_gold: ClassVar[bool] = True

    scale_: FloatArray
    prior_: FloatArray
    weights_: Weights
    count_share_: float
    factor_: float
    mixture_: tuple[tuple[Recipe, float], ...]
    held_out_: FloatArray | None

    def __init__(
        self,
        *,
        text: bool = True,
        declared: Sequence[Sequence[int]] = (),
        leave_out: Sequence[str] = (),
        seed: int = 0,
    ) -> None:
        self.text, self.seed = text, seed
        self.declared, self.leave_out = declared, leave_out

    @property
    def uses_features(self) -> bool:
        """Whether `fit` can make use of `PairFeatures`; after `fit`, whether predicting needs them."""
        weights: Weights | None = getattr(self, "weights_", None)
        return self.text if weights is None else bool(weights.views) or weights.gate is not None

    @property
    def extra_names(self) -> tuple[str, ...]:
        """Names of the contributions that follow those of the LFs: one per view of the texts."""
        return tuple(f"text:{name}" for name in self._require("weights_").views)

    @property
    def remarks(self) -> tuple[str, ...]:
        """How sure an answer is that gold did not judge; nothing where it did."""
        if not self.count_share_:
            return ()
        return (
            f"pair_model had too little gold to judge it: the log-odds by agreement were divided by {1 / self.factor_:.1f}, as "
            "held-out votes ask, and a fifth of the answer is the mere count of votes.",
        )

    def _learn(self, seen: Observed) -> None:
        votes, gaps = seen.votes, seen.margins
        self._check_ranges(votes.shape[1])
        with one_thread():
            self.scale_ = half_margins(gaps)
            sharp = margin_effects(votes, gaps, self.scale_ * SHAPES["sharp"])
            self.prior_ = agreement_weights(sharp, self.declared)
            self.weights_, self.mixture_, self.held_out_ = Weights({"sharp": self.prior_}), (), None
            self.factor_, self.count_share_ = 1.0, 0.0
            known = np.flatnonzero(~np.isnan(seen.gold))
            if scarce := too_scarce(seen.prompts[known]):
                self._learn_from_votes(seen, sharp)
            if len(known) and sharp.any():
                self._learn_from_gold(seen, known, np.sqrt((sharp**2).mean(axis=0)), scarce=scarce)

    def _learn_from_votes(self, seen: Observed, sharp: FloatArray) -> None:
        moments = Moments().fit(seen.votes)
        plain = seen.given_margins is None or not np.isfinite(seen.given_margins).any()
        start = moments.evidence()[:, 1, 1] if plain and not self.declared else self.prior_
        rows = rows_to_hold_out(seen.votes)
        self.factor_ = factor_of_votes(seen.votes[rows], sharp[rows] * start, moments.discounts_)
        self.count_share_ = COUNT_SHARE
        self.weights_ = Weights({"sharp": (1.0 - COUNT_SHARE) * self.factor_ * start})

    def _learn_from_gold(
        self, seen: Observed, known: NDArray[np.intp], spread: FloatArray, *, scarce: bool
    ) -> None:
        votes, gaps = seen.votes[known], seen.margins[known]
        effects = self._effects(votes, gaps)
        texts = seen.features.take(known) if seen.features is not None and self.text else None
        start, agreed = self.prior_, effects["sharp"] @ self.prior_
        if scarce:  # then gold only corrects what votes say, and that is the answer without gold
            start, agreed = self.weights_.effects["sharp"], self.predict_logit(votes, margins=gaps)
        gold = Gold(seen.gold[known], seen.prompts[known], agreed, self.seed)
        learned = learn(odd_blocks(effects, spread, texts), gold, start, self.leave_out)
        if {"agreement", "sharp"} & set(self.leave_out):
            self.factor_, self.count_share_ = 1.0, 0.0
        self.weights_, self.mixture_ = learned.weights, learned.mixture
        if learned.held_out is not None:
            self.held_out_ = np.full(len(seen.votes), np.nan)
            self.held_out_[known] = learned.held_out

    def predict_logit(
        self, L: ArrayLike, *, margins: ArrayLike | None = None, features: PairFeatures | None = None
    ) -> FloatArray:
        """`(n_pairs,)` float64 log-odds that B wins; `features` of the same pairs where `uses_features`."""
        return sum_of_weights(self.contributions(L, margins=margins, features=features))

    def contributions(
        self, L: ArrayLike, *, margins: ArrayLike | None = None, features: PairFeatures | None = None
    ) -> FloatArray:
        """`(n_pairs, n_lfs + len(extra_names))` float64: the LFs' shares of the logit, then the views'."""
        weights: Weights = self._require("weights_")
        votes = self._asked(L)
        effects = self._effects(votes, check_margins(margins, votes))
        shares: Any = sum(effects[shape] * w for shape, w in weights.effects.items())
        if self.count_share_:
            shares = shares + self.count_share_ * shares_of_count(votes)
        if not self.uses_features:
            return np.asarray(shares, dtype=np.float64)
        if features is None:
            raise LabelMatrixError(
                "this pair_model learned from the texts too, so votes alone are not enough to predict. "
                "Pass features=pair_features(pairs), or fit it with text=False."
            )
        check_feature_rows(features, len(votes))
        self._check_widths(weights, features)
        if weights.gate is not None and features.context is not None:
            shares = shares + effects["sharp"] * np.asarray(features.context @ weights.gate)
        views = [features.views[name] @ w for name, w in weights.views.items()]
        return np.column_stack([shares, *views])

    def _n_lfs(self) -> int:
        return len(self._require("scale_"))

    def _learned(self) -> dict[str, Any]:
        weights = self.weights_
        return {
            "scale": [None if np.isnan(s) else float(s) for s in self.scale_],
            "prior": self.prior_.tolist(),
            "effects": {shape: w.tolist() for shape, w in weights.effects.items()},
            "views": {name: _packed(w) for name, w in weights.views.items()},
            "gate": None if weights.gate is None else _packed(weights.gate),
            "count_share": self.count_share_,
            "factor": self.factor_,
            "mixture": [[dict(r.variance), r.share, share] for r, share in self.mixture_],
        }

    def _restore(self, state: Mapping[str, Any]) -> None:
        scale, m = state["scale"], len(state["scale"])
        known = numbers_within([1.0 if s is None else s for s in scale], (m,), 1e-60, 1e60)
        self.scale_ = np.where([s is None for s in scale], np.nan, known)
        self.prior_ = numbers_within(state["prior"], (m,), 0.0, LARGEST)
        gate = None if state["gate"] is None else _unpacked(state["gate"]).reshape(-1, m)
        # A saved file sorts its keys; sums are taken in the order of the shapes, so that they stay the same to the bit.
        shapes = [shape for shape in SHAPES if shape in state["effects"]]
        self.weights_ = Weights(
            {shape: numbers_within(state["effects"][shape], (m,), -LARGEST, LARGEST) for shape in shapes},
            {name: _unpacked(state["views"][name]) for name in sorted(state["views"])},
            gate,
        )
        if len(shapes) != len(state["effects"]):
            raise ValueError(f"it has effects of {', '.join(sorted(state['effects']))[:60]}")
        self.mixture_ = tuple(_recipe(*entry) for entry in state["mixture"])
        # A model of an older version answers as it did.
        self.count_share_ = number_within(state.get("count_share", 0.0), 0.0, 1.0)
        self.factor_ = number_within(state.get("factor", 1.0), 0.0, 1.0)
        self._check_ranges(m)
        self.held_out_ = None

    def _effects(self, L: Any, margins: Any) -> dict[str, FloatArray]:
        return {name: margin_effects(L, margins, self.scale_ * shape) for name, shape in SHAPES.items()}

    def _check_widths(self, weights: Weights, features: PairFeatures) -> None:
        """Raises LabelMatrixError for features of another kind than those it was fitted on."""
        given = {name: view.shape[1] for name, view in features.views.items()}
        fitted = {name: len(w) for name, w in weights.views.items()}
        if weights.gate is not None and features.context is not None:
            given["context"], fitted["context"] = features.context.shape[1], len(weights.gate)
        if other := sorted(name for name, width in fitted.items() if given.get(name) != width):
            raise LabelMatrixError(
                f"pair_model was fitted on {fitted[other[0]]} columns of {other[0]!r}, the features have "
                f"{given.get(other[0], 'none')}. Pass pair_features(pairs), or fit it again."
            )

    def _check_ranges(self, n_lfs: int) -> None:
        for part in self.leave_out:
            if part not in _PARTS:
                raise ConfigError(
                    f"pair_model: leave_out names {part!r}. Allowed: {', '.join(sorted(_PARTS))}."
                )
        wrong = [j for group in self.declared for j in group if not 0 <= j < n_lfs]
        if wrong:
            raise ConfigError(
                f"pair_model: declared names column {wrong[0]}, but L has {n_lfs} columns, 0 to {n_lfs - 1}."
            )


def _packed(values: FloatArray) -> str:
    return base64.b64encode(values.astype("<f8").tobytes()).decode("ascii")


def _unpacked(text: str) -> FloatArray:
    values = np.frombuffer(base64.b64decode(text, validate=True), dtype="<f8").astype(np.float64)
    if not (np.abs(values) <= LARGEST).all():  # False for NaN
        raise ValueError(f"a table of weights holds numbers beyond {LARGEST:g}, or none")
    return values


def _recipe(variance: Mapping[str, float], share: float, weight: float) -> tuple[Recipe, float]:
    found = {name: number_within(value, 0.0, LARGEST) for name, value in variance.items()}
    return Recipe(found, number_within(share, 0.0, 1.0)), number_within(weight, 0.0, 1.0 + ROUNDING)
