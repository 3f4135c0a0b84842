"""The pair model on input that nobody meant: wild margins, gold of one kind, matrices without rows or columns."""

from __future__ import annotations

import numpy as np
import pytest
from drawn_for_pairs import (
    draw_features,
    turned_votes,
)
from synthetic import draw_votes

from weaklabel.label_models.pair.model import PairModel

# Odd input


MARGINS = {
    "none": lambda rng, n: np.full((n, 3), np.nan),
    "constant": lambda rng, n: np.full((n, 3), 2.0),
    "zero": lambda rng, n: np.zeros((n, 3)),
    "infinite": lambda rng, n: rng.choice([np.inf, -np.inf, 1.0, np.nan], (n, 3)),
    "huge": lambda rng, n: 1e38 * rng.uniform(-1, 1, (n, 3)),
    "tiny": lambda rng, n: 1e-44 * rng.normal(size=(n, 3)),
    "wild": lambda rng, n: 10.0 ** rng.uniform(-30, 30, (n, 3)) * rng.choice([-1, 1], (n, 3)),
}
GOLD = {
    "no gold": lambda rng, n: np.full(n, np.nan),
    "one": lambda rng, n: np.where(np.arange(n) == 0, 1.0, np.nan),
    "ties": lambda rng, n: np.full(n, 0.5),
    "one side": lambda rng, n: np.ones(n),
    "mixed": lambda rng, n: rng.choice([0.0, 0.5, 1.0, np.nan], n),
}


@pytest.mark.parametrize("texts", [False, True], ids=["votes", "texts"])
@pytest.mark.parametrize("y", GOLD)
@pytest.mark.parametrize("margins", MARGINS)
def test_odd_margins_and_odd_gold_are_no_trouble(margins, y, texts):
    rng = np.random.default_rng(0)
    L, gaps = rng.integers(-1, 2, (40, 3)).astype(np.int8), MARGINS[margins](rng, 40).astype(np.float32)
    features = draw_features(40, width=3) if texts else None
    model = PairModel().fit(L, margins=gaps, y=GOLD[y](rng, 40), features=features)
    logit = model.predict_logit(L, margins=gaps, features=features)
    assert np.isfinite(logit).all()
    turned = None if features is None else features.swapped()
    assert (logit == -model.predict_logit(turned_votes(L), margins=-gaps, features=turned)).all()


@pytest.mark.parametrize("shape", [(0, 3), (5, 0), (0, 0), (1, 1), (40, 1), (25, 12)])
def test_odd_sizes_are_no_trouble(shape):
    L = np.random.default_rng(0).integers(-1, 2, shape).astype(np.int8)
    model = PairModel().fit(L, y=np.ones(shape[0]), features=draw_features(shape[0], width=3))
    features = draw_features(shape[0], width=3)
    assert model.predict_logit(L, features=features).shape == (shape[0],)
    assert np.isfinite(model.contributions(L, features=features)).all()


def test_one_prompt_is_no_trouble_and_neither_are_prompts_with_names():
    L, y = draw_votes(60, [0.8, 0.7])
    assert PairModel().fit(L, y=y, groups=np.zeros(60)).predict_logit(np.array([[1, 1]]))[0] > 0
    named = PairModel().fit(
        L, y=y, groups=np.array(["one", "two", "six", "ten", "few", "all"])[np.arange(60) % 6]
    )
    numbered = PairModel().fit(L, y=y, groups=np.array([4, 5, 3, 2, 1, 0])[np.arange(60) % 6])
    assert named.mixture_ == numbered.mixture_


def test_silent_lfs_say_nothing_however_much_gold_there_is():
    L = np.full((50, 3), -1, dtype=np.int8)
    model = PairModel().fit(L, y=np.ones(50))
    assert (model.predict_logit(L) == 0).all()
    assert model.prior_.tolist() == [0.0, 0.0, 0.0]


def test_gold_on_rows_where_every_lf_is_silent_teaches_nothing_about_them():
    L, y = draw_votes(100, [0.7, 0.7])
    L[:30] = -1
    model = PairModel().fit(L, y=np.where(np.arange(100) < 30, y, np.nan))
    kept = sum(share * recipe.share for recipe, share in model.mixture_)
    assert np.abs(model.weights_.effects["sharp"] - kept * model.prior_).max() < 1e-12
