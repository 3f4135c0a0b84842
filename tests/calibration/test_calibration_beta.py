"""Beta calibration against known curves, its published formula and a numerical optimum."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from weaklabel.calibration import Beta, Temperature
from weaklabel.types import sigmoid


def published(s: np.ndarray, a: float, b: float) -> np.ndarray:
    """a log q - b log(1 - q) + c, with c such that q = 1/2 gives 0."""
    log_q, log_rest = -np.logaddexp(0, -s), -np.logaddexp(0, s)
    return a * log_q - b * log_rest + (a - b) * np.log(2)


def test_the_curve_is_the_published_one():
    s = np.linspace(0.01, 8, 50)
    curve = Beta.from_dict({"a": 1.7, "b": 0.3}).transform(s)
    assert curve == pytest.approx(published(s, 1.7, 0.3), abs=1e-9)


def test_equal_weights_are_a_temperature():
    z = np.linspace(-5, 5, 41)
    assert Beta.from_dict({"a": 0.4, "b": 0.4}).transform(z) == pytest.approx(0.4 * z)


@pytest.mark.parametrize(("a", "b"), [(1.6, 0.3), (0.2, 0.8), (0.5, 0.5)])
def test_both_weights_are_recovered(a, b):
    rng = np.random.default_rng(0)
    z = rng.standard_normal(100_000) * 2.5
    y = (rng.random(len(z)) < sigmoid(np.sign(z) * published(np.abs(z), a, b))).astype(float)
    fitted = Beta().fit(z, y)
    assert (fitted.a_, fitted.b_) == pytest.approx((a, b), abs=0.08)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("scale", [0.05, 1.0, 20.0])
def test_the_fit_is_the_best_point_of_the_allowed_quadrant(seed, scale):
    rng = np.random.default_rng(seed)
    s, right = rng.exponential(scale, 60), (rng.random(60) < rng.uniform(0.3, 0.9)).astype(float)
    mean = s.mean()
    rows = np.append(s, [mean / 2, mean / 2, 2 * mean, 2 * mean])
    t, w = np.append(right, [1, 0, 1, 0]), np.append(np.ones(60), [0.5] * 4)

    def loss(ab: np.ndarray) -> float:
        eta = published(rows, ab[0], ab[1])
        return float((w * (np.logaddexp(0, eta) - t * eta)).sum())

    starts = ([0.5 / mean, 0.5 / mean], [0.0, 1 / mean], [1 / mean, 0.01 / mean])
    best = min(minimize(loss, x, bounds=[(0, None), (1e-3 / mean, None)], tol=1e-12).fun for x in starts)
    fitted = Beta().fit(s, right)
    assert loss(np.array([fitted.a_, fitted.b_])) <= best + 2e-3


@given(st.lists(st.tuples(st.floats(1e-6, 1e5), st.booleans()), min_size=1, max_size=20))
def test_few_or_separable_pairs_give_finite_weights(rows):
    s, right = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    fitted = Beta().fit(s, right)
    assert np.isfinite([fitted.a_, fitted.b_]).all()
    assert fitted.a_ >= 0 < fitted.b_


@pytest.mark.parametrize("seed", [0, 1, 33, 52, 113])  # from 33 on the two columns cannot be told apart
def test_log_odds_and_weights_of_any_size_are_survived(seed):
    rng = np.random.default_rng(seed)
    z = rng.exponential(size=20) * 10 ** rng.uniform(-6, 6, 20)
    fitted = Beta().fit(z, rng.random(20) < 0.7, weight=10 ** rng.uniform(-6, 4, 20))
    out = fitted.transform([1e-5, 1e-3, 0.1, 1, 10, 1e3, 1e6])
    assert np.isfinite(out).all()
    assert (np.diff(out) >= 0).all()


def test_ten_right_answers_do_not_make_certain():
    p = sigmoid(Beta().fit([2.0] * 10, [1.0] * 10).transform([2.0]))
    assert 0.85 < p[0] < 0.97


def test_a_model_that_is_always_wrong_says_next_to_nothing_but_keeps_the_order():
    out = Beta().fit([1.0, 2.0, 3.0], [0, 0, 0]).transform([1.0, 2.0, 3.0])
    assert (np.diff(out) > 0).all()
    assert (sigmoid(out) < 0.501).all()


def test_it_bends_where_a_temperature_cannot():
    rng = np.random.default_rng(1)
    z = rng.standard_normal(20_000) * 3
    y = (rng.random(len(z)) < sigmoid(1.2 * np.tanh(z))).astype(float)
    beta, temperature = (sigmoid(kind().fit(z, y).transform([8.0]))[0] for kind in (Beta, Temperature))
    assert abs(beta - sigmoid(np.array([1.2]))[0]) < 0.06 < temperature - sigmoid(np.array([1.2]))[0]
