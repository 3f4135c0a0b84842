"""`Kernel`: its values against the formula, its features against its values."""

from __future__ import annotations

import math

import numpy as np
import pytest

from weaklabel.reward import kernel
from weaklabel.reward.kernel import Kernel
from weaklabel.types import FloatArray


def vectors(n: int = 30, seed: int = 0) -> FloatArray:
    """Two halves of three numbers, the second a hundred times as far apart as the first."""
    return np.random.default_rng(seed).standard_normal((n, 6)) * [1, 1, 1, 100, 100, 100]


def test_the_values_are_those_of_the_formula() -> None:
    made = Kernel.of(vectors(), 0)
    x, landmark = vectors(1, seed=1)[0], made.landmarks[7]
    near = (
        sum((x[:3] - landmark[:3]) ** 2) / made.widths[0] + sum((x[3:] - landmark[3:]) ** 2) / made.widths[1]
    )
    assert made.at(x[None])[0, 7] == pytest.approx(math.exp(-near))


def test_the_halves_have_equal_say_and_the_median_distance_gives_one_over_e() -> None:
    made = Kernel.of(vectors(), 0)
    assert made.widths[1] / made.widths[0] == pytest.approx(1e4, rel=0.3)
    between = made.at(made.landmarks)[np.triu_indices(30, 1)]
    assert np.median(between) == pytest.approx(math.exp(-1), rel=0.02)


def test_features_have_the_kernel_as_their_dot_products() -> None:
    made = Kernel.of(vectors(), 0)
    features = made.at(made.landmarks) @ made.basis()
    assert features @ features.T == pytest.approx(made.at(made.landmarks), abs=1e-6)


def test_neither_order_nor_repeats_of_the_vectors_matter() -> None:
    given = vectors()
    one, other = Kernel.of(given, 0), Kernel.of(np.concatenate([given[::-1], given[:9]]), 0)
    assert (one.landmarks == other.landmarks).all()
    assert (one.widths == other.widths).all()


def test_a_row_does_not_depend_on_its_neighbours() -> None:
    made, asked = Kernel.of(vectors(), 0), vectors(9, seed=1)
    assert (made.at(asked)[4] == made.at(asked[4:5])[0]).all()
    assert (made.at(asked[[4, 4, 1]])[1] == made.at(asked)[4]).all()


def test_many_vectors_are_spanned_by_some_that_the_seed_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "MOST_LANDMARKS", 10)
    drawn = [Kernel.of(vectors(), seed).landmarks for seed in (0, 0, 1)]
    assert len(drawn[0]) == 10
    assert (drawn[0] == drawn[1]).all()
    assert not (drawn[0] == drawn[2]).all()


def test_vectors_that_are_all_the_same_tell_nothing_apart() -> None:
    made = Kernel.of(np.ones((5, 4)), 0)
    assert made.at(np.ones((2, 4))).tolist() == [[1.0], [1.0]]
    assert made.basis() == pytest.approx(np.ones((1, 1)))
