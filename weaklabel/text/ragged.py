"""Rows of numbers of any length: added in batches, read in any order."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


class Ragged:
    """Rows one behind the other, in an array that grows.

    >>> rows = Ragged(np.int32)
    >>> rows.add(np.array([7, 8, 9]), np.array([1, 0, 2]))
    >>> [part.tolist() for part in rows.take(np.array([2, 0, 1]))]
    [[8, 9, 7], [2, 1, 0]]
    """

    def __init__(self, dtype: Any) -> None:
        self._values = np.empty(1024, dtype=dtype)
        self._starts = np.zeros(1024, dtype=np.int64)
        self._n_values = self._n_rows = 0

    def add(self, values: NDArray[Any], lengths: NDArray[Any]) -> None:
        """Rows of `lengths` `(n,)`, whose numbers stand in `values`."""
        n_rows, n_values = self._n_rows + len(lengths), self._n_values + len(values)
        self._starts = _grown(self._starts, n_rows + 1)
        self._values = _grown(self._values, n_values)
        self._values[self._n_values : n_values] = values
        self._starts[self._n_rows + 1 : n_rows + 1] = self._n_values + np.cumsum(lengths)
        self._n_rows, self._n_values = n_rows, n_values

    def take(self, rows: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.int64]]:
        """The numbers of some rows, in their order, and the length of each row."""
        starts = self._starts[rows]
        lengths = self._starts[rows + 1] - starts
        before = np.cumsum(lengths) - lengths
        places = np.repeat(starts - before, lengths)
        places += np.arange(len(places))
        return self._values[places], lengths


def _grown(array: NDArray[Any], size: int) -> NDArray[Any]:
    """The array with room for `size` numbers, and for as many again where it had to be moved."""
    if size <= len(array):
        return array
    larger = np.zeros(2 * size, dtype=array.dtype)
    larger[: len(array)] = array
    return larger
