"""Means and ratios of any numbers, with the interval that resampling prompts gives."""

from __future__ import annotations

import math

import numpy as np
import pytest

from weaklabel.errors import LabelMatrixError
from weaklabel.metrics import bootstrap_ratio


def test_an_interval_of_a_mean_is_as_wide_as_its_standard_error_says() -> None:
    values = np.random.default_rng(0).normal(3.0, 2.0, 400)
    found = bootstrap_ratio(values)
    error = values.std() / 20
    assert found.value == pytest.approx(values.mean())
    assert found.high - found.low == pytest.approx(2 * 1.96 * error, rel=0.1)


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(200):
        tokens = rng.integers(1, 60, 100)
        found = bootstrap_ratio(0.3 * tokens + rng.normal(0, 5, 100), tokens)
        held += found.low <= 0.3 <= found.high
    assert 0.9 <= held / 200 <= 0.98


def test_rows_of_one_prompt_are_drawn_together() -> None:
    values, prompts = np.random.default_rng(2).normal(size=50), np.arange(50)
    once = bootstrap_ratio(values, groups=prompts)
    twice = bootstrap_ratio(np.repeat(values, 4), groups=np.repeat(prompts, 4))
    assert (twice.value, twice.low, twice.high) == pytest.approx((once.value, once.low, once.high))
    one = bootstrap_ratio([1.0, 2.0], groups=[7, 7])
    assert (one.value, one.low, one.high) == (1.5, -math.inf, math.inf)


@pytest.mark.parametrize(
    ("values", "per", "message"),
    [
        ([], None, r"values have shape \(0,\)"),
        ([1.0], [1.0, 2.0], r"values have shape \(1,\) and per \(2,\)"),
        ([[1.0]], None, r"values have shape \(1, 1\)"),
        ([1.0, math.nan], None, "a number that is not finite"),
        ([1.0, 2.0], [1.0, math.inf], "a number that is not finite"),
    ],
)
def test_numbers_that_have_no_mean_are_one_line(values: list, per: list | None, message: str) -> None:
    with pytest.raises(LabelMatrixError, match=message):
        bootstrap_ratio(values, per)
