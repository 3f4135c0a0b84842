"""`weaklabel adds`: what the labels lose when a labeling function is left out."""

from __future__ import annotations

from typing import Any

import click

from weaklabel.cli import _completion
from weaklabel.cli._common import data_options, emit, lf_options, look_options
from weaklabel.cli._runs import look_at_run


@click.command("adds")
@data_options
@lf_options
@click.option(
    "--model",
    "judged_by",
    shell_complete=_completion.label_models,
    metavar="NAME",
    default="ridge",
    show_default=True,
    help="ridge takes seconds; a label model is fitted and calibrated five times per function.",
)
@look_options
def command(as_json: bool, judged_by: str, **options: Any) -> None:
    """What each labeling function adds: the change of the out-of-fold NLL on dev gold without it, with intervals.

    Functions that `weaklabel dependencies` puts into one cluster are also left out together.
    """
    run = look_at_run(options)
    votes, pairs = run.votes, run.pairs
    from weaklabel.workbench.added_value import added_value
    from weaklabel.workbench.dependencies import dependencies

    visible = pairs.parts != "test"
    clusters = dependencies(votes.take(visible), groups=pairs.prompt_groups[visible]).clusters
    found = added_value(
        votes,
        pairs,
        model=judged_by,
        together=clusters,
        seed=run.config.data.seed,
    )
    emit(found.to_dict(), lambda: str(found), as_json)
