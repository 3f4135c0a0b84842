"""`weaklabel threshold`: which labels to keep for a wanted accuracy, with a guarantee."""

from __future__ import annotations

from typing import Any

import click

from weaklabel.cli._common import (
    data_options,
    emit,
    labeler_options,
    lf_options,
    look_options,
)
from weaklabel.cli._runs import look_at_run


@click.command("threshold")
@click.option(
    "--accuracy",
    type=click.FloatRange(0.5, 1, min_open=True, max_open=True),
    default=0.9,
    show_default=True,
    help="Wanted share right among kept pairs.",
)
@click.option(
    "--level",
    type=click.FloatRange(0.5, 1, max_open=True),
    default=0.9,
    show_default=True,
    help="How sure the guarantee is.",
)
@data_options
@lf_options
@labeler_options
@look_options
def command(as_json: bool, accuracy: float, level: float, **options: Any) -> None:
    """Kept share against accuracy, and the lowest confidence that is certified to give ACCURACY.

    Judged on gold of the locked test part alone. Where no threshold can be certified it says what gold is lacking,
    and the exit code is 1.
    """
    run = look_at_run(options)
    from weaklabel.pipeline.thresholds import certified_threshold

    report = certified_threshold(run, accuracy=accuracy, level=level)
    emit(report.to_dict(), lambda: str(report), as_json)
    if not report.found:
        click.get_current_context().exit(1)
