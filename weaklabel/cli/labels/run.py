"""`weaklabel run`: all of it, in order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from weaklabel.pipeline import Run
    from weaklabel.stages.contract import StageResult


@click.command("run")
@data_options
@lf_options
@engine_options
@labeler_options
@run_options
def command(as_json: bool, **options: Any) -> None:
    """From pairs to reward model: apply, fit, label, export, reward train, one table of figures, then every [[stage]].

    Steps whose inputs did not change are skipped, so a run that was killed continues with the same command.
    """
    run = open_run(options)
    report = run.all()
    if not as_json:  # before the stages, which may take long and fail
        emit({}, lambda: f"\n{report}", as_json)
    stages = []
    for result in _stages(run):
        stages.append(result.to_dict())
        if not as_json:
            emit({}, f"\n{result}", as_json)
    if as_json:
        emit(report.to_dict() | ({"stages": stages} if stages else {}), "", as_json)


def _stages(run: Run) -> Iterator[StageResult]:
    """What the `[[stage]]` tables ask for, in their order; most files have none."""
    if not run.config.stage:
        return
    from weaklabel.cli.stages._stage import show_round
    from weaklabel.pipeline.stages import carry_out_stage, stage_tables

    for table in stage_tables(run.loaded):
        yield carry_out_stage(run, table, on_round=show_round)
