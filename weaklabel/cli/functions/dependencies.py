"""`weaklabel dependencies`: which labeling functions say the same thing."""

from __future__ import annotations

from typing import Any

import click

from weaklabel.cli._common import data_options, emit, lf_options, look_options
from weaklabel.cli._runs import look_at_run


@click.command("dependencies")
@data_options
@lf_options
@click.option("--top", type=click.IntRange(min=1), default=20, show_default=True, help="Links to show.")
@click.option("--no-gold", is_flag=True, help="Go by agreement alone, though there is gold.")
@look_options
def command(as_json: bool, top: int, no_gold: bool, **options: Any) -> None:
    """Near-duplicates, clusters, and functions whose errors go together; how many independent ones they are worth.

    Told by dev gold, or by agreement alone where there is none.
    """
    run = look_at_run(options)
    votes, pairs = run.votes, run.pairs
    from weaklabel.workbench.dependencies import dependencies

    visible = pairs.parts != "test"
    gold = None if no_gold or not len(pairs.dev) else pairs.dev
    found = dependencies(votes.take(visible), gold, groups=pairs.prompt_groups[visible])
    emit(found.to_dict(), lambda: found.text(top), as_json)
