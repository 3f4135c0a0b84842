"""Recipes: what a supervised combination may be made of, and how recipes are mixed.

A recipe says how much variance each block of odd features may bring into the logit, and how much of the weights
that agreement found without gold it starts from. No recipe is right for all data: text says a lot on one set and
nothing on another, votes are steadier than margins where gold is scarce. So none is chosen. All are fitted, each
is judged on prompts it did not see, and they are mixed.

Source: stacking of predictive distributions, Yao, Vehtari, Simpson & Gelman (2018), Bayesian Analysis 13(3), eq.
8, and the super learner, van der Laan, Polley & Hubbard (2007). Departures: logits are mixed rather than
probabilities, which keeps the model additive and antisymmetric; rows of one prompt are not independent, so their
log-likelihood is divided by its design effect (Kish 1965); and a Dirichlet prior holds the mixture to equal
weights, since the best recipe by cross-validation alone did worse than a fixed one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from weaklabel.label_models.k_class.vote_model import softmax
from weaklabel.logistic import nll_of_logit
from weaklabel.metrics.rows import design_effect
from weaklabel.types import FloatArray, sigmoid

__all__ = ["Recipe", "design_effect", "mix", "recipes_for"]

_SCALES: Final = (1 / 3, 1.0, 3.0)
# Pseudo-counts of the Dirichlet prior, over all recipes together, in rows of independent gold.
_HOLD: Final = 5.0


@dataclass(frozen=True, slots=True)
class Recipe:
    """`variance` of each block in the logit (of a pair of average size), `share` of the agreement weights, and
    `start`, the share of a second offset that a caller may bring."""

    variance: Mapping[str, float]
    share: float = 0.0
    start: float = 0.0


_SHAPES: Final[tuple[Mapping[str, float], ...]] = (
    {"sharp": 0.5},
    {"wide": 0.5},
    {"votes": 0.5},
    {"even": 0.5},
)
_WITH_TEXT: Final[tuple[Mapping[str, float], ...]] = (
    {"sharp": 0.4, "words": 0.2, "characters": 0.2},
    {"sharp": 0.3, "words": 0.1, "characters": 0.1, "layout": 0.7},
    {"sharp": 0.4, "style": 0.4},
    {"sharp": 0.4, "words": 0.15, "characters": 0.15, "layout": 0.3, "style": 0.2},
    {"words": 0.25, "characters": 0.25, "layout": 0.3, "style": 0.3},
    {"layout": 0.6},
    {"style": 0.6},
)
_WITH_CONTEXT: Final[tuple[Mapping[str, float], ...]] = (
    {"sharp": 0.3, "gate": 0.3},
    {"sharp": 0.3, "gate": 0.2, "words": 0.1, "characters": 0.1, "layout": 0.2, "style": 0.1},
)
# The linear reward model on gold alone, to the scale of its prior: with it in the mixture, labels are not worse than the
# words alone where the functions say nothing or point the wrong way. At three times the scale it overfits HH-RLHF.
_TEXT_ALONE: Final = Recipe({"words": 0.5, "characters": 0.5})
# With little gold the weights that agreement found are worth a start; how much of them, few data sets agree on.
_FROM_AGREEMENT: Final = tuple(
    Recipe({"sharp": variance}, share) for share in (1.0, 0.3, 0.1) for variance in (0.02, 0.2)
)


def recipes_for(blocks: Collection[str]) -> list[Recipe]:
    """The recipes that can be made of these blocks; `agreement` stands for the weights learned without gold."""
    supervised = [
        {name: scale * variance for name, variance in recipe.items()}
        for recipe in (*_SHAPES, *_WITH_TEXT, *_WITH_CONTEXT)
        for scale in _SCALES
        if set(recipe) <= set(blocks)
    ]
    started = _FROM_AGREEMENT if {"agreement", "sharp"} <= set(blocks) else ()
    text_alone = [_TEXT_ALONE] if set(_TEXT_ALONE.variance) <= set(blocks) else []
    return [*started, *(Recipe(variance) for variance in supervised), *text_alone]


def mix(
    logits: FloatArray, y: FloatArray, design_effect: float = 1.0, prior: FloatArray | None = None
) -> FloatArray:
    """`(n_recipes,)` float64 weights >= 0 that add up to 1.

    Maximises the log-likelihood of gold under the mixed logits, over the design effect, plus a Dirichlet prior
    that is worth `_HOLD` rows.

    Args:
        logits: `(n_recipes, n)` float64, of each recipe on rows that it was not fitted to.
        y: `(n,)` float64 in [0, 1].
        design_effect: at least 1, how many rows are worth one.
        prior: `(n_recipes,)` float64 > 0 that add up to 1, the shares that the prior holds to; None is equal shares.

    >>> good, bad = np.array([2.0, -2.0] * 40), np.array([-2.0, 2.0] * 40)
    >>> weights = mix(np.array([good, bad]), np.array([1.0, 0.0] * 40))
    >>> bool(weights[0] > 0.9), round(float(weights.sum()), 6)
    (True, 1.0)
    """
    from scipy.optimize import minimize

    n = len(logits)
    held = np.full(n, 1.0 / n) if prior is None else prior
    begin = np.zeros(n) if prior is None else np.log(prior)

    def loss(v: FloatArray) -> tuple[float, FloatArray]:
        # A trial step may take a weight to 0, so its logarithm is never taken, nor is anything divided by it.
        log_w = v - v.max()
        log_w -= np.log(np.exp(log_w).sum())
        w = np.exp(log_w)
        f = w @ logits
        kept = log_w.mean() if prior is None else prior @ log_w
        value = nll_of_logit(f, y).sum() / design_effect - _HOLD * kept
        slope = logits @ (sigmoid(f) - y) / design_effect
        return float(value), w * (slope - w @ slope) + _HOLD * (w - held)

    found: Any = minimize(loss, begin, jac=True, method="L-BFGS-B", options={"gtol": 1e-9, "ftol": 1e-12})
    return np.asarray(softmax(found.x[None])[0], dtype=np.float64)
