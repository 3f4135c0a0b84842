"""Where the shards of a run come from: a table in memory, or a file whose row groups they are.

Both give a shard the same address in the vote store, so a table and a file of the same pairs share their votes.
A `Shard` travels to whoever votes on it: as Arrow bytes, or as the name of a row group that the worker reads
itself, so that the process which hands out the work reads no text (but for functions whose columns are made first).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from weaklabel.artifacts import content_hash
from weaklabel.data.pairs_file import PairsFile, column_hashes
from weaklabel.errors import DataError
from weaklabel.lf.columns import DerivedFunction, with_derived_columns
from weaklabel.lf.core import LabelingFunction
from weaklabel.types import CANONICAL, Pairs

ALWAYS_SEEN: Final = ("id", "prompt", "response_a", "response_b", "messages")
_NEVER_SEEN: Final = ("gold", "part", "swapped")


class Shard(Protocol):
    """A shard on its way to a worker."""

    def table(self, lfs: Sequence[LabelingFunction]) -> pa.Table:
        """The columns that `lfs` may see, one row per pair."""

    def check(self, table: pa.Table, lf: LabelingFunction, address: str) -> None:
        """Raises DataError where what was read is not what the votes will be filed under."""


class Source(Protocol):
    """The pairs of a run, by shards."""

    n_pairs: int

    def __len__(self) -> int:
        """How many shards there are."""

    def n_rows(self, number: int) -> int: ...

    def shard(self, number: int) -> Shard: ...

    def address(self, number: int, lf: LabelingFunction) -> str:
        """Hash of what `lf` can see of a shard."""


class TableSource:
    """Pairs in memory, cut into shards of `shard_size` rows. Columns that are made for `lfs` are made here, once."""

    def __init__(self, pairs: Pairs, lfs: Sequence[LabelingFunction], shard_size: int) -> None:
        self.n_pairs = len(pairs)
        self._table = visible_table(pairs, lfs)
        self._size = shard_size
        self._hashes: tuple[int, dict[str, str]] = (-1, {})

    def __len__(self) -> int:
        return math.ceil(self.n_pairs / self._size)

    def n_rows(self, number: int) -> int:
        return min(self._size, self.n_pairs - number * self._size)

    def shard(self, number: int) -> TableShard:
        return TableShard(self._table.slice(number * self._size, self._size))

    def address(self, number: int, lf: LabelingFunction) -> str:
        if self._hashes[0] != number:
            self._hashes = number, column_hashes(self._table.slice(number * self._size, self._size))
        return _address(self._hashes[1], lf)


class FileSource:
    """Pairs in a canonical file. What labeling functions read from elsewhere is joined in the worker.

    Args:
        file: the pairs.
        lfs: the labeling functions.
        beside: a Parquet file with the same row groups and further columns (what judges said), if there is one.
    """

    def __init__(self, file: PairsFile, lfs: Sequence[LabelingFunction], beside: Path | None = None) -> None:
        self.n_pairs = file.n_pairs
        self._file = file
        self._lfs = lfs
        self._beside = beside
        self._derived = [lf for lf in lfs if isinstance(lf, DerivedFunction)]
        if len(file):
            # No rows of it tell what is missing before any work is done.
            nothing = self.shard(0).whole(lfs).slice(0, 0)
            visible_table(Pairs(nothing), lfs, ask=False, quiet=True)
        self._addresses: dict[tuple[int, tuple[str, ...]], str] = {}

    def __len__(self) -> int:
        return len(self._file)

    def n_rows(self, number: int) -> int:
        return self._file.n_rows(number)

    def shard(self, number: int) -> FileShard:
        return FileShard(self._file.path, number, self._beside)

    def address(self, number: int, lf: LabelingFunction) -> str:
        if (number, lf.columns) not in self._addresses:
            hashes = {**self._file.hashes(number), **self._made(number)}
            for kind in {lf.columns: lf for lf in self._lfs}.values():
                self._addresses[number, kind.columns] = _address(hashes, kind)
        return self._addresses[number, lf.columns]

    def _made(self, number: int) -> dict[str, str]:
        """Hashes of the columns that no footer knows: those made for labeling functions."""
        if not self._derived:
            return {}
        table = self.shard(number).whole(self._derived)
        made = with_derived_columns(self._derived, Pairs(table), ask=False, quiet=True).table
        return column_hashes(made.select([n for n in made.column_names if n not in self._file.column_names]))


@dataclass(frozen=True)
class TableShard:
    """A shard in memory. Pickled as Arrow bytes, without the table that it was cut from."""

    content: pa.Table

    def table(self, lfs: Sequence[LabelingFunction]) -> pa.Table:
        return self.content

    def check(self, table: pa.Table, lf: LabelingFunction, address: str) -> None:
        """It carries its content with it: nothing can have changed."""

    def __reduce__(self) -> tuple[Any, tuple[bytes]]:
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, self.content.schema) as writer:
            writer.write_table(self.content)
        return _from_bytes, (sink.getvalue().to_pybytes(),)


def _from_bytes(raw: bytes) -> TableShard:
    with pa.ipc.open_stream(raw) as reader:
        return TableShard(reader.read_all())


@dataclass(frozen=True)
class FileShard:
    """A row group of a canonical file that every worker can reach, and of the file beside it."""

    path: Path
    number: int
    beside: Path | None = None

    def table(self, lfs: Sequence[LabelingFunction]) -> pa.Table:
        if any(isinstance(lf, DerivedFunction) for lf in lfs):
            return visible_table(Pairs(self.whole(lfs)), lfs, ask=False, quiet=True)
        # Most runs need no column but these, and the file may hold many.
        return _opened(self.path).read(self.number, _seen(lfs))

    def check(self, table: pa.Table, lf: LabelingFunction, address: str) -> None:
        # Somebody may have read other pairs into this file, or edited annotations, since the run was planned.
        known = _opened(self.path).hashes(self.number)
        made = [name for name in _seen([lf]) if name not in known]
        if _address({**known, **column_hashes(table.select(made))}, lf) != address:
            raise DataError(
                f"{self.path}: shard {self.number}, or what {lf.name!r} reads beside it, changed while this run worked on "
                "it. Run the same command again."
            )

    def whole(self, lfs: Sequence[LabelingFunction]) -> pa.Table:
        """The canonical columns, and those that `lfs` read or declare as far as the files hold them."""
        file = _opened(self.path)
        needed = {name for lf in lfs for name in (*lf.columns, *getattr(lf, "sources", ()))}
        table = file.read(self.number, [*CANONICAL.names, *_further(file.column_names, needed)])
        if self.beside is not None:
            more = _parquet(self.beside).read_row_group(self.number)
            for name in _further(more.column_names, needed):
                table = table.append_column(name, more[name])
        return table


def visible_table(
    pairs: Pairs, lfs: Sequence[LabelingFunction], *, ask: bool = True, quiet: bool = False
) -> pa.Table:
    """The columns that `lfs` may see: id, texts, messages, and what they declare.

    Args:
        pairs: with every column that `lfs` read.
        lfs: the labeling functions.
        ask: whether judges may be asked what they have not been asked before.
        quiet: log no remark on how columns fit the pairs.

    Raises:
        DataError: a declared column does not exist, or would give the answer away.
    """
    for lf in lfs:
        leaks = [name for name in lf.columns if name in _NEVER_SEEN]
        if leaks:
            raise DataError(
                f"{lf.name!r} declares column {leaks[0]!r}, which can hold the answer. "
                f"Labeling functions may not see {', '.join(_NEVER_SEEN)}."
            )
    table = with_derived_columns(lfs, pairs, ask=ask, quiet=quiet).table
    for lf in lfs:
        missing = [name for name in lf.columns if name not in table.column_names]
        if missing:
            raise DataError(
                f"{lf.name!r} declares column {missing[0]!r}. The pairs have: {', '.join(pairs.table.column_names)}."
            )
    return table.select(_seen(lfs))


def _address(hashes: Mapping[str, str], lf: LabelingFunction) -> str:
    return content_hash(*(part for name in _seen([lf]) for part in (name, hashes[name])))


def _seen(lfs: Sequence[LabelingFunction]) -> list[str]:
    return list(dict.fromkeys([*ALWAYS_SEEN, *(name for lf in lfs for name in lf.columns)]))


def _further(names: Iterable[str], needed: set[str]) -> list[str]:
    return [name for name in names if name in needed and name not in CANONICAL.names]


def _opened(path: Path) -> PairsFile:
    # A worker reads many shards of one file, whose footer can be megabytes.
    about = path.stat()
    return _open_pairs(path, about.st_ctime_ns, about.st_ino)


@functools.lru_cache(maxsize=4)
def _open_pairs(path: Path, changed: int, inode: int) -> PairsFile:
    return PairsFile(path)


def _parquet(path: Path) -> pq.ParquetFile:
    about = path.stat()
    return _open_parquet(path, about.st_ctime_ns, about.st_ino)


@functools.lru_cache(maxsize=4)
def _open_parquet(path: Path, changed: int, inode: int) -> pq.ParquetFile:
    return pq.ParquetFile(path, pre_buffer=False)
