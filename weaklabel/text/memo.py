"""`Memo`: small whole numbers that were worked out for keys, looked up many at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

Keys = NDArray[np.uint64]
Values = NDArray[np.int32]

_ODD: Final = np.uint64(0x9E3779B97F4A7C15)  # products with it look like chance in their highest bits


class Memo:
    """Keys above 0 to int32 values. A key has one slot, which the last one met takes: nothing grows.

    Args:
        bits: there are `2**bits` slots of twelve bytes.

    >>> memo = Memo(4)
    >>> memo.of(np.array([7, 9, 7], np.uint64), lambda keys: print(keys) or (keys * 2).astype(np.int32)).tolist()
    [7 9]
    [14, 18, 14]
    """

    def __init__(self, bits: int) -> None:
        self._shift = np.uint64(64 - bits)
        self._keys = np.zeros(1 << bits, dtype=np.uint64)
        self._values = np.zeros(1 << bits, dtype=np.int32)

    def of(self, keys: Keys, work_out: Callable[[Keys], Values]) -> Values:
        """`(n,)` the values of keys `(n,)`; `work_out` is asked for those that are not remembered, each once."""
        slots = self._slots(keys)
        values = self._values.take(slots)
        missing = np.flatnonzero(self._keys.take(slots) != keys)
        if len(missing):
            new, back = np.unique(keys[missing], return_inverse=True)
            found = work_out(new)
            values[missing] = found[back.reshape(-1)]
            slots, first = np.unique(self._slots(new), return_index=True)
            # Without a key in between, so that an interrupt cannot leave one beside the value of another.
            self._keys[slots] = 0
            self._values[slots] = found[first]
            self._keys[slots] = new[first]
        return values

    def _slots(self, keys: Keys) -> NDArray[np.int64]:
        return ((keys * _ODD) >> self._shift).view(np.int64)
