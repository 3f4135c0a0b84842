"""`weaklabel diff`: what changed from one run to another."""

from __future__ import annotations

from typing import Any

import click

from weaklabel.cli import _completion
from weaklabel.cli._common import (
    emit,
    project_options,
)
from weaklabel.cli._runs import load_settings


@click.command("diff")
@click.argument("before", shell_complete=_completion.runs)
@click.argument("after", shell_complete=_completion.runs)
@click.option(
    "--top", type=click.IntRange(min=0), default=10, show_default=True, help="Flipped pairs to show."
)
@project_options
def command(before: str, after: str, top: int, as_json: bool, **options: Any) -> None:
    """Labels that flipped and figures that moved from run BEFORE to run AFTER."""
    loaded = load_settings(options)
    from weaklabel.pipeline import diff
    from weaklabel.pipeline.runs import check_exists

    found = diff(
        check_exists(loaded, before), check_exists(loaded, after), top=top, seed=loaded.config.data.seed
    )
    emit(found.to_dict(), lambda: str(found), as_json)
