"""What the reward is believed to be made of beforehand, and how gentle its factor is."""

from __future__ import annotations

import numpy as np
import pytest

from weaklabel.label_models.pair.recipes import Recipe, mix, recipes_for
from weaklabel.logistic import nll_of_logit
from weaklabel.reward.functions.recipes import gentle_factor, menu_of

BLOCKS = {"sharp", "wide", "votes", "even", "words", "characters", "layout", "style", "gate", "agreement"}


@pytest.mark.parametrize(
    ("start", "of_models", "of_texts", "of_start"),
    [("none", 2 / 3, 1 / 3, 0.0), ("agreement", 0.5, 0.25, 0.25), ("labels", 0.25, 0.25, 0.5)],
)
def test_what_is_believed_beforehand(start: str, of_models: float, of_texts: float, of_start: float) -> None:
    menu = menu_of(BLOCKS, start=start)
    begun = [share for recipe, share in menu if recipe.start]
    texts = [
        share
        for recipe, share in menu
        if set(recipe.variance) == {"words", "characters"} and not recipe.start
    ]
    assert sum(share for _, share in menu) == pytest.approx(1.0)
    assert sum(begun) == pytest.approx(of_start)
    assert sum(texts) == pytest.approx(of_texts)
    assert sum(share for _, share in menu) - sum(begun) - sum(texts) == pytest.approx(of_models)
    assert {r.variance["sharp"] for r, _ in menu if r.share == 1.0} == {0.02, 0.2}


def test_a_recipe_that_both_have_stands_there_once() -> None:
    recipes = [repr(recipe) for recipe, _ in menu_of(BLOCKS, start="agreement")]
    assert len(recipes) == len(set(recipes))


def test_without_readable_functions_texts_are_left() -> None:
    menu = menu_of({"words", "characters", "layout", "style"}, start="labels")
    assert menu
    assert not any({"sharp", "wide", "votes", "even", "gate"} & set(recipe.variance) for recipe, _ in menu)


@pytest.mark.parametrize("n", [20, 400])
def test_the_factor_is_the_least_of_its_cost_on_a_grid(n: int) -> None:
    rng = np.random.default_rng(n)
    z = rng.normal(size=n) * 3
    y = (rng.random(n) < 1 / (1 + np.exp(-z / 3))).astype(np.float64)
    grid = np.exp(np.linspace(-3, 3, 6001))
    cost = [nll_of_logit(a * z, y).sum() + np.log(a) ** 2 / (2 * 0.25**2) for a in grid]
    assert gentle_factor(z, y, np.arange(n)) == pytest.approx(grid[int(np.argmin(cost))], rel=2e-3)


def test_little_gold_hardly_moves_the_factor_and_much_does() -> None:
    rng = np.random.default_rng(0)
    z = rng.normal(size=4000) * 4
    y = (rng.random(4000) < 1 / (1 + np.exp(-z / 4))).astype(np.float64)  # four times too sure
    few, many = (gentle_factor(z[:n], y[:n], np.arange(n)) for n in (25, 4000))
    assert 0.55 < few < 0.9
    assert many == pytest.approx(0.25, abs=0.03)


def test_pairs_of_one_prompt_count_as_the_few_that_they_are_worth() -> None:
    z, y = np.full(40, 3.0), np.repeat([1.0, 0.0, 1.0, 0.0], 10)
    apart, together = (gentle_factor(z, y, codes) for codes in (np.arange(40), np.repeat(np.arange(4), 10)))
    assert apart < together < 1.0


def test_ties_pull_the_factor_down() -> None:
    z = np.full(50, 2.0)
    assert gentle_factor(z, np.full(50, 0.5), np.arange(50)) < 0.6


def test_a_mixture_that_learned_nothing_is_its_prior() -> None:
    prior = np.array([0.5, 0.3, 0.2])
    same = np.tile(np.array([1.0, -1.0] * 20), (3, 1))
    assert np.abs(mix(same, np.array([1.0, 0.0] * 20), 1.0, prior) - prior).max() < 1e-6


def test_an_equal_prior_is_no_prior() -> None:
    rng = np.random.default_rng(1)
    logits, y = rng.normal(size=(4, 60)), (rng.random(60) < 0.5).astype(np.float64)
    assert np.abs(mix(logits, y, 1.5) - mix(logits, y, 1.5, np.full(4, 0.25))).max() < 1e-6


def test_a_prior_share_is_worth_gold() -> None:
    good, bad = np.array([1.0, -1.0] * 10), np.array([-1.0, 1.0] * 10)
    y = np.array([1.0, 0.0] * 10)
    even, against = (mix(np.array([good, bad]), y, 1.0, np.array(p)) for p in ([0.5, 0.5], [0.1, 0.9]))
    assert even[0] > against[0]


def test_recipes_of_the_label_model_have_no_start() -> None:
    assert not any(recipe.start for recipe in recipes_for(BLOCKS))
    assert Recipe({"sharp": 1.0}).start == 0.0
