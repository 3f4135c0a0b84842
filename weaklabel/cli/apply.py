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
    votes = run.votes
    spoken = (votes.L >= 0).mean(axis=0) if len(votes) else [0.0] * votes.n_lfs
    failed = dict.fromkeys(votes.lf_names, 0)
    for fault in votes.faults:
        failed[fault.lf] += 1
    rows = [
        {"lf": name, "coverage": float(share), "faults": failed[name]}
        for name, share in zip(votes.lf_names, spoken, strict=True)
    ]
    emit(
        {"run": run.folder.name, "n_pairs": len(votes), "coverage": votes.coverage, "lfs": rows},
        lambda: _table(rows) + f"\n\nvotes: {run.folder / 'votes.parquet'}",
        as_json,
    )


def _table(rows: list[dict[str, Any]]) -> str:
    from weaklabel._tables import plain_table, short

    cells = [[row["lf"], short(row["coverage"]), str(row["faults"])] for row in rows]
    return plain_table(["lf", "coverage", "faults"], cells)
