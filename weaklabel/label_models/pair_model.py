"""`pair_model`: a label model made for pairs, from votes and margins, with and without gold.

The log-odds that B wins are a sum over labeling functions, `logit = sum_j beta_j * e_j`, where the effect
`e_j` in [-1, 1] grows with the LF's margin, saturates, and is odd: turning the pair round flips its sign. So
turning the pair round flips the logit exactly, there is no intercept that could favour a position, and each
LF's share of the logit can be read off.

**Without gold** the weights come from how the LFs move together. Let `C = E[e e']` be the second moments of
the effects and `mu` the mean effect on pairs where B is better. For a latent class with balance one half the
best linear rule is Fisher's discriminant (Fisher 1936), `beta = 2 (C - mu mu')^-1 mu`. `mu` is read off `C`,
where LFs that err independently agree only through the truth, together with the belief that an LF somebody
bothered to write is right six times in ten. Because the rule divides by the covariance, five copies of one LF
share one LF's weight: dependence is learned, not declared. Weights are held at or above zero, since nothing but
gold can tell that an LF is below chance.

**With gold** the weights are the maximum a posteriori of a logistic regression through the origin, whose
Gaussian prior is centred on the weights found without gold. How tightly it holds to them, whether to them or
to zero, and how sharply effects saturate, is chosen by cross-validated NLL over folds of prompts. With little
gold it stays with the agreement of the LFs; with much it listens to people.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Self

import numpy as np
from numpy.typing import ArrayLike
from threadpoolctl import threadpool_limits

from weaklabel._validation import check_gold, check_label_matrix, check_margins
from weaklabel.groups import folds_by_prompt
from weaklabel.label_models.agreement import agreement_weights
from weaklabel.label_models.base import LabelModel
from weaklabel.label_models.map_logistic import map_logistic, nll_of_logit
from weaklabel.label_models.vote_weights import sum_of_weights
from weaklabel.types import Float32Array, FloatArray, Int8Array, signed_votes

# How sharply an effect saturates, as a share of the LF's median margin; 0 takes the votes and leaves the margins.
# The first is what stands where there is no gold, or too little, to choose.
_SHAPES: Final = (0.3, 1.0, 0.0)
# Inverse prior variance of a standardised weight, from "trust gold" to "trust the prior".
_STRENGTHS: Final = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)
# How much of the agreement weights the prior is centred on; LFs that share a bias agree too well, so mostly little.
_SHARES: Final = (1.0, 0.5, 0.25, 0.1, 0.05, 0.0)
_N_FOLDS: Final = 5
# Fewer gold pairs than this cannot choose between priors: the tightest hold on the agreement prior is kept.
_MIN_GOLD: Final = 20


@dataclass(frozen=True, slots=True)
class Hold:
    """How the prior holds the weights: `strength` is its inverse variance, `share` scales its centre."""

    strength: float
    share: float
    nll: float | None = None


@dataclass(frozen=True, slots=True)
class _Fit:
    """What fitting one shape of margin effects gave."""

    scale: FloatArray
    prior: FloatArray
    weights: FloatArray
    hold: Hold | None


class PairModel(LabelModel):
    """Antisymmetric, additive label model for pairs.

    Args:
        seed: draws the inner folds of prompts.

    Attributes, after `fit`:
        scale_: `(n_lfs,)` float64, the margin at which an LF's effect is half of its largest; NaN where the
            effect is the vote: for LFs without margins, or for all of them where votes predicted gold better.
        prior_: `(n_lfs,)` float64 >= 0, weights learned without gold, log-odds per unit of effect.
        weights_: `(n_lfs,)` float64, the weights in force, log-odds per unit of effect.
        hold_: how the prior was weighed against gold; None without gold, without an `nll` where there was
            too little to compare.

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
    weights_: FloatArray
    hold_: Hold | None

    def __init__(self, *, seed: int = 0) -> None:
        self.seed = seed

    def fit(
        self,
        L: ArrayLike,
        *,
        margins: ArrayLike | None = None,
        y: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Self:
        votes = check_label_matrix(L)
        gaps = check_margins(margins, votes)
        gold = check_gold(y, len(votes))
        rows = np.arange(len(votes)) if groups is None else np.asarray(groups)
        known = ~np.isnan(gold)
        # The matrices are small: threads of BLAS would only wait for each other, and round by their number.
        with threadpool_limits(1, user_api="blas"):
            fits = [self._fit_shape(shape, votes, gaps, gold[known], rows[known], known) for shape in _SHAPES]
        best = min(fits, key=lambda fit: fit.hold.nll if fit.hold and fit.hold.nll is not None else np.inf)
        self.scale_, self.prior_, self.weights_, self.hold_ = best.scale, best.prior, best.weights, best.hold
        return self

    def predict_logit(self, L: ArrayLike, *, margins: ArrayLike | None = None) -> FloatArray:
        return sum_of_weights(self.contributions(L, margins=margins))

    def contributions(self, L: ArrayLike, *, margins: ArrayLike | None = None) -> FloatArray:
        weights: FloatArray = self._require("weights_")
        votes = check_label_matrix(L, n_lfs=len(weights))
        return margin_effects(votes, check_margins(margins, votes), self.scale_) * weights

    def to_dict(self) -> dict[str, Any]:
        self._require("weights_")
        return {
            "name": self.name,
            "seed": self.seed,
            "scale": [None if np.isnan(s) else float(s) for s in self.scale_],
            "prior": self.prior_.tolist(),
            "weights": self.weights_.tolist(),
            "hold": None if self.hold_ is None else [self.hold_.strength, self.hold_.share, self.hold_.nll],
        }

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> Self:
        model = cls(seed=state["seed"])
        model.scale_ = np.array([np.nan if s is None else s for s in state["scale"]], dtype=np.float64)
        model.prior_ = np.array(state["prior"], dtype=np.float64)
        model.weights_ = np.array(state["weights"], dtype=np.float64)
        model.hold_ = None if state["hold"] is None else Hold(*state["hold"])
        return model

    def _fit_shape(
        self, shape: float, L: Int8Array, margins: Float32Array, y: FloatArray, groups: Any, known: Any
    ) -> _Fit:
        scale = half_margins(margins) * (shape or np.nan)
        effects = margin_effects(L, margins, scale)
        prior = agreement_weights(effects)
        # Standardised columns, so that one strength means the same for every LF; silent LFs keep weight 0.
        spread = np.sqrt((effects**2).mean(axis=0)) if len(effects) else np.zeros(effects.shape[1])
        if not len(y) or not spread.any():
            return _Fit(scale, prior, prior, None)
        unit = np.sqrt(np.where(spread > 0, spread, 1.0))
        X, centre = effects[known] / unit, prior * unit
        hold = self._choose_hold(X, y, groups, centre)
        beta = map_logistic(X, y, centre * hold.share, hold.strength)
        return _Fit(scale, prior, np.where(spread > 0, beta / unit, 0.0), hold)

    def _choose_hold(self, X: FloatArray, y: FloatArray, groups: Any, centre: FloatArray) -> Hold:
        n_prompts = len(np.unique(groups))
        if len(y) < _MIN_GOLD or n_prompts < 2:
            return Hold(_STRENGTHS[-1], 1.0)
        folds = folds_by_prompt(groups, min(_N_FOLDS, n_prompts), self.seed)
        tried = [
            Hold(strength, share, nll)
            for share in _SHARES
            for strength, nll in zip(_STRENGTHS, _held_out_nll(X, y, folds, centre * share), strict=True)
        ]
        return min(tried, key=lambda hold: hold.nll or 0.0)


def half_margins(margins: Float32Array) -> FloatArray:
    """`(n_lfs,)` float64: the median size of an LF's non-zero margins, NaN where it has none.

    The median does not change when rows are turned round, and one wild margin does not move it.
    """
    size = np.abs(margins.astype(np.float64))
    size[~np.isfinite(size) | (size == 0)] = np.nan
    scale = np.full(size.shape[1], np.nan)
    for j in np.flatnonzero(~np.isnan(size).all(axis=0)):
        scale[j] = np.nanmedian(size[:, j])
    return scale


def margin_effects(L: Int8Array, margins: Float32Array, scale: FloatArray) -> FloatArray:
    """Effects in [-1, 1], `(n_pairs, n_lfs)` float64: `m / (|m| + scale)`, odd and saturating.

    At the scale the effect is one half, so "12 words longer" and "400 words longer" differ, and "4,000" hardly
    adds. Where an LF has no margin (or it is infinite) the effect is the vote itself.

    >>> margin_effects(np.array([[1, -1]], np.int8), np.array([[3.0, np.nan]], np.float32), np.array([1.0, np.nan]))
    array([[0.75, 0.  ]])
    """
    gap = margins.astype(np.float64)
    with np.errstate(invalid="ignore"):
        effect = gap / (np.abs(gap) + scale)
    return np.where(np.isfinite(effect), effect, signed_votes(L))


def _held_out_nll(X: FloatArray, y: FloatArray, folds: Any, centre: FloatArray) -> list[float]:
    """NLL in nats per pair under each of `_STRENGTHS`, every row judged by the other folds."""
    total = np.zeros(len(_STRENGTHS))
    for fold in np.unique(folds):
        held = folds == fold
        beta = None  # the tightest hold first: each solution starts the next
        for k in reversed(range(len(_STRENGTHS))):
            beta = map_logistic(X[~held], y[~held], centre, _STRENGTHS[k], start=beta)
            total[k] += nll_of_logit(X[held] @ beta, y[held]).sum()
    return [float(v) for v in total / len(y)]
