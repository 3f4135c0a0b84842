"""`weaklabel next`: the pairs whose gold is worth most now, and why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from weaklabel.cli import _completion
from weaklabel.cli._common import FilePath, emit, note, run_options
from weaklabel.cli._runs import open_run


@click.command("next")
@click.option("--n", type=int, default=50, show_default=True, help="How many pairs.")
@click.option(
    "--acquisition",
    metavar="RULE",
    default="random",
    show_default=True,
    help="The rule that picks them: random, uncertainty, disagreement, bald, coreset, badge, typical, d_optimal, "
    "expected_gain, uncertain_coreset.",
    shell_complete=_completion.acquisitions,
)
@click.option(
    "--embedding",
    default="ngrams",
    show_default=True,
    help="What rules compare pairs by: ngrams, minilm, policy:FOLDER (its hidden states), or votes, which "
    "reads no response.",
)
@click.option("--space", help="Of coreset: features (default), or text, what an evaluator would read.")
@click.option("--most", type=int, help="Of uncertain_coreset: uncertain pairs per question. Default: 10.")
@click.option(
    "--random-share",
    type=float,
    default=0.2,
    show_default=True,
    help="Share of the questions drawn at random whatever the rule.",
)
@click.option(
    "--candidates", type=int, default=50_000, show_default=True, help="Pairs, drawn, that are looked at."
)
@click.option("--skip-asked", is_flag=True, help="Leave out what this run asked before.")
@click.option("--answers", type=int, default=1, show_default=True, help="People who answer each pair.")
@click.option("--price", type=float, default=0.0, show_default=True, help="Money for one answer.")
@click.option("--max-calls", type=int, help="The most answers that may be asked for.")
@click.option(
    "--max-tokens", type=int, help="The most tokens that all answers may read; guessed from lengths."
)
@click.option("--max-money", type=float, help="The most money that all answers may cost.")
@click.option(
    "--draw", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of what is drawn."
)
@click.option("--out", type=FilePath(), help="Write a queue to fill in: FILE.jsonl or FILE.csv.")
@click.option(
    "--blind", is_flag=True, help="Leave out of the queue what is believed, and why a pair is asked."
)
@click.option("--texts", is_flag=True, help="Show the texts, shortened, in place of a table.")
@run_options
def command(as_json: bool, out: Path | None, texts: bool, blind: bool, **options: Any) -> None:
    """Which pairs to ask people about, with the reason for each.

    Pairs with gold and the locked test part are never asked. Fill in the column gold of the queue (a, b or tie), and give it
    back with weaklabel gold add.
    """
    out = None if out is None else out.absolute()
    how = {name: options.pop(name) for name in ("embedding", "random_share", "candidates", "skip_asked")}
    n, acquisition, seed = (options.pop(name) for name in ("n", "acquisition", "draw"))
    limits = {unit: options.pop(f"max_{unit}") for unit in ("calls", "tokens", "money")}
    answers, price = options.pop("answers"), options.pop("price")
    given = {name: options.pop(name) for name in ("space", "most")}
    run = open_run(options)
    from weaklabel.acquisition.price import Price
    from weaklabel.acquisition.queue import queue_file
    from weaklabel.ledger import Budget
    from weaklabel.pipeline.asking import ask

    rule = {name: value for name, value in given.items() if value is not None}
    how |= {"budget": Budget(**limits), "price": Price(answers, price), "seed": seed}
    if out is not None:
        queue_file(out)  # before anything is asked: what was asked is kept in the run
    found = ask(run, n, acquisition=acquisition, rule=rule, **how)
    if out is not None:
        found.write(out, blind=blind)
        note(f"queue: {out}; fill in gold with a, b or tie, then: weaklabel gold add {out}")
    emit(found.to_dict(), lambda: found.text() if texts else str(found), as_json)
