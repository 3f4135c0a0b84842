"""Learning from gold: recipes fitted to it, judged on prompts left out, and mixed into one set of weights.

Recipes are fitted over rows, which costs the cube of their number, however many columns the texts have. Where there
is more gold than that allows, recipes are judged on a sample of it, and one recipe, the mean of the mixture, is fitted
to all gold over columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from weaklabel._progress import tracked
from weaklabel.errors import ConfigError
from weaklabel.groups import enough_gold, folds_by_prompt
from weaklabel.label_models.pair.effects import SHAPES
from weaklabel.label_models.pair.leave_out import leave_group_out
from weaklabel.label_models.pair.odd_blocks import Block
from weaklabel.label_models.pair.recipes import Recipe, design_effect, mix, recipes_for
from weaklabel.logistic import fit_logistic, nll_of_logit
from weaklabel.types import FloatArray
from weaklabel.types.features import Sparse

_N_FOLDS: Final = 5
_MAX_ROWS: Final = 1500


@dataclass(frozen=True)
class Weights:
    """Linear weights, log-odds per unit: of effects by shape, of the columns of each view, of gated effects.

    Attributes:
        effects: shape -> `(n_lfs,)` float64.
        views: name of a view -> `(d,)` float64.
        gate: `(q, n_lfs)` float64, what each column of the context adds to the weight of a sharp effect; or None.
    """

    effects: Mapping[str, FloatArray]
    views: Mapping[str, FloatArray] = field(default_factory=dict)
    gate: FloatArray | None = None


@dataclass(frozen=True)
class Learned:
    """What gold taught: the weights, the shares of the recipes, and left-out logits of the gold rows.

    The last two are empty and None where gold was too scarce to judge recipes. `start` is how much of the gold's second
    offset the mixture holds.
    """

    weights: Weights
    mixture: tuple[tuple[Recipe, float], ...] = ()
    held_out: FloatArray | None = None

    @property
    def start(self) -> float:
        return float(sum(share * recipe.start for recipe, share in self.mixture))


class Gold:
    """The gold rows: what was said, of which prompt, and the logit of agreement alone.

    `started` `(n,)` are logits from elsewhere that knew no gold of the row's prompt, for recipes with a `start`.
    """

    def __init__(
        self,
        y: FloatArray,
        prompts: NDArray[Any],
        agreed: FloatArray,
        seed: int,
        started: FloatArray | None = None,
    ) -> None:
        self.y, self.prompts, self.agreed, self.seed, self.started = y, prompts, agreed, seed, started
        self.codes = np.unique(prompts, return_inverse=True)[1].reshape(-1)
        self.n_prompts = int(self.codes.max()) + 1
        ends = np.cumsum(np.bincount(self.codes))[:-1]
        self.groups = np.split(np.argsort(self.codes, kind="stable"), ends)

    @cached_property
    def folds(self) -> NDArray[np.int64]:
        return folds_by_prompt(self.prompts, _N_FOLDS, self.seed)

    def take(self, rows: NDArray[np.intp]) -> Gold:
        started = None if self.started is None else self.started[rows]
        return Gold(self.y[rows], self.prompts[rows], self.agreed[rows], self.seed, started)

    def offset(self, recipe: Recipe) -> FloatArray:
        """`(n,)` the logits that a recipe begins from."""
        agreed = recipe.share * self.agreed
        return agreed if self.started is None else agreed + recipe.start * self.started

    def sample(self, n_rows: int) -> NDArray[np.intp]:
        """At most `n_rows` rows: prompts in a drawn order, the last of them cut where it does not fit."""
        order = np.random.default_rng(self.seed).permutation(self.n_prompts)
        rows = np.concatenate([self.groups[code] for code in order])
        return np.sort(rows[:n_rows])

    def mixture(
        self, logits: FloatArray, seen: NDArray[np.bool_] | None = None, prior: FloatArray | None = None
    ) -> FloatArray:
        """The shares of recipes that predict the seen rows best, held to `prior` shares or to equal ones."""
        rows = np.ones(len(self.y), dtype=np.bool_) if seen is None else seen
        even = logits[:, rows].mean(axis=0) if prior is None else prior @ logits[:, rows]
        nll = nll_of_logit(even, self.y[rows])
        return mix(logits[:, rows], self.y[rows], design_effect(nll, self.codes[rows]), prior)

    def held_out_mixture(self, logits: FloatArray, prior: FloatArray | None = None) -> FloatArray:
        """The mixed logits, the shares learned on other prompts."""
        out = np.empty(len(self.y))
        for fold in range(_N_FOLDS):
            held = self.folds == fold
            out[held] = self.mixture(logits, ~held, prior) @ logits[:, held]
        return out


def too_scarce(prompts: NDArray[Any]) -> bool:
    """Whether gold on pairs of these prompts, `(n_gold,)`, is too little to judge recipes by: it only corrects weights."""
    return not enough_gold(prompts)


def learn(
    blocks: Mapping[str, Block],
    gold: Gold,
    prior: FloatArray,
    leave_out: Sequence[str] = (),
    menu: Sequence[tuple[Recipe, float]] | None = None,
) -> Learned:
    """Fit the recipes that can be made of the blocks to gold, and mix them.

    Args:
        blocks: of the gold rows; `odd_blocks` makes them.
        gold: the same rows.
        prior: `(n_lfs,)` float64, weights of the sharp effects found without gold; of gold that is too scarce, in force.
        leave_out: blocks, or `agreement`, that recipes go without.
        menu: recipes, each with the share that the mixture is held to; by default all that the blocks allow, equally.

    Raises:
        ConfigError: nothing is left.
    """
    recipes = [recipe for recipe, _ in menu or ()] or recipes_for({*blocks, "agreement"} - set(leave_out))
    wanted = None if menu is None else np.array([share for _, share in menu])
    if not recipes:
        raise ConfigError(f"pair_model: nothing is left after leave_out={list(leave_out)}. Leave out less.")
    if too_scarce(gold.prompts):
        trusting = [recipe for recipe in recipes if recipe.share == 1.0] or recipes
        even = np.full(len(trusting), 1 / len(trusting))
        if len(gold.y) > _MAX_ROWS:  # plenty of gold, but on a handful of prompts
            return Learned(_over_columns(_mean_recipe(trusting, even), blocks, gold, prior))
        return Learned(_mixed(trusting, even, _over_rows(trusting, blocks, gold)[1], blocks, prior))
    judged = gold.sample(_MAX_ROWS)
    few = len(judged) < len(gold.y)
    judges, rows = (gold.take(judged), _rows(blocks, judged)) if few else (gold, blocks)
    logits, alphas = _over_rows(recipes, rows, judges)
    shares = judges.mixture(logits, prior=wanted)
    mixture = tuple(sorted(zip(recipes, shares.tolist(), strict=True), key=lambda entry: -entry[1]))
    if few:
        mean = _mean_recipe(recipes, shares)
        return Learned(
            _over_columns(mean, blocks, gold, prior), mixture, _held_out_over_columns(mean, blocks, gold)
        )
    return Learned(
        _mixed(recipes, shares, alphas, blocks, prior), mixture, gold.held_out_mixture(logits, wanted)
    )


def _mixed(
    recipes: Sequence[Recipe],
    shares: FloatArray,
    alphas: FloatArray,
    blocks: Mapping[str, Block],
    prior: FloatArray,
) -> Weights:
    """The weights of a mixture of recipes fitted over rows."""
    by_block: dict[str, FloatArray] = {}
    for recipe, share, a in zip(recipes, shares, alphas, strict=True):
        for name, variance in recipe.variance.items():
            by_block[name] = by_block.get(name, 0.0) + share * variance * a
    kept = float(sum(share * recipe.share for recipe, share in zip(recipes, shares, strict=True)))
    return _weights(kept * prior, {name: blocks[name].weights(a) for name, a in by_block.items()})


def _weights(kept: FloatArray, learned: dict[str, FloatArray]) -> Weights:
    effects = {shape: learned.pop(shape, np.zeros(len(kept))) for shape in SHAPES}
    effects["sharp"] = effects["sharp"] + learned.pop("even", 0.0) + kept
    gate = learned.pop("gate", None)
    return Weights(effects, {name: learned[name] for name in sorted(learned)}, gate)


def _over_columns(recipe: Recipe, blocks: Mapping[str, Block], gold: Gold, prior: FloatArray) -> Weights:
    """One recipe fitted to all gold, however much."""
    X, widths = _design(recipe, blocks)
    fit = fit_logistic(X, gold.y, precision=1.0, offset=gold.offset(recipe))
    parts = np.split(fit.theta, np.cumsum(widths)[:-1])
    learned = {
        name: blocks[name].weights_of_design(beta) * np.sqrt(recipe.variance[name])
        for name, beta in zip(recipe.variance, parts, strict=True)
    }
    return _weights(recipe.share * prior, learned)


def _held_out_over_columns(recipe: Recipe, blocks: Mapping[str, Block], gold: Gold) -> FloatArray:
    """Left-out logits of one recipe by five folds. The recipe itself, some forty numbers, was chosen on all folds."""
    X, _ = _design(recipe, blocks)
    offset, out = gold.offset(recipe), np.empty(len(gold.y))
    for fold in range(_N_FOLDS):
        held = gold.folds == fold
        fit = fit_logistic(X, gold.y, ~held, precision=1.0, offset=offset)
        out[held] = fit.logit[held]
    return out


def _design(recipe: Recipe, blocks: Mapping[str, Block]) -> tuple[Sparse, list[int]]:
    """The columns of a recipe, weights of which have a standard normal prior, and how many each block has."""
    import scipy.sparse as sp

    parts = [blocks[name].design() * np.sqrt(variance) for name, variance in recipe.variance.items()]
    return sp.hstack(parts, format="csr"), [part.shape[1] for part in parts]


def _over_rows(
    recipes: Sequence[Recipe], blocks: Mapping[str, Block], gold: Gold
) -> tuple[FloatArray, FloatArray]:
    """Left-out logits and dual weights of every recipe, each `(n_recipes, n)`."""
    covariance = {name: blocks[name].covariance() for name in {n for r in recipes for n in r.variance}}
    logits, alphas = [], []
    for recipe in tracked(recipes, "fitting recipes"):
        K = sum(variance * covariance[name] for name, variance in recipe.variance.items())
        a, held = leave_group_out(np.asarray(K), gold.y, gold.groups, gold.offset(recipe))
        logits.append(held)
        alphas.append(a)
    return np.array(logits), np.array(alphas)


def _mean_recipe(recipes: Sequence[Recipe], shares: FloatArray) -> Recipe:
    variance: dict[str, float] = {}
    for recipe, share in zip(recipes, shares, strict=True):
        for name, v in recipe.variance.items():
            variance[name] = variance.get(name, 0.0) + float(share) * v
    kept = float(sum(share * recipe.share for recipe, share in zip(recipes, shares, strict=True)))
    begun = float(sum(share * recipe.start for recipe, share in zip(recipes, shares, strict=True)))
    return Recipe(variance, kept, begun)


def _rows(blocks: Mapping[str, Block], rows: NDArray[np.intp]) -> dict[str, Block]:
    return {
        name: Block(b.columns[rows], b.unit, None if b.gate is None else b.gate[rows])
        for name, b in blocks.items()
    }
