"""The best of n from K draws, against every subset of size n."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from weaklabel.errors import LabelMatrixError
from weaklabel.metrics import best_of_curve, best_of_weights


def by_subsets(values: np.ndarray, others: np.ndarray, n: int) -> float:
    """The mean over all subsets of size n of what their best has; of equal bests the mean."""
    found = []
    for some in combinations(range(len(values)), n):
        rows = np.array(some)
        best = rows[values[rows] == values[rows].max()]
        found.append(others[best].mean())
    return float(np.mean(found))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("tied", [False, True])
def test_the_curve_is_the_mean_over_all_subsets(seed: int, tied: bool) -> None:
    draw = np.random.default_rng(seed)
    values = draw.integers(0, 3, 7).astype(float) if tied else draw.normal(size=7)
    others = draw.normal(size=7)
    expected = [by_subsets(values, others, n) for n in range(1, 8)]
    assert best_of_curve(values, others) == pytest.approx(expected, abs=1e-12)
    assert best_of_curve(values) == pytest.approx([by_subsets(values, values, n) for n in range(1, 8)])


def test_the_curve_does_not_depend_on_the_order_of_the_draws() -> None:
    draw = np.random.default_rng(0)
    values, others = draw.integers(0, 2, 9).astype(float), draw.normal(size=9)
    turned = draw.permutation(9)
    assert best_of_curve(values[turned], others[turned]) == pytest.approx(best_of_curve(values, others))


def test_it_is_without_bias_for_the_best_of_n_fresh_draws() -> None:
    # The mean of the larger of two uniform numbers is 2/3, of the largest of three 3/4.
    draws = np.random.default_rng(1).random((20_000, 5))
    means = np.mean([best_of_curve(row, most=3) for row in draws], axis=0)
    assert means == pytest.approx([1 / 2, 2 / 3, 3 / 4], abs=0.005)


def test_weights_of_many_draws_are_numbers_and_sum_to_one() -> None:
    for n in (1, 2, 500, 1000):
        weights = best_of_weights(1000, n)
        assert weights.sum() == pytest.approx(1)
        assert (weights >= 0).all()
    assert best_of_weights(4, 4).tolist() == [0, 0, 0, 1]
    assert best_of_weights(4, 1).tolist() == [0.25] * 4


@pytest.mark.parametrize(
    ("values", "others", "more", "said"),
    [
        ([1.0, np.nan], None, {}, "not finite"),
        ([1.0], [np.inf], {}, "not finite"),
        ([], None, {}, "K >= 1"),
        ([[1.0]], None, {}, "K >= 1"),
        ([1.0], [1.0, 2.0], {}, r"shape \(1,\) and others \(2,\)"),
        ([1.0, 2.0], None, {"most": 3}, "best of 3 was asked of 2 draws"),
    ],
)
def test_what_cannot_be_is_refused(values: object, others: object, more: dict[str, int], said: str) -> None:
    with pytest.raises(LabelMatrixError, match=said):
        best_of_curve(values, others, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("n", [0, -1, 4])
def test_the_best_of_no_draws_or_too_many_is_refused(n: int) -> None:
    with pytest.raises(LabelMatrixError, match="Allowed: 1 to the number of draws"):
        best_of_weights(3, n)
