"""Small pools of pairs that could be asked, drawn by a seed."""

from __future__ import annotations

import numpy as np

from weaklabel.acquisition import Pool
from weaklabel.types import FloatArray


def made_pool(n: int = 40, d: int = 6, *, known: int = 5, seed: int = 0) -> Pool:
    """A pool with every part, whose ids are in no order; features of mean square length near 1."""
    rng = np.random.default_rng(seed)
    ids = tuple(f"p{i:03}" for i in rng.permutation(n))
    x, old = (rng.normal(size=(rows, d)) / np.sqrt(d) for rows in (n, known))
    weights = rng.normal(size=d) * 2
    return Pool(
        ids,
        x @ weights,
        rng.integers(0, 4, n),
        other=x @ weights + rng.normal(size=n),
        features=x,
        text=rng.normal(size=(n, d)),
        known_features=old,
        known_logit=old @ weights,
        known_text=rng.normal(size=(known, d)),
    )


def with_logit(logit: FloatArray) -> Pool:
    """A pool of which beliefs alone are known."""
    n = len(logit)
    return Pool(tuple(f"p{i:03}" for i in range(n)), logit, np.zeros(n, dtype=np.int64))
