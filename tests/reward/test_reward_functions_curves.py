"""Curves of scores against known truth: by hand, a brute-force twin, and what a score may never depend on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weaklabel.label_models.pair.effects import margin_effects
from weaklabel.reward.functions.curves import Curve, fit_curves, knots_of, mixed

scores = st.lists(
    st.one_of(st.floats(allow_nan=True, allow_infinity=False), st.sampled_from([0.0, 1.0])), min_size=1
)


def test_knots_are_scores_of_pairs_that_differ() -> None:
    a, b = np.array([0.0, 7.0, np.nan, 3.0]), np.array([2.0, 7.0, 5.0, 3.0])
    assert knots_of(a, b).tolist() == [0.0, 2.0]  # 7, 5 and 3 were never told from anything


def test_there_are_seventeen_knots_where_scores_are_many() -> None:
    a, b = np.random.default_rng(0).normal(size=(2, 500))
    knots = knots_of(a, b)
    assert len(knots) == 17
    assert knots[0] == min(a.min(), b.min())
    assert knots[-1] == max(a.max(), b.max())
    assert np.isin(knots, np.concatenate([a, b])).all()


def test_two_levels_by_hand() -> None:
    # Three pairs say that 1 beats 0 by 1, one says by .6: the mean is .9. The penalties hold it back a little.
    a, b = np.array([0.0, 0.0, 1.0, 0.0]), np.array([1.0, 1.0, 0.0, 1.0])
    curve = fit_curves(a, b, {"wide": np.array([1.0, 1.0, -1.0, 0.6])})["wide"]
    gap = 3.6 / (
        4 + 4 * 1e-3 + 4 * 1e-9 / 2
    )  # sum of effects over n (1 + penalty of the step + half of the values')
    assert curve.values[1] - curve.values[0] == pytest.approx(gap, abs=1e-9)


def test_a_monotone_scorer_is_read_nearly_whole() -> None:
    a, b = np.random.default_rng(1).gamma(2.0, 30.0, (2, 2000))
    margins = (b - a).astype(np.float32)[:, None]
    scale = np.array([np.median(np.abs(margins))])
    votes = (margins > 0).astype(np.int8)
    for shape, least in (
        (1.0, 0.9),
        (0.3, 0.8),
    ):  # the sharper a step, the less of it a difference of two numbers can be
        effect = margin_effects(votes, margins, scale * shape)[:, 0]
        curve = fit_curves(a, b, {"x": effect})["x"]
        rest = effect - (curve.at(b) - curve.at(a))
        assert 1 - rest.var() / effect.var() > least
        assert (np.diff(curve.values) > 0).all()


def test_it_is_the_ridge_regression_that_brute_force_gives() -> None:
    rng = np.random.default_rng(2)
    a, b = rng.integers(0, 6, (2, 80)).astype(np.float64)
    a[:9] = np.nan
    effect = rng.normal(size=80)
    knots = knots_of(a, b)
    curve = fit_curves(a, b, {"x": effect})["x"]
    k, n = len(knots), len(a)

    def row(score: float) -> np.ndarray:
        out = np.zeros(k + 1)
        out[k if np.isnan(score) else list(knots).index(score)] = 1.0
        return out

    X = np.array([row(y) - row(x) for x, y in zip(a, b, strict=True)])
    steps = np.zeros((k - 1, k + 1))
    for i in range(k - 1):
        steps[i, i], steps[i, i + 1] = -1.0, 1.0
    tall = np.vstack([X, np.sqrt(1e-3 * n) * steps, np.sqrt(1e-9 * n) * np.eye(k + 1)])
    found = np.linalg.lstsq(tall, np.concatenate([effect, np.zeros(2 * k)]), rcond=None)[0]
    assert np.abs(found - [*curve.values, curve.missing]).max() < 1e-5


def test_missing_scores_are_worth_what_pairs_with_them_say() -> None:
    # An effect of 0 against a score that is missing: the missing one is worth the mean of those it met.
    a, b = np.array([0.0, np.nan, np.nan] * 50), np.array([1.0, 0.0, 1.0] * 50)
    curve = fit_curves(a, b, {"votes": np.array([1.0, 0.0, 0.0] * 50)})["votes"]
    assert curve.missing == pytest.approx(curve.values.mean(), abs=1e-6)


def test_turning_pairs_round_changes_nothing() -> None:
    rng = np.random.default_rng(3)
    a, b, effect = rng.normal(size=(3, 300))
    turned = rng.random(300) < 0.5
    one = fit_curves(a, b, {"x": effect})["x"]
    two = fit_curves(
        np.where(turned, b, a), np.where(turned, a, b), {"x": np.where(turned, -effect, effect)}
    )["x"]
    assert (one.knots == two.knots).all()
    assert np.abs(one.values - two.values).max() < 1e-9


def test_a_scorer_that_never_told_two_responses_apart_says_nothing() -> None:
    same = np.ones(10)
    curve = fit_curves(same, same, {"sharp": np.zeros(10)})["sharp"]
    assert curve.at(np.array([1.0, -5.0, np.nan])).tolist() == [0.0, 0.0, 0.0]


def test_scores_as_large_as_numbers_go() -> None:
    a, b = np.array([-1.7e308, 0.0] * 20), np.array([1.7e308, 1.0] * 20)
    curve = fit_curves(a, b, {"votes": np.ones(40)})["votes"]
    values = curve.at(np.array([-1.7e308, -1e308, 0.0, 1.0, 1.7e308]))
    assert np.isfinite(values).all()
    assert (np.diff(values) >= 0).all()


@settings(max_examples=60, deadline=None)
@given(scores)
def test_a_value_depends_on_its_own_score_alone_and_lies_between_its_knots(given_scores: list[float]) -> None:
    curve = Curve(np.array([-1.0, 0.0, 0.5, 30.0]), np.array([2.0, -1.0, 4.0, 0.25]), 0.125)
    together = curve.at(np.array(given_scores))
    alone = [curve.at(np.array([score]))[0] for score in given_scores]
    assert together.tolist() == alone
    assert ((together >= -1.0) & (together <= 4.0)).all()
    missing = np.isnan(given_scores)
    assert (together[missing] == 0.125).all()


def test_mixed_curves_are_the_sum() -> None:
    knots, at = np.array([0.0, 1.0]), np.array([-1.0, 0.3, 2.0, np.nan])
    one, two = Curve(knots, np.array([0.0, 1.0]), 0.5), Curve(knots, np.array([3.0, -1.0]), 1.0)
    both = mixed({"sharp": one, "wide": two}, {"sharp": 2.0, "wide": -0.5})
    assert np.abs(both.at(at) - (2.0 * one.at(at) - 0.5 * two.at(at))).max() < 1e-12
