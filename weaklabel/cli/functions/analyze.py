"""`weaklabel analyze`: how the labeling functions vote, and how often dev gold says they are right."""

from __future__ import annotations

from typing import Any

import click

from weaklabel.cli._common import config_options, data_options, emit, json_option, lf_options, look_options
from weaklabel.cli._runs import look_at_run


@click.command("analyze")
@data_options
@lf_options
@config_options
@look_options
@json_option
def command(as_json: bool, **options: Any) -> None:
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
    emit(found.to_dict(), lambda: str(found), as_json)
