"""`weaklabel fit`: the label model and its calibrator."""

from __future__ import annotations

from typing import Any

import click

from weaklabel.cli._common import (
    data_options,
    emit,
    labeler_options,
    lf_options,
    run_options,
)
from weaklabel.cli._runs import open_run


@click.command("fit")
@data_options
@lf_options
@labeler_options
@run_options
def command(as_json: bool, **options: Any) -> None:
    """Fit the label model and its calibrator, on everything but the locked test prompts.

    The figures are out of fold: no prompt was seen by what speaks on it.
    """
    run = open_run(options)
    labeler = run.labeler
    figures = {name: interval.to_dict() for name, interval in labeler.out_of_fold.items()}
    value = {
        "run": run.folder.name,
        "model": labeler.model.name,
        "calibrated": labeler.calibrated,
        "calibrator": None if labeler.calibrator is None else labeler.calibrator.name,
        "out_of_fold": figures,
        "notes": list(labeler.notes),
    }
    lines = [f"{name:<9}{interval}" for name, interval in labeler.out_of_fold.items()]
    heading = ["out of fold on dev gold, with 95% intervals over prompts:", *lines] if lines else []
    text = "\n".join([*heading, *labeler.notes, f"labeler: {run.folder / 'labeler'}"])
    emit(value, text, as_json)
