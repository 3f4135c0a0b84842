"""Models whose logit is a sum of one weight per vote: what an LF's "a" is worth, and what its "b".

A row must have the same bits alone and in any batch, and turned round exactly the opposite. Sums of float64 depend on
their order, and a matrix product chooses its own, so it will not do. Here the order is fixed: four votes make a byte,
a table holds the sum of each byte there can be, and the bytes of a row are looked up and added from left to right.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from weaklabel.label_models.row_blocks import row_blocks
from weaklabel.types import ABSTAIN, FloatArray, Int8Array

_PER_BYTE: Final = 4
_LOW_TWO: Final = np.uint32(0x03030303)  # the lowest two bits of each of four bytes
_GATHER: Final = np.uint32(
    1 << 24 | 1 << 18 | 1 << 12 | 1 << 6
)  # brings them side by side into the highest byte


def weights_of_votes(L: Int8Array, weights: FloatArray) -> FloatArray:
    """`(n, m)`: the weight of each vote cast, 0 where an LF abstained."""
    cast = np.where(L == 1, weights[:, 1], weights[:, 0])
    return np.where(L == ABSTAIN, 0.0, cast)


def logits_of_votes(L: Int8Array, weights: FloatArray) -> FloatArray:
    """`(n,)` float64: the sum of the weights of each row's votes.

    Args:
        L: `(n, m)` int8 votes on pairs.
        weights: `(m, 2)` float64, what a vote for A and for B adds.

    >>> logits_of_votes(np.array([[0, 1], [-1, 1]], np.int8), np.array([[-1.0, 1.0], [-0.5, 0.5]])).tolist()
    [-0.5, 0.5]
    """
    tables = _tables_of_sums(weights)
    logit = np.zeros(len(L))
    for rows in row_blocks(len(L)):
        for table, byte in zip(tables, _bytes_of_four(L[rows]).T, strict=True):
            logit[rows] += table.take(byte)
    return logit


def _bytes_of_four(L: Int8Array) -> NDArray[np.uint32]:
    """`(n, ceil(m / 4))`, 0 to 255: four votes each, two bits a vote (0, 1, and 3 for silence), the first lowest."""
    n, m = L.shape
    if m % _PER_BYTE or not L.flags.c_contiguous:
        padded = np.full((n, -(-m // _PER_BYTE) * _PER_BYTE), ABSTAIN, dtype=np.int8)
        padded[:, :m] = L
        L = padded
    fours = L.view("<u4")
    return ((fours & _LOW_TWO) * _GATHER) >> np.uint32(24)


def _tables_of_sums(weights: FloatArray) -> list[FloatArray]:
    """For every four LFs `(256,)`: the sum of the weights of their votes, by the byte that `_bytes_of_four` makes."""
    worth = np.zeros(
        (-(-len(weights) // _PER_BYTE) * _PER_BYTE, 4)
    )  # by bits; 2 stands for nothing, 3 for silence
    worth[: len(weights), :2] = weights
    byte = np.arange(256)
    columns = [values[byte >> 2 * (j % _PER_BYTE) & 3] for j, values in enumerate(worth)]
    return [sum(columns[j : j + _PER_BYTE], np.zeros(256)) for j in range(0, len(columns), _PER_BYTE)]


def sum_of_weights(contributions: FloatArray) -> FloatArray:
    """`(n,)`: the row sums of any numbers, the same to the bit for a row alone and in a batch."""
    # cumsum adds strictly from left to right. sum() may change its order with the layout of the batch.
    if not contributions.shape[1]:
        return np.zeros(len(contributions))
    return np.asarray(np.cumsum(contributions, axis=1)[:, -1], dtype=np.float64)
