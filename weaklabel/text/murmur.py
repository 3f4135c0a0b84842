"""MurmurHash3 (Appleby 2011, x86, 32 bits, seed 0) of many short stretches of bytes at once, as scikit-learn has it.

Calling `sklearn.utils.murmurhash3_32` for each n-gram costs more in Python than hashing does. Here every step is one
over all stretches; tests hold both equal to the bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

_LONGEST: Final = 4096  # bytes; what is longer is hashed by itself, for it would hold up all others
_PADDING: Final = 4
_C1, _C2 = np.uint32(0xCC9E2D51), np.uint32(0x1B873593)
_TAILS: Final = np.array([0, 0xFF, 0xFFFF, 0xFFFFFF], dtype=np.uint32)

Words = NDArray[np.uint32]
Places = NDArray[np.int64]


def hashed_columns(text: bytes, starts: Places, lengths: Places, n_columns: int) -> NDArray[np.int32]:
    """`(n,)` int32 in [0, n_columns): `abs(murmurhash3_32(stretch, seed=0)) % n_columns` of each stretch of `text`.

    Args:
        text: UTF-8.
        starts, lengths: `(n,)` int64, where each stretch begins, and its bytes.
        n_columns: at most 2**31 - 1.

    >>> hashed_columns(b"the cat", np.array([0, 4]), np.array([3, 3]), 2**15).tolist()
    [24734, 5927]
    """
    size = np.abs(_hashes(text, starts, lengths).view(np.int32).astype(np.int64))
    return (size % n_columns).astype(np.int32)


def columns_of(strings: Sequence[str], n_columns: int) -> NDArray[np.int32]:
    """`(n,)` int32, the same of whole strings.

    >>> columns_of(["the", "cat"], 2**15).tolist()
    [24734, 5927]
    """
    encoded = [string.encode() for string in strings]
    lengths = np.fromiter(map(len, encoded), dtype=np.int64, count=len(encoded))
    return hashed_columns(b"".join(encoded), np.cumsum(lengths) - lengths, lengths, n_columns)


def _hashes(text: bytes, starts: Places, lengths: Places) -> Words:
    padded = np.frombuffer(text + bytes(_PADDING), dtype=np.uint8).astype(np.uint32)
    # The four bytes that begin at each place, the first of them lowest.
    at = (
        padded[:-3]
        | padded[1:-2] << np.uint32(8)
        | padded[2:-1] << np.uint32(16)
        | padded[3:] << np.uint32(24)
    )
    wholes = lengths >> 2
    short = lengths <= _LONGEST
    # By length, so that those with bytes left stand behind all others.
    order = np.argsort(np.where(short, wholes, 0).astype(np.uint16), kind="stable")
    places, left = starts[order], np.where(short, wholes, 0)[order]
    h = np.zeros(len(starts), dtype=np.uint32)
    for step in range(int(left[-1]) if len(left) else 0):
        behind = slice(int(np.searchsorted(left, step, side="right")), None)
        mixed = h[behind] ^ _scrambled(at[places[behind] + 4 * step])
        h[behind] = _rotated(mixed, 13) * np.uint32(5) + np.uint32(0xE6546B64)
    by_order, h = h, np.empty_like(h)
    h[order] = by_order
    h ^= _scrambled(at[starts + 4 * wholes] & _TAILS[lengths & 3])
    h = _finished(h ^ lengths.astype(np.uint32))
    for i in np.flatnonzero(~short):
        h[i] = _alone(text[starts[i] : starts[i] + lengths[i]])
    return h


def _scrambled(k: Words) -> Words:
    return _rotated(k * _C1, 15) * _C2


def _rotated(x: Words, by: int) -> Words:
    return np.asarray(x << np.uint32(by) | x >> np.uint32(32 - by))


def _finished(h: Words) -> Words:
    h = (h ^ h >> np.uint32(16)) * np.uint32(0x85EBCA6B)
    h = (h ^ h >> np.uint32(13)) * np.uint32(0xC2B2AE35)
    return np.asarray(h ^ h >> np.uint32(16))


def _alone(stretch: bytes) -> int:
    from sklearn.utils import murmurhash3_32

    return int(murmurhash3_32(stretch, seed=0, positive=True))
