"""Crowds drawn with known truth: workers who err by class, spam, or copy each other, on classes that are not equally common.

Every crowd is one of the combinations of `CROWDS`: 2 or 4 classes, evenly common or not, a small crowd that votes densely or
a large one that votes sparsely, and one trouble out of five. Who votes on what is drawn evenly.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

TROUBLES: Final = ("none", "errors by class", "spammers", "cliques", "all three")
_SIZES: Final = {"dense": (400, 20, 8), "sparse": (2000, 150, 5)}  # rows, workers, votes a row
_BALANCES: Final = {
    ("even", 2): (0.5, 0.5),
    ("even", 4): (0.25,) * 4,
    ("skewed", 2): (0.85, 0.15),
    ("skewed", 4): (0.6, 0.25, 0.1, 0.05),
}


class Crowd(NamedTuple):
    """What a crowd is like; `title` names it."""

    k: int
    balance: str
    size: str
    trouble: str

    @property
    def title(self) -> str:
        return f"{self.k} classes, {self.balance}, {self.size}, {self.trouble}"


CROWDS: Final = tuple(Crowd(*one) for one in product((2, 4), ("even", "skewed"), _SIZES, TROUBLES))


def draw_crowd(crowd: Crowd, seed: int) -> tuple[NDArray[np.int8], NDArray[np.int64]]:
    """`L` `(n, m)` int8, votes 0..k-1 and -1 for none, and the truth `(n,)` int64."""
    rng = np.random.default_rng([seed, CROWDS.index(crowd)])
    n, m, per_row = _SIZES[crowd.size]
    truth = rng.choice(crowd.k, size=n, p=_BALANCES[crowd.balance, crowd.k])
    chances = np.stack(list(_workers(crowd, m, rng)))  # (m, truth, vote)
    steps = chances.cumsum(axis=2)[:, truth, :]  # (m, n, k)
    votes = (rng.random((m, n, 1)) > steps[:, :, :-1]).sum(axis=2).T
    if crowd.trouble in ("cliques", "all three"):
        votes = _copied(votes, rng)
    asked = np.argsort(rng.random((n, m)), axis=1) < per_row
    return np.where(asked, votes, -1).astype(np.int8), truth


def _workers(crowd: Crowd, m: int, rng: np.random.Generator) -> Iterator[NDArray[np.float64]]:
    """Each worker's P(vote | truth), `(k, k)`."""
    k, by_class = crowd.k, crowd.trouble in ("errors by class", "all three")
    hard = rng.normal(0.0, 0.8, k) if by_class else np.zeros(k)  # for everybody
    mistaken = rng.dirichlet(np.ones(k), size=k) if by_class else np.full((k, k), 1.0 / k)
    for _ in range(m):
        if crowd.trouble in ("spammers", "all three") and rng.random() < 0.3:
            yield np.tile(rng.dirichlet(np.full(k, 0.7)), (k, 1))  # votes the same whatever the truth
            continue
        own = rng.normal(0.0, 0.7, k) if by_class else 0.0
        right = 1.0 / (1.0 + np.exp(-(rng.normal(0.9, 0.8) + hard + own)))
        wrong = mistaken * (1.0 - np.eye(k))
        yield np.diag(right) + (1.0 - right)[:, None] * wrong / wrong.sum(axis=1, keepdims=True)


def _copied(votes: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """A third of the workers in cliques of five, in which four say in nine of ten rows what the first says."""
    votes = votes.copy()
    members = rng.permutation(votes.shape[1])[: votes.shape[1] // 3]
    for clique in np.array_split(members, max(len(members) // 5, 1)):
        copies = rng.random((len(votes), len(clique) - 1)) < 0.9
        votes[:, clique[1:]] = np.where(copies, votes[:, clique[:1]], votes[:, clique[1:]])
    return votes
