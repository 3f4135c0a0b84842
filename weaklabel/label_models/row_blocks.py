"""Rows a block at a time, so that what is made on the way does not grow with the number of rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

# Few enough rows that they stay in a core's own cache from one step to the next, enough that calls cost nothing.
BLOCK: Final = 1 << 14


def row_blocks(n: int, size: int = BLOCK) -> Iterator[slice]:
    """Slices that cut `n` rows into blocks of `size`, the last one shorter; none of no rows.

    >>> [(rows.start, rows.stop) for rows in row_blocks(5, 2)]
    [(0, 2), (2, 4), (4, 5)]
    """
    return (slice(start, min(start + size, n)) for start in range(0, n, size))


def thinned(n: int, most: int) -> slice:
    """The rows 0, s, 2 s, ... of `n`, with the smallest step s that leaves about `most` of them or fewer.

    >>> list(range(10))[thinned(10, 4)], list(range(3))[thinned(3, 4)]
    ([0, 3, 6, 9], [0, 1, 2])
    """
    return slice(None, None, max(1, -(-n // most)))
