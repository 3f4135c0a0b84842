"""`PairsFile`: canonical pairs on disk, read a shard at a time, so that memory does not grow with their number.

A shard is a row group. The file's footer holds a hash of every column of every shard: what a labeling function
can see of a shard is known without reading a text. `write_pairs` and `convert_pairs` write such files; any other
canonical Parquet file can be opened too, its hashes are then worked out when they are asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from weaklabel.artifacts import parse_json, table_hash
from weaklabel.artifacts.files import open_parquet
from weaklabel.errors import DataError
from weaklabel.types import Pairs, SetAside

HASHES_KEY: Final = b"weaklabel.shards"
# Shards are held in memory whole, features and all.
_MOST_ROWS: Final = 1 << 17


class PairsFile:
    """Canonical pairs in a Parquet file.

    Args:
        path: the file; its columns begin with those of `CANONICAL`.
        set_aside: rows of the source that could not be used.

    Attributes:
        n_pairs: rows in all.
        column_names: in the order of the file.

    Raises:
        DataError: the file is missing, torn or not canonical, or its row groups are too large for a shard.
    """

    def __init__(self, path: str | Path, set_aside: Sequence[SetAside] = ()) -> None:
        self.path = Path(path)
        self.set_aside = tuple(set_aside)
        self._file = open_parquet(self.path, "write_pairs or convert_pairs")
        schema = self._file.schema_arrow
        # Says which canonical column is missing or of another type. `schema.empty_table()` would import pandas.
        Pairs(pa.Table.from_batches([], schema))
        self.column_names: tuple[str, ...] = tuple(schema.names)
        about = self._file.metadata
        self.n_pairs: int = about.num_rows
        self._rows: list[int] = [about.row_group(i).num_rows for i in range(about.num_row_groups)]
        self._starts = np.concatenate([[0], np.cumsum(self._rows)]).astype(np.int64)
        if self._rows and max(self._rows) > _MOST_ROWS:
            raise DataError(
                f"{self.path} has a row group of {max(self._rows):,} rows; shards hold at most {_MOST_ROWS:,}. "
                "Write it again with convert_pairs, which makes row groups of 8,192."
            )

    def __len__(self) -> int:
        """How many shards there are."""
        return len(self._rows)

    def __repr__(self) -> str:
        return f"PairsFile({str(self.path)!r}: {self.n_pairs:,} pairs in {len(self):,} shards)"

    def n_rows(self, shard: int) -> int:
        return self._rows[shard]

    def start(self, shard: int) -> int:
        """The row of the file at which a shard begins."""
        return int(self._starts[shard])

    def read(self, shard: int, columns: Sequence[str] | None = None) -> pa.Table:
        """One shard, or some of its columns."""
        table = self._file.read_row_group(shard, columns=None if columns is None else list(columns))
        return table.replace_schema_metadata(None)

    def pairs(self, shard: int) -> Pairs:
        return Pairs(self.read(shard))

    def __iter__(self) -> Iterator[Pairs]:
        """The shards in row order, one in memory at a time."""
        return (self.pairs(shard) for shard in range(len(self)))

    def hashes(self, shard: int) -> Mapping[str, str]:
        """Column name -> hash of its values in this shard."""
        known = self._hashes[shard]
        return column_hashes(self.read(shard)) if known is None else known

    def take(self, rows: NDArray[np.int64]) -> Pairs:
        """The pairs at some rows, rising; only their shards are read."""
        edges = np.searchsorted(rows, self._starts)
        tables = [
            self.read(shard).take(pa.array(rows[edges[shard] : edges[shard + 1]] - self.start(shard)))
            for shard in range(len(self))
            if edges[shard] < edges[shard + 1]
        ]
        empty = self._file.schema_arrow.remove_metadata().empty_table()
        return Pairs(pa.concat_tables([empty, *tables]), self.set_aside)

    def sample(self, n_without_gold: int, *, seed: int = 0) -> NDArray[np.int64]:
        """Rows of every pair with gold and of about `n_without_gold` others, rising; all where there are no more.

        Which others is drawn shard by shard from the ids in it: pairs added at the end of the file leave the
        draws before them alone.
        """
        if self.n_pairs <= n_without_gold:
            return np.arange(self.n_pairs, dtype=np.int64)
        found = []
        for shard in range(len(self)):
            salt = int(self.hashes(shard)["id"][:16], 16)
            drawn = np.random.default_rng([seed, salt]).random(self.n_rows(shard))
            gold = pc.is_valid(self.read(shard, ["gold"])["gold"]).to_numpy()
            found.append(np.flatnonzero((drawn * self.n_pairs < n_without_gold) | gold) + self.start(shard))
        return np.concatenate(found)

    @cached_property
    def _hashes(self) -> list[dict[str, str] | None]:
        raw = (self._file.metadata.metadata or {}).get(HASHES_KEY)
        try:
            found: Any = parse_json(raw) if raw else None
        except ValueError:
            found = None
        if not isinstance(found, list) or len(found) != len(self):
            return [None] * len(self)
        return found


def column_hashes(table: pa.Table) -> dict[str, str]:
    """Column name -> hash of its values, the same however the table is chunked."""
    return {name: table_hash(table.select([name])) for name in table.column_names}
