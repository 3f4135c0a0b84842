"""Export as a Hugging Face dataset folder: `datasets.load_from_disk(folder)` opens it. Needs the 'datasets' extra."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from weaklabel.artifacts import table_hash
from weaklabel.errors import MissingExtraError
from weaklabel.export.folder import write_export
from weaklabel.export.selection import ExportReport, select
from weaklabel.types import Labels


def export_datasets(
    labels: Labels,
    folder: str | Path,
    *,
    min_confidence: float = 0.0,
    include_test: bool = False,
    keep_undecided: bool = True,
    allow_uncalibrated: bool = False,
) -> ExportReport:
    """Write the columns of `Labels.to_table()` as a saved `datasets.Dataset`.

    Arguments and what is left out: as for `export_parquet`. For a data set with chosen and rejected responses
    write `export_trl` and open it with `load_dataset(folder)`.

    Raises:
        MissingExtraError: without the `datasets` package.
        NotCalibratedError, ConfigError, DataError: as for `select`.
        ArtifactError: when `folder` holds other files.
    """
    try:
        import datasets
    except ImportError as error:
        raise MissingExtraError.for_extra("export_datasets", "datasets") from error

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
    table = kept.to_table()

    def fill(target: Path) -> None:
        # A fingerprint of its own contains memory addresses and file times; the content's hash does not.
        dataset = datasets.Dataset(datasets.table.InMemoryTable(table), fingerprint=table_hash(table)[:16])
        with _quiet(datasets):
            dataset.save_to_disk(str(target))

    return write_export(folder, "datasets", labels, report, settings, fill)


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
