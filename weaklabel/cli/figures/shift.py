"""`weaklabel shift`: is a file of pairs unlike what the run's labeler was fitted on?"""

from __future__ import annotations

from typing import Any

import click

from weaklabel.cli._common import _columns, absolute, emit, look_options, note
from weaklabel.cli._runs import look_at_run
from weaklabel.errors import ArtifactError


# The names of these options differ from those of the settings: they speak of the new pairs, and neither replace
# the run's own data nor are remembered for it.
@click.command("shift")
@click.option(
    "--pairs", "new", multiple=True, required=True, metavar="FILE", help="The new pairs. May repeat."
)
@click.option(
    "--layout", "new_layout", metavar="NAME", help="How they are laid out. Default: recognised by itself."
)
@click.option(
    "--columns", "new_columns", metavar="prompt=q,...", callback=_columns, help="Which column is which."
)
@look_options
def command(
    as_json: bool,
    new: tuple[str, ...],
    new_layout: str | None,
    new_columns: dict[str, str] | None,
    **options: Any,
) -> None:
    """Say whether pairs are unlike those that a run's labeler was fitted on, and in what.

    Asked before the labels are used. Gold is not looked at, and the exit code is 0 either way: read "shifted" with
    --json. Judges among the functions are asked about the new pairs, within their budget.

    \b
    weaklabel shift --name base --pairs new.jsonl
    """
    sources = [absolute(path) for path in new]
    run = look_at_run(options)
    labeler = run.labeler
    if labeler.reference is None:
        raise ArtifactError(
            f"{run.folder / 'labeler'} was saved by a version that kept nothing of the pairs it was fitted on. "
            f"Delete it and run: weaklabel fit --name {run.folder.name}"
        )
    from weaklabel.data import read_pairs
    from weaklabel.engine import VoteStore, apply

    pairs = read_pairs(
        sources[0] if len(sources) == 1 else sources, layout=new_layout, columns=new_columns, test_share=0.0
    )
    if pairs.set_aside:
        note(f"{len(pairs.set_aside):,} rows could not be read and are left out")
    settings = run.config.lfs
    votes = apply(
        labeler.lfs,
        pairs,
        workers=settings.workers or 1,
        time_limit=settings.time_limit,
        max_fault_share=settings.max_fault_share,
        store=VoteStore(run.loaded.store_folder),
    )
    found = labeler.shift(pairs, votes)
    assert found is not None  # it has a reference
    emit({"run": run.folder.name, **found.to_dict()}, lambda: str(found), as_json)
