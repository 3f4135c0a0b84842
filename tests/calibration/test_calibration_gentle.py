"""The factor that is held towards 1: the least of its loss, little moved by little gold."""

from __future__ import annotations

from math import exp, log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weaklabel.calibration.gentle import gentle_factor
from weaklabel.logistic import nll_of_logit


def test_the_factor_is_the_minimum_of_the_stated_loss():
    rng = np.random.default_rng(0)
    z = rng.normal(size=60)
    y, groups = (rng.random(60) < 1 / (1 + np.exp(-3 * z))).astype(float), np.arange(60) // 3
    spread = nll_of_logit(z, y) - nll_of_logit(z, y).mean()
    effect = max(1.0, sum(spread[groups == g].sum() ** 2 for g in range(20)) / (spread**2).sum())

    def loss(a):
        return nll_of_logit(a * z, y).sum() / effect + log(a) ** 2 / (2 * 0.3**2)

    grid = np.exp(np.linspace(-3, 3, 60_001))
    assert gentle_factor(z, y, groups, spread=0.3) == pytest.approx(min(grid, key=loss), rel=2e-4)


def test_the_factor_is_near_one_on_little_gold_and_near_the_best_on_much():
    rng = np.random.default_rng(1)
    found = []
    for n in (20, 20_000):
        z = rng.normal(size=n)
        y = (rng.random(n) < 1 / (1 + np.exp(-2 * z))).astype(float)
        found.append(gentle_factor(z, y, np.arange(n), spread=0.5))
    assert 1 < found[0] < 1.8
    assert found[1] == pytest.approx(2.0, rel=0.05)


def test_gold_that_repeats_within_its_prompts_counts_once():
    rng = np.random.default_rng(2)
    z, y, groups = rng.normal(size=40), (rng.random(40) < 0.8).astype(float), np.arange(40)
    again = gentle_factor(np.repeat(z, 5), np.repeat(y, 5), np.repeat(groups, 5), spread=0.5)
    assert again == pytest.approx(gentle_factor(z, y, groups, spread=0.5), rel=1e-6)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.floats(-50, 50), st.sampled_from([0.0, 0.5, 1.0])), min_size=1, max_size=30))
def test_any_gold_gives_a_factor_and_turned_gold_the_same(rows):
    z, y = (np.array(column) for column in zip(*rows, strict=True))
    found = gentle_factor(z, y, np.arange(len(z)) // 2, spread=0.5)
    assert exp(-12) <= found <= exp(12)
    assert gentle_factor(-z, 1 - y, np.arange(len(z)) // 2, spread=0.5) == pytest.approx(found, rel=1e-9)


def test_ties_pull_it_down_and_no_row_leaves_it():
    assert gentle_factor(np.full(50, 2.0), np.full(50, 0.5), np.arange(50), spread=0.25) < 0.6
    assert gentle_factor(np.empty(0), np.empty(0), np.empty(0), spread=0.25) == 1.0
