"""`weaklabel analyze`: how the labeling functions vote, and how often dev gold says they are right."""

from __future__ import annotations

from typing import Any

import click

from weaklabel.cli._common import data_options, emit, lf_options, look_options
from weaklabel.cli._runs import look_at_run


@click.command("analyze")
@data_options
@lf_options
@click.option(
    "--sort",
    metavar="FIGURE",
    help="Order by accuracy, over_all, coverage, overlap, conflict or faults, highest first, or by lf, its name.",
)
@click.option(
    "--min-coverage",
    type=click.FloatRange(0, 1),
    default=0.0,
    help="Leave out functions that vote on a smaller share of the pairs.",
)
@look_options
def command(as_json: bool, sort: str | None, min_coverage: float, **options: Any) -> None:
    """Coverage, overlap, conflict, polarity and accuracy of each labeling function.

    Accuracies are on dev gold; the locked test prompts are left alone.
    """
    run = look_at_run(options)
    votes, pairs = run.votes, run.pairs
    from weaklabel.workbench.analysis import analyze

    dev = pairs.dev
    found = analyze(
        votes.take(pairs.parts != "test"), gold=dev if len(dev) else None, seed=run.config.data.seed
    )
    found = found.ordered(sort, min_coverage=min_coverage)
    emit(found.to_dict(), lambda: str(found), as_json)
