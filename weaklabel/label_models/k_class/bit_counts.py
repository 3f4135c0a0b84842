"""Counting how often columns of votes speak together and agree, 64 rows at a time.

Votes become bit planes: one bit per row for "speaks", and one for each binary digit of the vote. Two columns agree
in the rows where both speak and no digit differs, so a count is a few logical steps on words of 64 rows and a count
of ones. The result is whole numbers, and the order of the rows plays no part in it.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from weaklabel.label_models.row_blocks import row_blocks
from weaklabel.types import ABSTAIN, Int8Array

Words = NDArray[np.uint64]
Table = NDArray[np.int64]

_WORD: Final = 64
_CHUNK: Final = 1 << 17  # rows at a time: 16 KB of bits per column, which stay in a core's own cache
_LOW_TWO: Final = np.uint64(0x0303030303030303)  # the lowest two bits of each of eight bytes
_EVEN: Final = np.uint64(0x5555555555555555)
_ODD: Final = np.uint64(0xAAAAAAAAAAAAAAAA)


def count_together(votes: Int8Array, k: int) -> tuple[Table, Table]:
    """`both` and `agree`, `(m, m)` int64: rows in which two columns speak, and in which they say the same.

    Args:
        votes: `(n, m)` int8, -1 or 0..k-1.
        k: number of classes, 2 to 127.

    >>> both, agree = count_together(np.array([[0, 0], [1, 0], [1, -1]], np.int8), 2)
    >>> both.tolist(), agree.tolist()
    ([[3, 2], [2, 2]], [[3, 1], [1, 2]])
    """
    m = votes.shape[1]
    digits = (k - 1).bit_length()
    both, agree = np.zeros((m, m), dtype=np.int64), np.zeros((m, m), dtype=np.int64)
    for rows in row_blocks(len(votes), _CHUNK):
        *planes, silent = bit_planes(votes[rows], digits + 1)
        speaks, flipped = ~silent, [~plane for plane in planes]
        # Reused, since memory that is new for every step costs more than the step.
        spoken, same = np.empty_like(speaks), np.empty_like(speaks)
        ones = np.empty(speaks.shape, dtype=np.uint8)
        for i in range(m):
            here = np.bitwise_and(speaks[i], speaks[i:], out=spoken[i:])
            both[i, i:] += np.bitwise_count(here, out=ones[i:]).sum(axis=1, dtype=np.uint32)
            for plane, other in zip(planes, flipped, strict=True):
                here &= np.bitwise_xor(other[i], plane[i:], out=same[i:])
            agree[i, i:] += np.bitwise_count(here, out=ones[i:]).sum(axis=1, dtype=np.uint32)
    return _mirrored(both), _mirrored(agree)


def bit_planes(votes: Int8Array, n_planes: int) -> list[Words]:
    """The lowest `n_planes` bits of each vote, as arrays `(m, n_words)` uint64, a bit for each row.

    Rows stand in the same place in every plane and column, but not in their order; rows are added up to whole words,
    and abstain. An abstain, -1, has all bits set, so the bit above the highest digit of a class is set for it alone.
    """
    n, m = votes.shape
    if n % _WORD or not votes.flags.c_contiguous:
        padded = np.full((-(-n // _WORD) * _WORD, m), ABSTAIN, dtype=np.int8)
        padded[:n] = votes
        votes = padded
    # Eight runs of rows: bit r of a byte is a row of run r. So all steps are on whole arrays, none on single bytes.
    n_bytes = len(votes) // 8
    runs = votes.view(np.uint8).reshape(8, n_bytes * m).view(np.uint64)
    planes: list[Words] = []
    for low in range(0, n_planes, 2):
        first, second = _two_bits_of_four(runs[:4], low), _two_bits_of_four(runs[4:], low)
        one = np.uint64(1)
        planes.append((first & _EVEN) | ((second & _EVEN) << one))
        planes.append(((first & _ODD) >> one) | (second & _ODD))
    return [_by_column(plane, n_bytes, m) for plane in planes[:n_planes]]


def _two_bits_of_four(runs: Words, low: int) -> Words:
    """Bits `low` and `low + 1` of each byte of four runs, side by side in one byte."""
    together: Words = np.zeros_like(runs[0])
    bits = np.empty_like(together)
    for r, run in enumerate(runs):
        np.bitwise_and(run >> np.uint64(low) if low else run, _LOW_TWO, out=bits)
        together |= np.left_shift(bits, np.uint64(2 * r), out=bits)
    return together


def _by_column(plane: Words, n_bytes: int, m: int) -> Words:
    columns: Words = np.ascontiguousarray(plane.view(np.uint8).reshape(n_bytes, m).T).view(np.uint64)
    return columns


def _mirrored(upper: Table) -> Table:
    return upper + np.triu(upper, 1).T
