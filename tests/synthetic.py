"""Votes drawn from known accuracies, so that models are tested against truth and not against their past output."""

from __future__ import annotations

from collections.abc import Sequence

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
