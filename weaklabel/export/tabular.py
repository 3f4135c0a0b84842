"""Export as canonical Parquet: the pairs with everything the labels say of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from weaklabel._arguments import checked
from weaklabel.export.folder import write_export
from weaklabel.export.selection import AnyLabels, Exported, Selection
from weaklabel.types import Labels

DATA_FILE: Final = "pairs.parquet"


@checked
def export_parquet(
    labels: AnyLabels,
    folder: str | Path,
    *,
    min_confidence: float = 0.0,
    include_test: bool = False,
    keep_undecided: bool = True,
    allow_uncalibrated: bool = False,
) -> Exported:
    """Write `pairs.parquet`: the columns of `Labels.to_table()`, one row per pair.

    Soft labels need no winner, so exact ties (p = .5) and pairs without votes (w = 0) stay in unless
    `keep_undecided=False`; locked test prompts are left out. `read_pairs` reads the file back.

    Raises:
        NotCalibratedError, ConfigError: as for `Selection`.
        DataError: there are no labelled pairs.
        ArtifactError: when `folder` holds other files.
    """
    selection = Selection(
        labels,
        min_confidence=min_confidence,
        include_test=include_test,
        keep_undecided=keep_undecided,
        allow_uncalibrated=allow_uncalibrated,
    )

    def write(target: Path, kept: Iterator[Labels]) -> None:
        write_tables(target / DATA_FILE, (part.to_table() for part in kept))

    return write_export(folder, "parquet", selection, {}, write)


def write_tables(path: Path, tables: Iterable[pa.Table]) -> None:
    """Tables of one schema as one Parquet file, a row group or more for each."""
    writer: pq.ParquetWriter | None = None
    try:
        for table in tables:
            writer = writer or pq.ParquetWriter(path, table.schema, compression="zstd")
            writer.write_table(table, row_group_size=8192)
    finally:
        if writer is not None:
            writer.close()
