"""`weaklabel judges`: what LLM judges would cost, have cost, and think of the first place."""

from __future__ import annotations

from typing import Any

import click

from weaklabel.cli._common import data_options, emit, look_options
from weaklabel.cli._runs import look_at_run


@click.command("judges")
@data_options
@look_options
def command(as_json: bool, **options: Any) -> None:
    """What the judges of [[lfs.judge]] would cost on these pairs, have cost so far, and how they treat the first place.

    Asks nothing and needs no key; weaklabel apply is what asks.
    """
    from weaklabel.pipeline.steps.judge import judges_of

    run = look_at_run(options)
    judges, pairs = judges_of(run.lfs), run.pairs
    found = [(judge.name, judge.estimate(pairs), judge.summary(pairs)) for judge in judges]
    rows = [{"judge": n, "estimate": e.to_dict(), "report": r.to_dict()} for n, e, r in found]
    text = "\n".join(f"{estimate}\n{report}" for _, estimate, report in found)
    emit(rows, text or "no [[lfs.judge]] in the settings", as_json)
