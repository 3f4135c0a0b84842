"""Distances without direction, k-centres against the best there is, k-means++ against its definition, clusters."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pytest

from weaklabel.acquisition.geometry import clusters, k_center, k_means_pp, nearest, squared_distance, unit
from weaklabel.types import FloatArray


def radius(rows: FloatArray, centres: FloatArray) -> float:
    return float(np.sqrt(nearest(rows, centres).max()))


def best_radius(rows: FloatArray, n: int, known: FloatArray) -> float:
    return min(
        radius(rows, np.concatenate([known, rows[list(some)]])) for some in combinations(range(len(rows)), n)
    )


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("n", [1, 2, 3])
def test_k_centres_are_within_twice_the_best_radius(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(11, 2)) * rng.choice([0.2, 3.0], (11, 1))
    chosen, value = k_center(rows, n, rng)
    assert radius(rows, rows[chosen]) <= 2 * best_radius(rows, n, np.empty((0, 2))) + 1e-9
    assert (np.diff(value[1:]) <= 1e-9).all()  # nobody farther is left over


@pytest.mark.parametrize("seed", range(10))
def test_k_centres_begin_with_what_is_known(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows, known = rng.normal(size=(10, 3)), rng.normal(size=(3, 3))
    chosen, value = k_center(rows, 2, rng, known)
    assert chosen[0] == np.argmax(nearest(rows, known))
    assert value[0] == pytest.approx(np.sqrt(nearest(rows, known).max()))
    # Centres that are given cannot be moved, so that the bound is the best of two more.
    assert radius(rows, np.concatenate([known, rows[chosen]])) <= 2 * best_radius(rows, 2, known) + 1e-9


def test_a_pair_and_its_opposite_are_one_point() -> None:
    rows = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0]])
    chosen, _ = k_center(rows, 2, np.random.default_rng(0), rows[:1])
    assert chosen[0] == 2
    chosen, _ = k_center(rows, 2, np.random.default_rng(0), rows[:1], directed=True)
    assert chosen[0] == 1


def test_the_distance_without_direction_is_the_smaller_of_two_and_a_metric() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(15, 4))
    d = np.sqrt(squared_distance(x, x))
    by_hand = [[min(np.linalg.norm(a - b), np.linalg.norm(a + b)) for b in x] for a in x]
    assert d == pytest.approx(np.array(by_hand), abs=1e-7)
    assert (d[:, None, :] <= d[:, :, None] + d[None] + 1e-7).all()  # through any third point it is no shorter


def test_seeding_draws_in_proportion_to_squared_distance() -> None:
    rows = np.array([[2.0, 0.0], [2.0, 1.0], [-1.0, 0.0], [0.0, 0.0]])
    rng = np.random.default_rng(3)
    counts = np.zeros((4, 4))
    draws = 20_000
    for _ in range(draws):
        one, other = k_means_pp(rows, 2, rng, directed=True)[0]
        counts[one, other] += 1
    expected = np.zeros((4, 4))
    first = (rows**2).sum(axis=1) / (rows**2).sum()
    for i, j in product(range(4), repeat=2):
        apart = np.minimum(((rows - rows[i]) ** 2).sum(axis=1), (rows**2).sum(axis=1))
        expected[i, j] = first[i] * apart[j] / apart.sum()
    error = np.sqrt(expected * (1 - expected) / draws)
    assert (np.abs(counts / draws - expected) <= 4.5 * error).all()


def test_clusters_find_directions_whatever_their_sign() -> None:
    rng = np.random.default_rng(2)
    true = rng.integers(0, 3, 90)
    rows = unit(np.eye(5)[true] * rng.choice([-1.0, 1.0], (90, 1)) + rng.normal(size=(90, 5)) * 0.1)
    found, centres = clusters(rows, 3, rng)
    assert len({(a, b) for a, b in zip(true, found, strict=True)}) == 3
    assert np.linalg.norm(centres, axis=1) == pytest.approx(1.0)
