"""Export as canonical Parquet: the pairs with everything the labels say of them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pyarrow.parquet as pq

from weaklabel.export.folder import write_export
from weaklabel.export.selection import ExportReport, select
from weaklabel.types import Labels

DATA_FILE: Final = "pairs.parquet"


def export_parquet(
    labels: Labels,
    folder: str | Path,
    *,
    min_confidence: float = 0.0,
    include_test: bool = False,
    keep_undecided: bool = True,
    allow_uncalibrated: bool = False,
) -> ExportReport:
    """Write `pairs.parquet`: the columns of `Labels.to_table()`, one row per pair.

    Soft labels need no winner, so exact ties (p = .5) and pairs without votes (w = 0) stay in unless
    `keep_undecided=False`; locked test prompts are left out. `read_pairs` reads the file back.

    Raises:
        NotCalibratedError, ConfigError, DataError: as for `select`.
        ArtifactError: when `folder` holds other files.
    """
    kept, report = select(
        labels,
        min_confidence=min_confidence,
        include_test=include_test,
        keep_undecided=keep_undecided,
        allow_uncalibrated=allow_uncalibrated,
    )
    settings = {
        "min_confidence": min_confidence,
        "include_test": include_test,
        "keep_undecided": keep_undecided,
    }

    def fill(target: Path) -> None:
        pq.write_table(kept.to_table(), target / DATA_FILE, compression="zstd", row_group_size=8192)

    return write_export(folder, "parquet", labels, report, settings, fill)
