"""`weaklabel explore`: which heuristics are worth writing."""

from __future__ import annotations

from typing import Any

import click

from weaklabel.cli import _completion
from weaklabel.cli._common import (
    data_options,
    emit,
    project_options,
)
from weaklabel.cli._runs import load_settings


@click.command("explore")
@data_options
@click.option(
    "--lfs",
    multiple=True,
    metavar="SOURCE",
    shell_complete=_completion.sources,
    help="Functions to rank. Default: the shipped ones.",
)
@click.option("--top", type=click.IntRange(min=1), default=15, show_default=True, help="Clues of each kind.")
@project_options
def command(as_json: bool, top: int, **options: Any) -> None:
    """Rank shipped features, words and patterns by how strongly they go with preference.

    Looks at dev gold only, with intervals and false-discovery control.
    """
    loaded = load_settings(options)
    from weaklabel.pipeline import configured_lfs, read_configured_pairs
    from weaklabel.workbench.explore import explore

    # The file's own functions are what explore helps to write; they are ranked when they are asked for.
    lfs = configured_lfs(loaded) if options["lfs"] else None
    found = explore(read_configured_pairs(loaded), lfs=lfs, limit=top, seed=loaded.config.data.seed)
    emit(found.to_dict(), lambda: found.text(top), as_json)
