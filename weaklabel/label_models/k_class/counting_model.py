"""Models that need the votes only as counts, which add up over parts."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from weaklabel._validation import numbers_within
from weaklabel.errors import ConfigError, LabelMatrixError
from weaklabel.label_models.base import MOST_ROWS
from weaklabel.label_models.k_class.vote_model import VoteModel
from weaklabel.types import Int8Array

Counts = dict[str, NDArray[np.int64]]


class CountingModel(VoteModel):
    """A model that needs the votes only as counts, which are whole numbers and add up.

    So rows may come in parts, in any order and on several machines: `partial_fit` of all parts, or `merge` of
    models fitted to parts, is the model fitted to all, to the bit. Where parts are many, `count` each (anywhere: a
    count is a few arrays of whole numbers), add the counts up, and `fit_counts` once: `fit_on_shards` does it.

    Attributes:
        counts_: int64 arrays by name, after `fit`.
    """

    merges: ClassVar[bool] = True

    def count(self, L: ArrayLike) -> Counts:
        """What there is to know of some rows: int64 arrays by name, to be added up over parts. Nothing is learned.

        Raises:
            LabelMatrixError: `L` is no matrix of votes.
            ConfigError: a setting out of range.
        """
        return self._count(self._votes(L))

    def fit_counts(self, counts: Counts) -> Self:
        """The model of all rows that were counted, `counts` being the sum of what `count` gave for them."""
        self.counts_ = dict(counts)
        self._solve()
        return self

    def partial_fit(self, L: ArrayLike) -> Self:
        """Learn from further rows; the first call is a `fit`.

        Raises:
            LabelMatrixError: `L` is no matrix of votes, or has other columns than the rows before.
        """
        if not hasattr(self, "counts_"):
            return self.fit(L)
        return self._add(self._count(self._asked(L)))

    def merge(self, other: Self) -> Self:
        """Take in what `other` has counted; `other` stays as it was.

        Raises:
            LabelMatrixError: `other` counted other columns.
            ConfigError: `other` is another kind of model or has other settings.
            NotFittedError: one of the two has counted nothing.
        """
        if type(other) is not type(self) or other.settings != self.settings:
            raise ConfigError(
                f"{self.name}: cannot merge with {other.name} {other.settings}; this one has {self.settings}. "
                "Merge models of one kind with equal settings."
            )
        if other._n_lfs() != self._n_lfs():
            raise LabelMatrixError(
                f"{self.name}: cannot merge counts of {other._n_lfs()} columns with counts of {self._n_lfs()}. "
                "Apply the same labeling functions in the same order."
            )
        return self._add(other.counts_)

    def _learn_votes(self, votes: Int8Array) -> None:
        self.fit_counts(self._count(votes))

    def _add(self, counts: Counts) -> Self:
        return self.fit_counts(add_counts(self.counts_, counts))

    def _n_lfs(self) -> int:
        counts: Counts = self._require("counts_")
        return int(max(array.shape[-1] for array in counts.values() if array.ndim))

    def _learned(self) -> dict[str, Any]:
        return {"counts": {name: array.tolist() for name, array in self.counts_.items()}}

    def _restore(self, state: Mapping[str, Any]) -> None:
        given = state["counts"]
        nothing = self._count(np.empty((0, len(given["cast"])), dtype=np.int8))
        if given.keys() != nothing.keys():
            raise ValueError(f"it counts {', '.join(sorted(given))[:60]}, not {', '.join(sorted(nothing))}")
        counts = {name: _whole_numbers(given[name], like) for name, like in nothing.items()}
        cast = counts["cast"]
        limits = {"judged": cast, "both": np.minimum.outer(cast, cast)}
        limits |= {"agreed": counts.get("judged", cast), "agree": counts.get("both", cast)}
        for name, array in counts.items():
            turned = array.T if array.ndim > 1 else array
            if (array > limits.get(name, array)).any() or (array != turned).any():
                raise ValueError(f"no votes give these counts of {name}")
        self.counts_ = counts
        self._solve()

    @abstractmethod
    def _count(self, votes: Int8Array) -> Counts:
        """Whole numbers, among them `cast` `(n_lfs,)`: votes per LF."""

    @abstractmethod
    def _solve(self) -> None:
        """Set what is learned, from `counts_` alone."""


def _whole_numbers(values: object, like: NDArray[np.int64]) -> NDArray[np.int64]:
    found = numbers_within(values, like.shape, 0, MOST_ROWS)
    if (found != np.floor(found)).any():
        raise ValueError(f"{str(values)[:40]!r} holds parts of rows")
    return found.astype(np.int64)


def add_counts(one: Counts, other: Counts) -> Counts:
    """The counts of the rows of both.

    >>> add_counts({"cast": np.array([1, 2])}, {"cast": np.array([10, 20])})["cast"].tolist()
    [11, 22]
    """
    return {name: array + other[name] for name, array in one.items()}
