"""Export as a Hugging Face dataset folder: `datasets.load_from_disk(folder)` opens it. Needs the 'datasets' extra."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa

from weaklabel._arguments import checked
from weaklabel.artifacts import content_hash, table_hash
from weaklabel.errors import MissingExtraError
from weaklabel.export.folder import write_export
from weaklabel.export.selection import AnyLabels, Exported, Selection
from weaklabel.types import Labels


@checked
def export_datasets(
    labels: AnyLabels,
    folder: str | Path,
    *,
    min_confidence: float = 0.0,
    include_test: bool = False,
    keep_undecided: bool = True,
    allow_uncalibrated: bool = False,
) -> Exported:
    """Write the columns of `Labels.to_table()` as a saved `datasets.Dataset`.

    Arguments and what is left out: as for `export_parquet`. For a data set with chosen and rejected responses
    write `export_trl` and open it with `load_dataset(folder)`.

    Raises:
        MissingExtraError: without the `datasets` package.
        NotCalibratedError, ConfigError, DataError: as for `Selection`.
        ArtifactError: when `folder` holds other files.
    """
    try:
        import datasets
    except ImportError as error:
        raise MissingExtraError.for_extra("export_datasets", "datasets") from error

    selection = Selection(
        labels,
        min_confidence=min_confidence,
        include_test=include_test,
        keep_undecided=keep_undecided,
        allow_uncalibrated=allow_uncalibrated,
    )

    def write(target: Path, kept: Iterator[Labels]) -> None:
        with tempfile.TemporaryDirectory(prefix=".rows.tmp-", dir=target.parent) as beside:
            arrow = Path(beside) / "rows.arrow"
            digest = _write_arrow(arrow, (part.to_table() for part in kept))
            # Mapped, not loaded. A fingerprint of its own holds memory addresses and file times; ours does not.
            table = datasets.table.MemoryMappedTable.from_file(str(arrow))
            with _quiet(datasets):
                datasets.Dataset(table, fingerprint=digest[:16]).save_to_disk(str(target))

    return write_export(folder, "datasets", selection, {}, write)


def _write_arrow(path: Path, tables: Iterable[pa.Table]) -> str:
    """Tables of one schema as one Arrow stream; a hash of what they hold."""
    hashes = []
    writer: pa.RecordBatchStreamWriter | None = None
    try:
        for table in tables:
            writer = writer or pa.ipc.new_stream(str(path), table.schema)
            writer.write_table(table)
            hashes.append(table_hash(table))
    finally:
        if writer is not None:
            writer.close()
    return content_hash(*hashes)


@contextlib.contextmanager
def _quiet(datasets: object) -> Iterator[None]:
    """Keep the package's own progress bar off the terminal: only our command line prints."""
    was_on = datasets.is_progress_bar_enabled()  # type: ignore[attr-defined]
    datasets.disable_progress_bars()  # type: ignore[attr-defined]
    try:
        yield
    finally:
        if was_on:
            datasets.enable_progress_bars()  # type: ignore[attr-defined]
