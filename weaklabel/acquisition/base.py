"""The contract of a rule of acquisition: a pool in, the pairs to ask out, each with its worth and the reason."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np
from numpy.typing import NDArray

from weaklabel._shown import Shown
from weaklabel.acquisition.pool import Pool, positions
from weaklabel.errors import ConfigError
from weaklabel.logistic import one_thread
from weaklabel.types import FloatArray

Picked = tuple[NDArray[np.int64], FloatArray]
"""Rows of a pool in the order in which they should be asked, and what each was worth when it was picked."""


@dataclass(frozen=True)
class Chosen:
    """Pairs to ask, the first one first.

    Attributes:
        rows: `(n,)` int64, distinct rows of the pool.
        value: `(n,)` float64, what each was worth when it was picked; in what unit, its rule says.
        reasons: `n` sentences.
    """

    rows: NDArray[np.int64]
    value: FloatArray
    reasons: tuple[str, ...]


class Acquisition(Shown, ABC):
    """A rule that picks which pairs people see next. The constructor only stores settings.

    Neither the order of a pool nor which response of a pair comes first has a say: rows are drawn into an order that the
    ids and the seed give, and a rule uses what a pair's direction leaves alone. Nor do ids: where pairs are worth the same,
    as where few functions vote, the first of them is any. A class of your own writes `name`, `needs`, `_choose` and
    `_reason`; `check_acquisition` tries the contract on a pool.
    """

    name: ClassVar[str]
    needs: tuple[str, ...] = ()
    """Optional parts of a `Pool` that it cannot do without."""

    @final
    def choose(self, pool: Pool, n: int, *, seed: int = 0) -> Chosen:
        """`n` pairs of the pool; the same for the same pool and seed.

        Raises:
            ConfigError: `n` below 1 or above the pool's size; a part that the rule needs is not in the pool.
        """
        if not 1 <= n <= len(pool):
            raise ConfigError(
                f"acquisition {self.name!r}: n is {n}. Allowed: 1 to {len(pool)}, the pairs that can be asked."
            )
        if missing := [name for name in self.needs if getattr(pool, name) is None]:
            raise ConfigError(
                f"acquisition {self.name!r} needs {missing[0]!r}, which the pool does not have. It has: "
                f"{', '.join(pool.parts)}."
            )
        rng = np.random.default_rng(seed)
        order = rng.permutation(positions(pool.ids))
        with one_thread():
            rows, value = self._choose(pool.take(order), n, rng)
        rows = np.asarray(order[rows], dtype=np.int64)
        reasons = (self._reason(pool, row, worth) for row, worth in zip(rows, value, strict=True))
        return Chosen(rows, np.asarray(value, dtype=np.float64), tuple(reasons))

    @property
    def settings(self) -> dict[str, Any]:
        """What the constructor was given."""
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    def _values(self) -> list[tuple[str, Any]]:
        return list(self.settings.items())

    @abstractmethod
    def _choose(self, pool: Pool, n: int, rng: np.random.Generator) -> Picked:
        """`n` distinct rows of a pool that has what the rule `needs`. Of rows worth the same it takes the first."""

    @abstractmethod
    def _reason(self, pool: Pool, row: int, value: float) -> str:
        """Why that row, in some words for a person."""


def largest(value: FloatArray, n: int) -> Picked:
    """The `n` rows of largest value, the first of equals first.

    >>> largest(np.array([0.1, 0.3, 0.3]), 2)[0].tolist()
    [1, 2]
    """
    rows = np.argsort(-value, kind="stable")[:n]
    return np.asarray(rows, dtype=np.int64), value[rows]
