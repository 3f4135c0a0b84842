"""`weaklabel mistakes LF`: where one labeling function is wrong, as a list to leaf through."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any

import click

from weaklabel._terminal import plain_text
from weaklabel.cli import _completion
from weaklabel.cli._common import (
    data_options,
    emit,
    lf_options,
    look_options,
    note,
)
from weaklabel.cli._runs import look_at_run

if TYPE_CHECKING:
    from weaklabel.pipeline import Run
    from weaklabel.types import FloatArray


@click.command("mistakes")
@click.argument("lf", shell_complete=_completion.functions)
@data_options
@lf_options
@click.option("--limit", type=click.IntRange(min=1), help="Mistakes to show. Default: 20, with --full all.")
@click.option("--full", is_flag=True, help="Whole texts, not shortened ones.")
@click.option(
    "--labeler", is_flag=True, help="What the run's labeler said without each pair's gold, not a quick model."
)
@look_options
def command(as_json: bool, lf: str, limit: int | None, full: bool, labeler: bool, **options: Any) -> None:
    """The pairs of dev gold on which labeling function LF votes against people, most confident first.

    On top: kinds of pairs in which it is wrong more often than elsewhere. Beside each mistake: how probable a model
    that did not see its gold finds gold's side. The locked test part is left alone.
    """
    run = look_at_run(options)
    votes, pairs = run.votes, run.pairs
    from weaklabel.workbench.mistakes import mistakes

    votes.column(lf)  # a misspelt name is told before anything is fitted
    found = mistakes(lf, votes, pairs, p=_out_of_fold(run, labeler), seed=run.config.data.seed)
    limit = limit if limit is not None else None if full else 20
    if as_json:
        value = found.to_dict()
        emit(value | {"mistakes": value["mistakes"][:limit]}, "", True)
    elif sys.stdin.isatty() and _to_a_person():
        with redirect_stdout(click.get_current_context().obj):
            click.echo_via_pager(f"{plain_text(line)}\n" for line in found.lines(limit, full=full))
    else:
        emit(None, found.text(limit, full=full), False)


def _to_a_person() -> bool:
    """Whether the results go to a terminal; `sys.stdout` itself stands for stderr while a command works."""
    file = click.get_current_context().obj
    return bool(getattr(file, "isatty", lambda: False)())


def _out_of_fold(run: Run, labeler: bool) -> FloatArray | None:
    """P(B) per pair by a model that did not see its gold; None with too little gold for folds."""
    import numpy as np

    from weaklabel.errors import GoldError
    from weaklabel.workbench._out_of_fold import RIDGE, enough_gold, out_of_fold_p

    if labeler:
        known = run.labeler.out_of_fold_p
        return np.array([known.get(pair_id, np.nan) for pair_id in run.pairs.ids]) if known else None
    try:
        gold = enough_gold(run.votes, run.pairs, "mistakes")
    except GoldError as error:
        if not len(run.pairs.dev):
            raise  # one line is enough: nothing can be shown at all
        note(f"no model was asked: {error}")
        return None
    p = np.full(len(run.pairs), np.nan)
    p[gold.places] = out_of_fold_p(run.votes, run.pairs, gold, model=RIDGE, seed=run.config.data.seed)
    return p
