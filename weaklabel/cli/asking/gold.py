"""`weaklabel gold add ANSWERS`: what people answered, for the next fit of every run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from weaklabel.cli._common import FilePath, emit, note, run_options
from weaklabel.cli._runs import open_run


@click.group("gold")
def command() -> None:
    """What people say of pairs: take in their answers."""


@command.command("add")
@click.argument("answers", type=FilePath())
@click.option(
    "--unasked", is_flag=True, help="Take answers about pairs of the run that it did not ask about too."
)
@run_options
def add(as_json: bool, answers: Path, unasked: bool, **options: Any) -> None:
    """Take the answers in ANSWERS: a queue of weaklabel next that was filled in, or id and gold in any file.

    Answers are found by id and checked against the texts; the other order of the responses is recognised. What cannot be
    used is listed and left out, the rest is kept. The next fit of every run uses it.
    """
    answers = answers.absolute()
    run = open_run(options)
    from weaklabel.errors import GoldError
    from weaklabel.pipeline.asking import add as take
    from weaklabel.pipeline.asking import still_open

    found = take(run, str(answers), unasked=unasked)
    if not found.n_added and not found.n_known:
        raise GoldError(
            f"{answers}: none of its {len(found.set_aside)} answers can be used. First: {found.set_aside[0]}."
        )
    if left := still_open(run):
        note(f"{left:,} pairs that this run asked about have no answer yet")
    emit(found.to_dict(), str(found), as_json)
