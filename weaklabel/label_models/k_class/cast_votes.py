"""The votes that were cast, as a list: what to walk over where most cells of the matrix are silent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from weaklabel.label_models.row_blocks import row_blocks
from weaklabel.types import ABSTAIN, FloatArray, Int8Array

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Index = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class CastVotes:
    """Every vote of a matrix `(n, m)` by row, LF and class, `(n_cast,)` each, rows ascending.

    Attributes:
        row, lf, vote: which row, which LF, which class.
        n, m, k: rows, LFs, classes.
        per_class: `(n, k)` float64, votes each class has.
    """

    row: Index
    lf: Index
    vote: Index
    n: int
    m: int
    k: int
    per_class: FloatArray

    @property
    def spoken(self) -> NDArray[np.bool_]:
        """`(n,)`: rows with a vote."""
        return np.asarray(self.per_class.sum(axis=1) > 0)

    @property
    def has_company(self) -> NDArray[np.bool_]:
        """`(n_cast,)`: votes in rows where another LF speaks too."""
        return np.asarray(self.per_class.sum(axis=1)[self.row] > 1)

    def shares(self) -> FloatArray:
        """`(n, k)`: share of votes per class, uniform without votes."""
        return shares_of(self.per_class)

    def shares_of_others(self) -> FloatArray:
        """`(n_cast, k)`: share of the *other* votes in the row per class, zero where there are none."""
        others = self.per_class[self.row]
        others[np.arange(len(self.row)), self.vote] -= 1.0
        return np.asarray(others / np.maximum(others.sum(axis=1, keepdims=True), 1.0), dtype=np.float64)

    def sum_by_row(self, values: FloatArray) -> FloatArray:
        """`(n, k)` from `(n_cast, k)`."""
        columns = [np.bincount(self.row, values[:, c], self.n) for c in range(self.k)]
        return np.stack(columns, axis=1)

    def sum_by_vote(self, values: FloatArray) -> FloatArray:
        """`(m, k, k)` (LF, vote, class) from `(n_cast, k)`."""
        where = self.lf * self.k + self.vote
        columns = [np.bincount(where, values[:, c], self.m * self.k) for c in range(self.k)]
        table = np.stack(columns, axis=1).astype(np.float64)
        return table.reshape(self.m, self.k, self.k)


def cast_votes(L: Int8Array, k: int) -> CastVotes:
    """The votes of `L` `(n, m)` int8, -1 for none, as a list.

    >>> cast = cast_votes(np.array([[1, -1], [0, 1]], np.int8), 2)
    >>> cast.row.tolist(), cast.lf.tolist(), cast.vote.tolist()
    ([0, 1, 1], [0, 0, 1], [1, 0, 1])
    """
    row, lf = np.nonzero(L != ABSTAIN)
    vote = L[row, lf].astype(np.intp)
    return CastVotes(row, lf, vote, len(L), L.shape[1], k, votes_per_class(L, k))


def one_hot(L: Int8Array, k: int) -> csr_array:
    """`(n, m * k)` float64: a 1 in column `j * k + v` where LF j votes v, nothing where it is silent.

    A product with it, or with its transpose, costs what the votes cost that exist, and adds from left to right: the
    same bits as a walk over all columns. It holds 12 bytes a vote.

    >>> one_hot(np.array([[1, -1], [0, 1]], np.int8), 2).toarray().tolist()
    [[0.0, 1.0, 0.0, 0.0], [1.0, 0.0, 0.0, 1.0]]
    """
    from scipy.sparse import csr_array

    n, m = L.shape
    columns, ends = [np.empty(0, dtype=np.int32)], np.zeros(n + 1, dtype=np.int64)
    for rows in row_blocks(n):
        part = L[rows]
        spoken = part != ABSTAIN
        ends[rows.start + 1 : rows.stop + 1] = np.count_nonzero(spoken, axis=1)
        columns.append((np.nonzero(spoken)[1] * k + part[spoken]).astype(np.int32))
    cells = np.concatenate(columns)
    return csr_array((np.ones(len(cells)), cells, np.cumsum(ends)), shape=(n, m * k))


def shares_of(per_class: FloatArray) -> FloatArray:
    """`(n, k)`: each row's votes per class as shares, uniform without votes."""
    total = per_class.sum(axis=1, keepdims=True)
    return np.asarray(np.where(total > 0, per_class / np.maximum(total, 1.0), 1.0 / per_class.shape[1]))


def votes_per_class(L: Int8Array, k: int) -> FloatArray:
    """`(n, k)` float64: how many votes each class has in each row."""
    counts = np.empty((len(L), k))
    ones = np.ones(
        L.shape[1], dtype=np.float32
    )  # float32 holds whole numbers up to 2^24 exactly, and is fastest
    # A BLAS kernel may raise the flag for the lanes behind a short row, which hold whatever was there: 0 and 1 never do.
    with np.errstate(invalid="ignore"):
        for rows in row_blocks(len(L)):
            for c in range(k):
                counts[rows, c] = (L[rows] == c).astype(np.float32) @ ones
    return counts


def votes_per_lf(L: Int8Array) -> NDArray[np.int64]:
    """`(m,)` int64: how many votes each LF casts."""
    cast = np.zeros(L.shape[1], dtype=np.int64)
    with np.errstate(invalid="ignore"):  # as in votes_per_class
        for rows in row_blocks(len(L)):
            spoken = (L[rows] != ABSTAIN).astype(np.float32)
            cast += (np.ones(len(spoken), dtype=np.float32) @ spoken).astype(np.int64)
    return cast
