"""The step `export`: the labels in the layouts that others train from."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar

from weaklabel.artifacts.folders import clear_torn
from weaklabel.artifacts.steps import Made
from weaklabel.config import Config, ExportSettings, PreferenceSettings, TrlSettings
from weaklabel.errors import DataError, WeaklabelWarning
from weaklabel.export import get_exporter
from weaklabel.pipeline.steps.base import Place, RunStep
from weaklabel.pipeline.steps.label import Label

Formats = Mapping[str, Mapping[str, Any]]
"""Format -> its settings."""


class Export(RunStep[dict[str, dict[str, Any]]]):
    """Writes the labels in some formats; its counts, and its value, are the reports by format.

    Args:
        place, label: of the run.
        formats: what is written. None takes what is configured, of labels without calibration only where the
            settings allow it.
    """

    name: ClassVar[str] = "export"
    may_be_empty: ClassVar[bool] = True

    def __init__(self, place: Place, label: Label, formats: Formats | None = None) -> None:
        super().__init__(place)
        self._label, self._formats = label, formats

    @cached_property
    def formats(self) -> dict[str, dict[str, Any]]:
        """What is written."""
        if self._formats is not None:
            return {name: dict(settings) for name, settings in self._formats.items()}
        configured = export_settings(self.config)
        if self._label.value.calibrated:
            return configured
        return {name: settings for name, settings in configured.items() if settings["allow_uncalibrated"]}

    @property
    def applies(self) -> bool:
        return bool(self.formats)

    @property
    def inputs(self) -> Mapping[str, str | None]:
        return self._label.hashes("labels.parquet")

    @property
    def settings(self) -> Mapping[str, Any]:
        return self.formats

    @property
    def outputs(self) -> Sequence[str]:
        return [f"export/{name}" for name in self.formats]

    def make(self) -> Made[dict[str, dict[str, Any]]]:
        reports = {}
        for name, settings in self.formats.items():
            folder = self.folder / "export" / name
            clear_torn(folder)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", WeaklabelWarning)  # it is the error below
                report = get_exporter(name)(self._label.value, folder, **settings)
            if not report.n_kept:
                raise DataError(report.notes[-1])
            reports[name] = report.to_dict() | {"path": f"export/{name}", "lines": report.lines()}
        return Made(reports)

    def load(self, counts: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        return dict(counts)


def export_settings(config: Config, formats: Sequence[str] | None = None) -> dict[str, dict[str, Any]]:
    """Settings per format: of those that are configured, or of `formats`, with defaults for the rest."""
    tables = config.export
    named = {name: getattr(tables, name) for name in type(tables).model_fields}
    if formats is None:
        chosen = {name: table for name, table in named.items() if table is not None}
    else:
        blank: dict[str, type[ExportSettings]] = {
            "openrlhf": PreferenceSettings,
            "trl": TrlSettings,
            "trl_kto": TrlSettings,
        }
        chosen = {name: named.get(name) or blank.get(name, ExportSettings)() for name in formats}
    return {name: table.model_dump(mode="json") for name, table in chosen.items()}
