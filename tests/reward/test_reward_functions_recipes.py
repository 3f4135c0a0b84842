"""What the reward is believed to be made of beforehand, and how gentle its factor is."""

from __future__ import annotations

import numpy as np
import pytest

from weaklabel.label_models.pair.recipes import Recipe, mix, recipes_for
from weaklabel.reward.functions.recipes import menu_of

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
