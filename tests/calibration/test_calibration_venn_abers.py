"""Venn-Abers against isotonic regression refitted for every pair, its mirror, and its promise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import isotonic_regression

from weaklabel.calibration import Temperature, VennAbers
from weaklabel.calibration.hulls import raised_isotonic
from weaklabel.calibration.temperature import SLOPE
from weaklabel.errors import LabelMatrixError, NotFittedError
from weaklabel.types import sigmoid

strengths = st.sampled_from([0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 7.0])
gold = st.lists(
    st.tuples(strengths, st.sampled_from([0.0, 0.5, 1.0]), st.sampled_from([0.5, 1.0, 3.0])),
    min_size=0,
    max_size=25,
)
SEEN_AND_UNSEEN = [0.1, 0.25, 0.4, 0.5, 0.75, 1.0, 1.2, 1.5, 1.7, 2.0, 2.5, 3.0, 5.0, 7.0, 9.0]


def brute(s: np.ndarray, right: np.ndarray, w: np.ndarray, at: float, answer: float) -> float:
    """Isotonic regression with the pair itself among the rows."""
    s, right, w = np.append(s, at), np.append(right, answer), np.append(w, 1.0)
    distinct, where = np.unique(s, return_inverse=True)
    n, k = np.bincount(where, w), np.bincount(where, w * right)
    return float(isotonic_regression(k / n, weights=n).x[np.searchsorted(distinct, at)])


@given(gold)
def test_intervals_are_those_of_refitting_for_every_pair(rows):
    s, right, w = (np.array(c, dtype=float) for c in zip(*rows, strict=True)) if rows else (np.empty(0),) * 3
    fitted = VennAbers()
    fitted._fit(s, right, w, np.arange(len(s)))
    by_hand = [[brute(s, right, w, at, answer) for answer in (0.0, 1.0)] for at in SEEN_AND_UNSEEN]
    assert fitted.intervals(SEEN_AND_UNSEEN) == pytest.approx(np.array(by_hand), abs=1e-12)


@pytest.mark.parametrize("seed", range(20))
def test_the_sweep_agrees_with_refitting_on_long_samples(seed):
    rng = np.random.default_rng(seed)
    s = np.round(rng.exponential(size=300), rng.integers(1, 6))
    s[s == 0] = 0.5
    right = (rng.random(300) < sigmoid(rng.choice([-1, 0, 1, 2]) * s)).astype(float)
    at = rng.exponential(size=40)
    by_hand = [[brute(s, right, np.ones(300), x, answer) for answer in (0.0, 1.0)] for x in at]
    assert VennAbers().fit(s, right).intervals(at) == pytest.approx(np.array(by_hand), abs=1e-12)


@given(st.lists(st.tuples(st.floats(-8, 8), st.sampled_from([0.0, 0.5, 1.0])), min_size=1, max_size=30))
def test_swapping_turns_intervals_round_to_the_bit(rows):
    z, y = (np.array(column) for column in zip(*rows, strict=True))
    fitted = VennAbers().fit(z, y)
    probe = np.append(np.linspace(-9, 9, 51), z)
    assert (fitted.intervals(-probe) == 1 - fitted.intervals(probe)[:, ::-1]).all()


@given(gold)
def test_an_interval_is_one_and_holds_the_point_but_for_its_slope_unless_it_was_stopped_at_one_half(rows):
    s, right, w = (np.array(c, dtype=float) for c in zip(*rows, strict=True)) if rows else (np.empty(0),) * 3
    fitted = VennAbers()
    fitted._fit(s, right, w, np.arange(len(s)))
    p0, p1 = fitted.intervals(SEEN_AND_UNSEEN).T
    out = fitted.transform(SEEN_AND_UNSEEN)
    p = sigmoid((out - fitted.slope_ * np.array(SEEN_AND_UNSEEN)) / (1 - SLOPE))
    assert (np.diff(out) > 0).all()
    assert (p0 < p1).all()
    assert ((p0 <= p + 1e-12) & ((p <= p1 + 1e-12) | (p <= 0.5 + 1e-12))).all()
    assert np.maximum(p1 / (1 - p0 + p1), 0.5) == pytest.approx(p)


def test_the_width_tells_how_much_gold_there_is():
    rng = np.random.default_rng(0)

    def width(n: int) -> float:
        z = rng.standard_normal(n) * 2
        p0, p1 = (
            VennAbers()
            .fit(z, (rng.random(n) < sigmoid(z)).astype(float))
            .intervals(np.linspace(0.2, 4, 50))
            .T
        )
        return float((p1 - p0).mean())

    assert width(50) > 2 * width(1000) > 4 * width(20_000)


def test_without_gold_that_speaks_anything_is_possible():
    fitted = VennAbers().fit([0.0, 0.0], [1, 0])
    assert fitted.intervals([2.0, -2.0, 0.0]).tolist() == [[0.0, 1.0]] * 3
    assert fitted.transform([2.0])[0] == pytest.approx(SLOPE * 2.0)  # next to nothing, in the order given


def test_a_silent_pair_gets_what_either_direction_would_say():
    fitted = VennAbers().fit([1.0] * 9, [1] * 6 + [0] * 3)
    (low, high), (silent_low, silent_high) = fitted.intervals([1.0, 0.0])
    assert (low, high) == (0.6, 0.7)
    # Fainter than all gold: a wrong answer there would be a block of its own.
    assert (silent_low, silent_high) == (0.0, 1.0)


def test_the_point_follows_laplace_where_all_say_the_same():
    for k in (6, 8, 10):
        p = sigmoid(VennAbers().fit([2.0] * 10, [1] * k + [0] * (10 - k)).transform([2.0]))
        assert p[0] == pytest.approx((k + 1) / 12)  # a temperature says the same


def test_one_of_the_two_is_right_on_average():
    # The promise: take p1 where the pair turns out right and p0 where not; its mean is the share right.
    rng = np.random.default_rng(1)
    chosen, right = [], []
    for _ in range(1500):
        s = rng.exponential(size=21)
        y = (rng.random(21) < 0.9 - 0.3 * (s > 1)).astype(float)  # the loud are wrong more often
        p0, p1 = VennAbers().fit(s[:20], y[:20]).intervals(s[20:])[0]
        chosen.append(p1 if y[20] else p0)
        right.append(y[20])
    assert np.mean(chosen) == pytest.approx(
        np.mean(right), abs=3 * np.std(np.subtract(chosen, right)) / 1500**0.5
    )


def test_it_is_as_calibrated_as_a_temperature_where_a_temperature_is_right():
    rng = np.random.default_rng(2)
    z = rng.standard_normal(20_000) * 2
    y = (rng.random(len(z)) < sigmoid(0.5 * z)).astype(float)
    probe = np.linspace(0.2, 4, 30)
    one, other = (sigmoid(kind().fit(z, y).transform(probe)) for kind in (VennAbers, Temperature))
    assert np.abs(one - other).max() < 0.05


def test_a_success_added_where_all_fail_stands_alone_only_at_the_end():
    assert raised_isotonic(np.ones(3), np.zeros(3)).tolist() == [0.25, pytest.approx(1 / 3), 0.5]


def test_asking_before_fitting_and_logits_that_are_none_are_refused():
    with pytest.raises(NotFittedError, match="Call fit"):
        VennAbers().intervals([1.0])
    with pytest.raises(LabelMatrixError, match="not finite"):
        VennAbers().fit([1.0], [1]).intervals([np.nan])


def test_saved_ends_of_an_interval_that_cross_are_refused():
    state = VennAbers().fit([1.0] * 4 + [3.0] * 8, [1, 1, 1, 0] + [1] * 8).to_dict()
    assert VennAbers.from_dict(state).intervals([1.0]).round(3).tolist() == [[0.6, 0.8]]
    with pytest.raises(ValueError, match="no fit gives these"):
        VennAbers.from_dict(state | {"lower": [0.85, 0.9]})  # still rising, but above upper's .8
