"""Votes drawn from known accuracies, so that models are tested against truth and not against their past output."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray


def draw_votes(
    n: int,
    accuracies: Sequence[float],
    coverages: Sequence[float] | float = 1.0,
    seed: int = 0,
    *,
    copies: int = 0,
    copy_noise: float = 0.05,
) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
    """`L` `(n, m + copies)` int8 and `y` `(n,)` float64 in {0, 1}: votes that are independent given y.

    `copies` further columns repeat the first one, each vote flipped with probability `copy_noise`.
    """
    rng = np.random.default_rng(seed)
    m = len(accuracies)
    y = rng.integers(2, size=n)
    right = rng.random((n, m)) < np.asarray(accuracies)
    L = np.where(right, y[:, None], 1 - y[:, None])
    if copies:
        flip = rng.random((n, copies)) < copy_noise
        L = np.hstack([L, np.where(flip, 1 - L[:, :1], L[:, :1])])
    spoken = rng.random(L.shape) < np.append(
        np.broadcast_to(coverages, m), np.full(copies, _first(coverages))
    )
    return np.where(spoken, L, -1).astype(np.int8), y.astype(np.float64)


def draw_margins(
    n: int, slopes: Sequence[float], seed: int = 0, *, min_gap: float = 0.0
) -> tuple[NDArray[np.int8], NDArray[np.float32], NDArray[np.float64]]:
    """`L`, `margins` `(n, m)` and `y`: margins are standard normal, y is drawn from sigmoid(margins @ slopes).

    A margin below `min_gap` in size is kept, but its vote is an abstain.
    """
    rng = np.random.default_rng(seed)
    margins = rng.standard_normal((n, len(slopes)))
    p = 1 / (1 + np.exp(-margins @ np.asarray(slopes)))
    y = (rng.random(n) < p).astype(np.float64)
    L = np.where(np.abs(margins) < min_gap, -1, margins > 0).astype(np.int8)
    return L, margins.astype(np.float32), y


def _first(coverages: Sequence[float] | float) -> float:
    return float(np.ravel(coverages)[0])


def draw_classes(
    n: int,
    accuracies: Sequence[float],
    coverage: float = 1.0,
    seed: int = 0,
    *,
    k: int = 2,
    balance: Sequence[float] | None = None,
    copies: int = 0,
    copy_noise: float = 0.05,
) -> tuple[NDArray[np.int8], NDArray[np.int64]]:
    """`L` `(n, m + copies)` int8 with votes 0..k-1 and `y` `(n,)` int64: independent given y, wrong votes spread evenly.

    `balance` `(k,)` is how common the classes are, evenly by default. `copies` further columns repeat the first one,
    each vote moved to another class with probability `copy_noise`. Every cell is silent with chance 1 - coverage.
    """
    rng = np.random.default_rng(seed)
    m = len(accuracies)
    y = rng.choice(k, size=n, p=balance)
    right = rng.random((n, m)) < np.asarray(accuracies)
    L = np.where(right, y[:, None], (y[:, None] + rng.integers(1, k, (n, m))) % k)
    if copies:
        moved = (L[:, :1] + rng.integers(1, k, (n, copies))) % k
        L = np.hstack([L, np.where(rng.random((n, copies)) < copy_noise, moved, L[:, :1])])
    return np.where(rng.random(L.shape) < coverage, L, -1).astype(np.int8), y


def even_accuracies(m: int, low: float = 0.55, high: float = 0.9) -> NDArray[np.float64]:
    """`m` accuracies from low to high, in a fixed order that is not sorted."""
    return np.random.default_rng(m).permutation(np.linspace(low, high, m))


KNOWN_TRUTH: dict[
    str, Callable[[int, int], tuple[NDArray[np.int8], NDArray[np.int64], NDArray[np.float64]]]
] = {}
"""Cases with known truth by name: `(n, seed)` gives `L`, `y` and the accuracy of each column."""


def _case(
    name: str, accuracies: Sequence[float] | NDArray[np.float64], coverage: float, **settings: object
) -> None:
    def draw(n: int, seed: int) -> tuple[NDArray[np.int8], NDArray[np.int64], NDArray[np.float64]]:
        L, y = draw_classes(n, list(accuracies), coverage, seed, **settings)  # type: ignore[arg-type]
        noise = float(settings.get("copy_noise", 0.05))  # type: ignore[arg-type]
        first = accuracies[0] * (1 - noise) + (1 - accuracies[0]) * noise  # of a copy, for two classes
        return L, y, np.append(accuracies, [first] * (L.shape[1] - len(accuracies)))

    KNOWN_TRUTH[name] = draw


_case("20 independent LFs", even_accuracies(20), 0.3)
_case("five near-copies among 20", [0.6, *even_accuracies(15)], 0.3, copies=4)
_case("five near-copies among 20, all vote", [0.6, *even_accuracies(15)], 1.0, copies=4)
_case("two of ten LFs below chance", [*even_accuracies(8), 0.3, 0.35], 0.5)
_case("coverage of 1%", even_accuracies(20), 0.01)
_case("class balance .05", even_accuracies(10), 0.5, balance=[0.95, 0.05])
_case("3 LFs", [0.8, 0.7, 0.65], 0.8)
_case("200 independent LFs", even_accuracies(200), 0.3)
_case("four classes", even_accuracies(15), 0.4, k=4)
