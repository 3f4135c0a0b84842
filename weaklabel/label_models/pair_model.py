"""`pair_model`: a label model made for pairs, from votes and margins, with and without gold.

The log-odds that B wins are a sum over labeling functions, `logit = sum_j beta_j * e_j`, where the effect
`e_j` in [-1, 1] grows with the LF's margin, saturates, and is odd: turning the pair round flips its sign. So
turning the pair round flips the logit exactly, there is no intercept that could favour a position, and each
LF's share of the logit can be read off.

**Without gold** the weights come from how the LFs move together. Let `C = E[e e']` be the second moments of
the effects and `mu` the mean effect on pairs where B is better. For a latent class with balance one half the
best linear rule is Fisher's discriminant (Fisher 1936), `beta = 2 (C - mu mu')^-1 mu`. `mu` is read off `C`,
where LFs that err independently agree only through the truth, together with the belief that an LF somebody
bothered to write is right six times in ten. Because the rule divides by the covariance, five copies of one LF share one LF's weight: dependence is learned, not declared. Weights are held at or
above zero, since nothing but gold can tell that an LF is below chance.

**With gold** the weights are the maximum a posteriori of a logistic regression through the origin, whose
Gaussian prior is centred on the weights found without gold. How tightly it holds to them, and whether to
them or to zero, is chosen by cross-validated NLL over folds of prompts. With little gold it stays with the
agreement of the LFs; with much it listens to people.
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
from weaklabel.label_models.base import LabelModel
from weaklabel.types import Float32Array, FloatArray, Int8Array, signed_votes

# The belief about an LF of which nothing is known: right six times in ten.
_PRIOR_ACCURACY: Final = 0.6
# Agreement beyond what this accuracy explains is read as dependence: LFs that share a bias (length, mostly)
# agree with each other more than with people, and without gold nothing else can tell.
_MAX_ACCURACY: Final = 0.85
# Added to each LF's own variance, as a share of it: near-copies then divide one weight instead of cancelling.
_RIDGE: Final = 0.05
# The prior belief about an LF's accuracy weighs as much as this many other LFs.
_PRIOR_LFS: Final = 2.0
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


class PairModel(LabelModel):
    """Antisymmetric, additive label model for pairs.

    Args:
        seed: draws the inner folds of prompts.

    Attributes, after `fit`:
        scale_: `(n_lfs,)` float64, the margin at which an LF's effect is half of its largest; NaN for LFs
            without margins, whose effect is their vote.
        prior_: `(n_lfs,)` float64 >= 0, weights learned without gold, log-odds per unit of effect.
        weights_: `(n_lfs,)` float64, the weights in force, log-odds per unit of effect.
        hold_: how the prior was weighed against gold; None where there was too little gold.

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
        self.scale_ = half_margins(gaps)
        effects = margin_effects(votes, gaps, self.scale_)
        self.prior_ = agreement_weights(effects)
        self.weights_, self.hold_ = self.prior_, None
        known = ~np.isnan(gold) & (effects != 0).any(axis=1)
        if known.any():
            rows = np.arange(len(votes)) if groups is None else np.asarray(groups)
            # The matrices are small: threads of BLAS would only wait for each other, and round by their number.
            with threadpool_limits(1, user_api="blas"):
                self.weights_, self.hold_ = self._with_gold(effects, effects[known], gold[known], rows[known])
        return self

    def predict_logit(self, L: ArrayLike, *, margins: ArrayLike | None = None) -> FloatArray:
        # A sum along the last axis, never a matrix product: BLAS rounds by the layout of the batch, and a
        # pair's logit must not depend on its neighbours.
        return np.asarray(self.contributions(L, margins=margins).sum(axis=1))

    def contributions(self, L: ArrayLike, *, margins: ArrayLike | None = None) -> FloatArray:
        weights: FloatArray = self._require("weights_")
        votes = check_label_matrix(L, n_lfs=len(weights))
        return margin_effects(votes, check_margins(margins, votes), self.scale_) * weights

    def to_dict(self) -> dict[str, Any]:
        self._require("weights_")
        return {
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

    def _with_gold(
        self, all_effects: FloatArray, effects: FloatArray, y: FloatArray, groups: Any
    ) -> tuple[FloatArray, Hold]:
        # Standardised columns, so that one strength means the same for every LF; silent LFs keep weight 0.
        spread = np.sqrt((all_effects**2).mean(axis=0))
        unit = np.where(spread > 0, spread, 1.0)
        X, centre = effects / unit, self.prior_ * unit
        hold = self._choose_hold(X, y, groups, centre)
        beta = map_logistic(X, y, centre * hold.share, hold.strength)
        return np.where(spread > 0, beta / unit, 0.0), hold

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


def agreement_weights(effects: FloatArray) -> FloatArray:
    """Weights without gold, `(n_lfs,)` float64 >= 0: Fisher's rule with the class means that agreement tells.

    Solves `min_w w' R w / 2 - mu' w` over `w >= 0`, where `R` is the covariance within a class: the second
    moments less `mu mu'`, the part that comes from the truth itself. What is left off the diagonal beyond its
    sampling error is dependence. A negative rest is read as zero: two LFs that disagree more often than chance
    are not for that reason precise. The logit is `2 w'e`: one LF alone gets the log-odds of its accuracy.
    """
    from scipy.optimize import nnls

    n, m = effects.shape
    size = np.abs(effects).mean(axis=0) if n else np.zeros(m)
    speaking = np.flatnonzero(size > 0)
    weights = np.zeros(m)
    if not len(speaking):
        return weights
    E = effects[:, speaking]
    C = E.T @ E / n
    mu = np.minimum(class_means(C, size[speaking]), (2 * _MAX_ACCURACY - 1) * size[speaking])
    own = np.diag(C) - mu**2
    noise = 2.0 * np.sqrt((E**2).T @ (E**2)) / n
    R = np.maximum(C - np.outer(mu, mu) - noise, 0.0)
    np.fill_diagonal(R, own * (1 + _RIDGE))
    # Clipping can cost positive definiteness: a floor under the spectrum gives it back.
    values, vectors = np.linalg.eigh(R)
    root = vectors * np.sqrt(np.maximum(values, _RIDGE * own.mean()))
    w, _ = nnls(root.T, np.linalg.solve(root, mu))
    weights[speaking] = 2 * w
    return weights


def class_means(C: FloatArray, size: FloatArray) -> FloatArray:
    """Mean effects where B is better, `(n_lfs,)` float64, from second moments alone.

    Independent LFs have `C_ij = mu_i mu_j` off the diagonal. We minimise `sum_ij |C_ij - mu_i mu_j|`, one
    coordinate at a time: `mu_i` is the median of `C_ij / mu_j` weighted by `mu_j`. The median, because
    dependence touches few pairs of LFs but by a lot: five copies among twenty do not move it (least squares
    would follow them). The prior belief enters as so many further LFs. Held between the sizes that accuracies
    of .5 and .95 would give.

    Args:
        C: `(m, m)` float64 second moments of the effects.
        size: `(m,)` float64 mean absolute effects, all positive.
    """
    prior = (2 * _PRIOR_ACCURACY - 1) * size
    mu = prior.copy()
    others = ~np.eye(len(mu), dtype=np.bool_)
    for _ in range(50):
        before = mu.copy()
        for i in range(len(mu)):
            j = others[i]
            ratios = np.append(C[i, j] / np.maximum(mu[j], 1e-12), prior[i])
            weights = np.append(mu[j], _PRIOR_LFS * prior.mean())
            mu[i] = np.clip(_weighted_median(ratios, weights), 0.0, 0.9 * size[i])
        if np.abs(mu - before).max() < 1e-9:
            break
    return mu


def _weighted_median(values: FloatArray, weights: FloatArray) -> float:
    order = np.argsort(values, kind="stable")
    total = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(total, total[-1] / 2)])


