"""`weaklabel apply`: run the labeling functions and keep their votes."""

from __future__ import annotations

from typing import Any

import click

from weaklabel.cli._common import (
    config_options,
    data_options,
    emit,
    json_option,
    lf_options,
    name_option,
    open_run,
)


@click.command("apply")
@data_options
@lf_options
@config_options
@name_option
@json_option
def command(as_json: bool, **options: Any) -> None:
    """Run the labeling functions on every pair and keep their votes.

    Votes that another run has computed already are read from .weaklabel/votes. A function that fails on a
    pair is recorded there by name and pair, in faults.jsonl.
    """
    run = open_run(options)
    run.stored  # noqa: B018 - making it is the point
    rows = [
        {
            "lf": name,
            "coverage": (tally["n_a"] + tally["n_b"]) / max(1, tally["n_pairs"]),
            "faults": tally["n_faults"],
        }
        for name, tally in run.vote_counts["tallies"].items()
    ]
    # Whether any function votes on a pair takes all votes on it, so it is told where these are in memory anyway.
    coverage = None if run.is_sample else run.votes.coverage
    emit(
        {"run": run.folder.name, "n_pairs": run.file.n_pairs, "coverage": coverage, "lfs": rows},
        lambda: _table(rows) + f"\n\nvotes: {run.loaded.store_folder}, listed in {run.folder / 'votes.json'}",
        as_json,
    )


def _table(rows: list[dict[str, Any]]) -> str:
    from weaklabel._tables import plain_table, short

    cells = [[row["lf"], short(row["coverage"]), str(row["faults"])] for row in rows]
    return plain_table(["lf", "coverage", "faults"], cells)
