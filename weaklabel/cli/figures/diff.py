"""`weaklabel diff`: what changed from one run to another."""

from __future__ import annotations

from typing import Any

import click

from weaklabel.cli._common import emit, load_settings, project_options


@click.command("diff")
@click.argument("before")
@click.argument("after")
@click.option(
    "--top", type=click.IntRange(min=0), default=10, show_default=True, help="Flipped pairs to show."
)
@project_options
def command(before: str, after: str, top: int, as_json: bool, **options: Any) -> None:
    """Labels that flipped and figures that moved from run BEFORE to run AFTER."""
    loaded = load_settings(options)
    from weaklabel.pipeline import diff

    found = diff(loaded.run_folder(before), loaded.run_folder(after), top=top, seed=loaded.config.data.seed)
    emit(found.to_dict(), lambda: str(found), as_json)