def map_logistic(
    X: FloatArray, y: FloatArray, centre: FloatArray, strength: float, start: FloatArray | None = None
) -> FloatArray:
    """Weights `(m,)` that minimise `sum_i nll(y_i, X_i beta) + strength/2 |beta - centre|^2`. Newton's method.

    `y` in [0, 1] may be soft: a tie is .5. The objective is convex and does not change when rows are turned
    round (X to -X, y to 1 - y), so neither do the weights.
    """
    beta = (centre if start is None else start).astype(np.float64).copy()
    value = _objective(X, y, beta, centre, strength)
    for _ in range(100):
        p = _expit(X @ beta)
        gradient = X.T @ (p - y) + strength * (beta - centre)
        hessian = (X.T * (p * (1 - p))) @ X + strength * np.eye(len(beta))
        step = np.linalg.solve(hessian, gradient)
        # Newton's last steps halve no more: below this the error left is the square of the step.
        small = np.abs(step).max(initial=0.0) < 1e-7
        size = 1.0
        while not small and (new := _objective(X, y, beta - size * step, centre, strength)) > value:
            size /= 2
        beta = beta - size * step
        if small:
            break
        value = new
    return beta


def _objective(X: FloatArray, y: FloatArray, beta: FloatArray, centre: FloatArray, strength: float) -> float:
    return float(_nll(X @ beta, y).sum() + 0.5 * strength * ((beta - centre) ** 2).sum())


def _nll(logit: FloatArray, y: FloatArray) -> FloatArray:
    return np.logaddexp(0.0, logit) - y * logit


def _held_out_nll(X: FloatArray, y: FloatArray, folds: Any, centre: FloatArray) -> list[float]:
    """NLL in nats per pair under each of `_STRENGTHS`, every row judged by the other folds."""
    total = np.zeros(len(_STRENGTHS))
    for fold in np.unique(folds):
        held = folds == fold
        beta = None  # the tightest hold first: each solution starts the next
        for k in reversed(range(len(_STRENGTHS))):
            beta = map_logistic(X[~held], y[~held], centre, _STRENGTHS[k], start=beta)
            total[k] += _nll(X[held] @ beta, y[held]).sum()
    return [float(v) for v in total / len(y)]


def _expit(z: FloatArray) -> FloatArray:
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1.0, e) / (1.0 + e)
