"""`SeenIds`: which ids were given before, among any number of them, in a fixed amount of memory.

Ids are kept as hashes of 128 bits, the latest ones in a set, the others in sorted files: when the set is full it
becomes a file, and files of like size are merged, so that there are never more than a few dozen to look into.
"""

from __future__ import annotations

import hashlib
import itertools
import shutil
import tempfile
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

_IN_MEMORY: Final = 500_000
_MERGED_AT_ONCE: Final = 1 << 20
# Compared as two numbers: the first finds the place, the second makes a chance match impossible in practice.
_HASH: Final = np.dtype([("high", "<u8"), ("low", "<u8")])


class SeenIds:
    """A set of ids that can only grow.

    Args:
        in_memory: ids held in memory before they go to a file, at about 100 bytes each.

    >>> seen = SeenIds()
    >>> seen.add(["a", "b"]), seen.add(["b", "c", "c"])
    ([True, True], [False, True, False])
    """

    def __init__(self, in_memory: int = _IN_MEMORY) -> None:
        self._in_memory = in_memory
        self._latest: set[bytes] = set()
        self._files: list[NDArray[Any]] = []
        self._folder: Path | None = None
        self._made = 0

    def add(self, ids: Sequence[str]) -> list[bool]:
        """Per id whether it is new, also within `ids`; all of them are seen from now on."""
        hashes = _hashes(ids)
        old = self._in_files(hashes)
        new = []
        for digest, known in zip(hashes, old.tolist(), strict=True):
            is_new = not known and digest not in self._latest
            if is_new:
                self._latest.add(digest)
            new.append(is_new)
        self._spill_if_full()
        return new

    def add_all_or_none(self, ids: Sequence[str]) -> bool:
        """Add distinct `ids` if all of them are new; whether they were."""
        hashes = _hashes(ids)
        if not self._latest.isdisjoint(hashes) or self._in_files(hashes).any():
            return False
        self._latest.update(hashes)
        self._spill_if_full()
        return True

    def _in_files(self, hashes: Sequence[bytes]) -> NDArray[np.bool_]:
        found = np.zeros(len(hashes), dtype=np.bool_)
        if not self._files or not hashes:
            return found
        wanted = np.frombuffer(b"".join(hashes), dtype=_HASH)
        order = np.argsort(wanted["high"])  # neighbours in a file are looked up one after the other
        high, low = wanted["high"][order], wanted["low"][order]
        for file in self._files:
            at = np.minimum(np.searchsorted(file["high"], high), len(file) - 1)
            found[order] |= (file["high"][at] == high) & (file["low"][at] == low)
        return found

    def _spill_if_full(self) -> None:
        if len(self._latest) < self._in_memory:
            return
        rows = np.frombuffer(b"".join(self._latest), dtype=_HASH)
        self._keep(rows[np.argsort(rows["high"])])
        self._latest = set()
        while len(self._files) > 1 and len(self._files[-2]) < 2 * len(self._files[-1]):
            small, large = self._files.pop(), self._files.pop()
            self._keep_merged(large, small)

    def _keep(self, rows: NDArray[Any]) -> None:
        path = self._new_file()
        path.write_bytes(rows.tobytes())  # numpy's own way to a file does not say why a disk refused
        self._files.append(np.memmap(path, dtype=_HASH, mode="r"))

    def _keep_merged(self, one: NDArray[Any], two: NDArray[Any]) -> None:
        """Both as one sorted file, piece by piece; the files they came from are removed."""
        path = self._new_file()
        edges = one["high"][_MERGED_AT_ONCE::_MERGED_AT_ONCE]
        cuts = np.concatenate([[0], np.searchsorted(two["high"], edges), [len(two)]])
        with path.open("wb") as out:
            for piece, (start, stop) in enumerate(itertools.pairwise(cuts.tolist())):
                here = one[piece * _MERGED_AT_ONCE : (piece + 1) * _MERGED_AT_ONCE]
                rows = np.concatenate([here, two[start:stop]])
                out.write(rows[np.argsort(rows["high"], kind="stable")].tobytes())
        for old in (one, two):
            assert isinstance(old, np.memmap)
            assert old.filename is not None
            Path(old.filename).unlink()
        self._files.append(np.memmap(path, dtype=_HASH, mode="r"))

    def _new_file(self) -> Path:
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="weaklabel-ids-"))
            weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        self._made += 1
        return self._folder / f"{self._made}"


def _hashes(ids: Sequence[str]) -> list[bytes]:
    return [hashlib.blake2b(i.encode("utf-8", "surrogatepass"), digest_size=16).digest() for i in ids]
