"""`weaklabel run`: all of it, in order."""

from __future__ import annotations

from typing import Any

import click

from weaklabel.cli._common import (
    data_options,
    emit,
    engine_options,
    labeler_options,
    lf_options,
    run_options,
)
from weaklabel.cli._runs import open_run


@click.command("run")
@data_options
@lf_options
@engine_options
@labeler_options
@run_options
def command(as_json: bool, **options: Any) -> None:
    """From pairs to reward model: apply, fit, label, export, reward train, then one table of figures.

    Steps whose inputs did not change are skipped, so a run that was killed continues with the same command.
    """
    run = open_run(options)
    report = run.all()
    emit(report.to_dict(), lambda: f"\n{report}", as_json)
