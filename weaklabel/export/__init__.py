"""Labels in the layouts that others train from. One file per family; a new one adds its line to `EXPORTERS`."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Protocol

from weaklabel._validation import lookup
from weaklabel.export.hf import export_datasets
from weaklabel.export.openrlhf import export_openrlhf
from weaklabel.export.selection import AnyLabels, Exported, select
from weaklabel.export.tabular import export_parquet
from weaklabel.export.trl import export_trl
from weaklabel.export.trl_kto import export_trl_kto

__all__ = [
    "EXPORTERS",
    "AnyLabels",
    "Exported",
    "Exporter",
    "export_datasets",
    "export_openrlhf",
    "export_parquet",
    "export_trl",
    "export_trl_kto",
    "get_exporter",
    "select",
]


class Exporter(Protocol):
    """Writes labels into a folder and reports what was left out. Further keyword settings have defaults."""

    def __call__(
        self,
        labels: AnyLabels,
        folder: str | Path,
        /,
        *,
        min_confidence: float = 0.0,
        include_test: bool = False,
        allow_uncalibrated: bool = False,
    ) -> Exported: ...


EXPORTERS: Final[dict[str, Exporter]] = {
    "datasets": export_datasets,
    "openrlhf": export_openrlhf,
    "parquet": export_parquet,
    "trl": export_trl,
    "trl_kto": export_trl_kto,
}


def get_exporter(name: str) -> Exporter:
    """The exporter called `name`.

    Raises:
        UnknownNameError: when there is none.

    >>> get_exporter("trl") is export_trl
    True
    """
    return lookup("exporter", EXPORTERS, name)
