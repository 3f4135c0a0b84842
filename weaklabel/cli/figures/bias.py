"""`weaklabel bias`: do the labels lean to a position or to length, and more than people do?"""

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


@click.command("bias")
@data_options
@lf_options
@labeler_options
@click.option("--by", multiple=True, metavar="COLUMN", help="Rows per value of a column. May repeat.")
@look_options
def command(as_json: bool, by: tuple[str, ...], **options: Any) -> None:
    """Position bias and length bias of the labels, by length ratio and kind of pair, beside dev gold's own."""
    run = look_at_run(options)
    labels = run.beliefs
    from weaklabel.workbench.bias import label_bias

    found = label_bias(labels, by=by or None, seed=run.config.data.seed)
    emit(found.to_dict(), lambda: str(found), as_json)
