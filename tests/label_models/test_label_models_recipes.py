"""Recipes and their mixture: who is favoured, by how much, and what may not matter."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weaklabel.label_models.pair.recipes import _HOLD, design_effect, mix, recipes_for
from weaklabel.types import sigmoid

EVERYTHING = {"sharp", "wide", "votes", "even", "words", "characters", "layout", "style", "gate", "agreement"}


def drawn(n=300, n_recipes=6, size=1.0, seed=0):
    """Logits of recipes that know the truth more or less, and gold drawn from the truth."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=n)
    noise = np.linspace(0.2, 3.0, n_recipes)[:, None] * rng.normal(size=(n_recipes, n))
    return size * (truth + noise), (rng.random(n) < sigmoid(truth)).astype(float)


def test_recipes_are_made_of_what_there_is():
    for blocks in ({"sharp"}, {"sharp", "agreement"}, {"even", "layout"}, EVERYTHING - {"gate"}, EVERYTHING):
        for recipe in recipes_for(blocks):
            assert set(recipe.variance) <= blocks
            assert recipe.share == 0.0 or "agreement" in blocks


def test_every_block_has_a_recipe_and_every_variance_is_positive():
    recipes = recipes_for(EVERYTHING)
    assert {name for recipe in recipes for name in recipe.variance} == EVERYTHING - {"agreement"}
    assert all(v > 0 for recipe in recipes for v in recipe.variance.values())
    assert len({(tuple(sorted(r.variance.items())), r.share) for r in recipes}) == len(recipes)


def test_weights_of_agreement_are_no_recipe_without_the_effects_that_they_weigh():
    assert recipes_for({"agreement"}) == []
    assert all(recipe.share == 0 for recipe in recipes_for({"agreement", "even", "layout"}))


def test_nothing_makes_no_recipe():
    assert recipes_for(set()) == []


def test_with_much_gold_the_mixture_is_what_predicts_best():
    rng = np.random.default_rng(0)
    truth = rng.normal(size=20_000)
    y = (rng.random(20_000) < sigmoid(truth)).astype(float)
    shares = mix(np.array([rng.normal(size=20_000), truth, -truth]), y)
    assert shares[1] > 0.95


def test_the_shares_of_two_recipes_are_the_optimum_on_a_line():
    logits, y = drawn(n=60, n_recipes=2)

    def objective(w):
        f = w * logits[0] + (1 - w) * logits[1]
        return (np.logaddexp(0, f) - y * f).sum() / 1.5 - _HOLD * (np.log(w) + np.log(1 - w)) / 2

    grid = np.linspace(0.001, 0.999, 999)
    best = grid[np.argmin([objective(w) for w in grid])]
    assert mix(logits, y, 1.5)[0] == pytest.approx(best, abs=0.001)


def test_without_rows_all_recipes_are_equal():
    assert np.abs(mix(np.empty((4, 0)), np.empty(0)) - 0.25).max() < 1e-9


def test_a_few_rows_hardly_move_the_shares():
    logits = np.array([[0.5, -0.5], [0.4, -0.4], [-0.5, 0.5]])
    shares = mix(logits, np.array([1.0, 0.0]))
    assert np.abs(shares - 1 / 3).max() < 0.1
    assert shares[0] > shares[2]


def test_gold_that_says_nothing_leaves_the_shares_equal():
    logits = np.array([[1.0, -1.0] * 10] * 3)
    assert np.abs(mix(logits, np.array([1.0, 0.0] * 10)) - 1 / 3).max() < 1e-6


@given(st.integers(0, 10_000), st.integers(1, 12), st.sampled_from([0.0, 1e-3, 1.0, 100.0, 1e4]))
def test_shares_are_positive_and_add_up_to_one(seed, n_recipes, size):
    shares = mix(*drawn(50, n_recipes, size, seed))
    assert (shares > 0).all() or size > 1
    assert (shares >= 0).all()
    assert shares.sum() == pytest.approx(1.0, abs=1e-12)


def test_shares_do_not_change_when_pairs_are_turned_round():
    logits, y = drawn()
    turn = np.random.default_rng(1).random(len(y)) < 0.5
    turned = mix(np.where(turn, -logits, logits), np.where(turn, 1 - y, y))
    assert np.abs(turned - mix(logits, y)).max() < 1e-9


def test_shares_follow_their_recipes_and_not_the_order_of_rows():
    logits, y = drawn()
    shares, rows, order = mix(logits, y), np.random.default_rng(2).permutation(300), [3, 0, 5, 1, 4, 2]
    assert np.abs(mix(logits[:, rows], y[rows]) - shares).max() < 1e-6
    assert np.abs(mix(logits[order], y) - shares[order]).max() < 1e-6


def test_rows_that_all_stand_twice_count_once():
    logits, y = drawn(n=100)
    twice = mix(np.repeat(logits, 2, axis=1), np.repeat(y, 2), 2.0)
    assert np.abs(twice - mix(logits, y)).max() < 1e-6


def test_design_effect_of_rows_that_stand_k_times_is_k():
    nll = np.random.default_rng(0).random(50)
    for k in (1, 2, 7):
        assert design_effect(np.repeat(nll, k), np.repeat(np.arange(50), k)) == pytest.approx(k)


def test_design_effect_of_rows_that_know_nothing_of_each_other_is_about_one():
    nll = np.random.default_rng(0).normal(size=40_000)
    assert 1.0 <= design_effect(nll, np.repeat(np.arange(10_000), 4)) < 1.05


def test_design_effect_is_never_below_one_and_does_not_fall_over_equal_rows():
    assert design_effect(np.array([1.0, 0.0, 1.0, 0.0]), np.array([0, 0, 1, 1])) == 1.0
    assert design_effect(np.full(6, 0.7), np.zeros(6, dtype=int)) == 1.0


def test_design_effect_does_not_depend_on_the_numbers_of_prompts():
    nll = np.random.default_rng(0).random(30)
    codes = np.random.default_rng(1).integers(0, 8, 30)
    assert design_effect(nll, codes) == pytest.approx(design_effect(nll, 1000 - 3 * codes))
