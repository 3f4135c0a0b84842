"""How many gold labels weak labels are worth, on curves whose answer is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.isotonic import isotonic_regression

from weaklabel.metrics import METRICS
from weaklabel.pipeline.sweep.worth import CrossedDraws, monotone, read_backwards, summed, worth
from weaklabel.types import FloatArray

SIZES = [25, 50, 100, 200]
CURVE = np.array([0.60, 0.65, 0.70, 0.75])  # a doubling is worth five points


def drawn(target: FloatArray, noise: float = 0.0, seed: int = 0) -> tuple[FloatArray, FloatArray]:
    rng = np.random.default_rng(seed)
    curves = CURVE + noise * rng.standard_normal((len(target), len(SIZES)))
    return curves, target


def test_a_curve_that_doubles_is_read_between_its_points() -> None:
    curves, target = drawn(np.full(101, 0.675))
    found = worth(SIZES, curves, target, 25)
    assert found.size == pytest.approx(50 * math.sqrt(2))
    assert (found.low, found.high) == pytest.approx((found.size, found.size))
    assert found.extra == pytest.approx(50 * math.sqrt(2) - 25)


def test_more_than_the_largest_size_is_open_above_and_less_than_the_smallest_below() -> None:
    above = worth(SIZES, *drawn(np.full(11, 0.8)), 25)
    below = worth(SIZES, *drawn(np.full(11, 0.5)), 25)
    assert str(above) == ">200 [>200, >200]"
    assert str(below) == "<25 [<25, <25]"
    assert above.to_dict() == {"size": ">200", "low": ">200", "high": ">200", "gold": 25}


def test_the_interval_covers_the_truth_and_its_ends_may_be_open() -> None:
    rng = np.random.default_rng(1)
    target = np.concatenate([[0.70], 0.70 + 0.03 * rng.standard_normal(2000)])
    found = worth(SIZES, *drawn(target, noise=0.01), 50)
    assert found.low < 100 < found.high
    # One and a half doublings is two standard errors away.
    assert found.low == pytest.approx(100 / 2**1.2, rel=0.3)


def test_a_curve_is_made_monotone_as_by_isotonic_regression() -> None:
    rng = np.random.default_rng(0)
    curves = rng.random((50, 6))
    wanted = [isotonic_regression(row) for row in curves]
    assert monotone(curves) == pytest.approx(np.array(wanted))


def test_reading_backwards_takes_the_smallest_size_of_a_flat_stretch() -> None:
    x, curve = np.array([0.0, 1.0, 2.0]), np.array([[0.5, 0.6, 0.6]])
    assert read_backwards(x, curve, np.array([0.6]))[0] == 1.0
    assert read_backwards(x, curve, np.array([0.5]))[0] == 0.0


def test_crossed_draws_are_wider_than_draws_of_prompts_where_seeds_differ() -> None:
    # Two hundred prompts, ten seeds of which half are always right: the seeds are all that varies.
    y = [np.ones(200)] * 10
    p = [np.full(200, 0.9 if seed % 2 else 0.1) for seed in range(10)]
    prompts = [np.arange(200)] * 10
    sums = summed("accuracy", p, y, prompts, 200)
    figures = CrossedDraws(10, 200).figures(METRICS["accuracy"], sums)
    assert figures.mean() == pytest.approx(0.5, abs=0.02)
    assert figures.std() == pytest.approx(math.sqrt(0.25 / 10), rel=0.1)


def test_crossed_draws_know_that_seeds_share_prompts() -> None:
    # All seeds see the same prompts and agree: ten seeds are no more than one.
    rng = np.random.default_rng(0)
    right = rng.integers(2, size=200)
    p = [np.where(right == 1, 0.9, 0.1)] * 10
    sums = summed("accuracy", p, [np.ones(200)] * 10, [np.arange(200)] * 10, 200)
    figures = CrossedDraws(10, 200).figures(METRICS["accuracy"], sums)
    assert figures.std() == pytest.approx(math.sqrt(0.25 / 200), rel=0.1)


def test_gold_ties_count_in_nll_and_not_in_accuracy() -> None:
    sums = {
        m: summed(m, [np.array([0.9, 0.9])], [np.array([1.0, 0.5])], [np.array([0, 1])], 2)
        for m in ("accuracy", "nll")
    }
    assert sums["accuracy"][0, :, -1].tolist() == [1.0, 0.0]
    assert sums["nll"][0, :, -1].tolist() == [1.0, 1.0]
