"""Prompts that are nearly the same: word shingles, candidates by MinHash, then the true Jaccard index.

Source: Broder 1997, "On the resemblance and containment of documents" (shingles, MinHash); banding as in
Leskovec, Rajaraman and Ullman, "Mining of Massive Datasets", section 3.4. With 16 bands of 4 rows a pair of
similarity .7 becomes a candidate with probability .988; candidates are then compared exactly.
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from weaklabel.types import Text

SIMILARITY: Final = 0.7
_SHINGLE: Final = 3
_BANDS: Final = 16
_ROWS: Final = 4
_PRIME: Final = np.uint64((1 << 31) - 1)  # products of two such numbers stay below 2**64


class Links:
    """Union-find over 0..n-1.

    >>> links = Links(3)
    >>> links.join(0, 2)
    >>> links.root(2) == links.root(0), links.root(1) == links.root(0)
    (True, False)
    """

    def __init__(self, n: int) -> None:
        self._parent = list(range(n))

    def root(self, i: int) -> int:
        while self._parent[i] != i:
            self._parent[i] = self._parent[self._parent[i]]
            i = self._parent[i]
        return i

    def join(self, i: int, j: int) -> None:
        a, b = sorted((self.root(i), self.root(j)))
        self._parent[b] = a


def link_near_duplicates(prompts: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Index pairs of prompts whose word shingles overlap by at least `SIMILARITY` (Jaccard).

    Pass distinct prompts in sorted order: then the links do not depend on the order of any file.

    >>> list(link_near_duplicates(["What is the capital city of France today", "what is the capital city of France, today?"]))
    [(0, 1)]
    """
    shingles = [_shingles(prompt) for prompt in prompts]
    signatures = _signatures(shingles)
    seen: set[tuple[int, int]] = set()
    for band in range(_BANDS):
        buckets: dict[bytes, list[int]] = defaultdict(list)
        for i, row in enumerate(signatures[:, band * _ROWS : (band + 1) * _ROWS]):
            buckets[row.tobytes()].append(i)
        for members in buckets.values():
            # Only against those that started a cluster here: a bucket of n equal prompts costs n, not n squared.
            heads: list[int] = []
            for j in members:
                match = next((i for i in heads if _alike(shingles[i], shingles[j])), None)
                if match is None:
                    heads.append(j)
                elif (match, j) not in seen:
                    seen.add((match, j))
                    yield match, j


def _shingles(prompt: str) -> frozenset[int]:
    """Hashes of every three words in a row; of all the words where there are fewer."""
    words = Text(prompt).words or (prompt,)
    runs = [words[i : i + _SHINGLE] for i in range(max(1, len(words) - _SHINGLE + 1))]
    return frozenset(zlib.crc32("\0".join(run).encode()) for run in runs)


def _signatures(shingles: Sequence[frozenset[int]]) -> NDArray[np.uint64]:
    """`(n_prompts, 64)` uint64: per prompt the least value of 64 hash functions over its shingles."""
    rng = np.random.default_rng(0)  # which functions does not matter, only that they never change
    n = _BANDS * _ROWS
    slope, shift = (rng.integers(1, int(_PRIME), n, dtype=np.uint64) for _ in range(2))
    signatures = np.empty((len(shingles), n), dtype=np.uint64)
    for i, found in enumerate(shingles):
        values = np.fromiter(found, dtype=np.uint64, count=len(found)) % _PRIME
        signatures[i] = ((values[:, None] * slope + shift) % _PRIME).min(axis=0)
    return signatures


def _alike(a: frozenset[int], b: frozenset[int]) -> bool:
    both = len(a & b)
    return both >= SIMILARITY * (len(a) + len(b) - both)
