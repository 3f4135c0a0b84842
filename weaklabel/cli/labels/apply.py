"""`weaklabel apply`: run the labeling functions and keep their votes."""

from __future__ import annotations

import re
import sys
from typing import Any

import click

from weaklabel.cli._common import (
    data_options,
    emit,
    engine_options,
    lf_options,
    note,
    run_options,
)
from weaklabel.cli._costs import cost_json, summary
from weaklabel.cli._costs import profile as profile_of
from weaklabel.cli._runs import open_run


@click.command("apply")
@data_options
@lf_options
@engine_options
@click.option(
    "--shards",
    metavar="I/N",
    callback=lambda ctx, param, value: value and _part(value),
    help="Vote on every N-th shard alone, beginning with the I-th: a job array on a shared folder.",
)
@click.option("--profile", is_flag=True, help="Print what each function and each shared feature cost.")
@run_options
def command(as_json: bool, shards: tuple[int, int] | None, profile: bool, **options: Any) -> None:
    """Run the labeling functions on every pair and keep their votes.

    Votes that another run has computed already are read from .weaklabel/votes. A function that fails on a
    pair is recorded there by name and pair, in faults.jsonl.

    With --shards the jobs of an array share the work: each keeps its votes in the store, and apply without --shards
    then finds them all.
    """
    run = open_run(options)
    if shards is not None:
        applied = run.apply_part(*shards)
        state = applied.progress
        text = (
            f"shards {shards[0]}/{shards[1]}: this job's share, {state.done_pairs:,} of {run.file.n_pairs:,} pairs, has its "
            "votes. When all jobs are done, run weaklabel apply without --shards."
        )
        emit({"run": run.folder.name, "n_pairs": state.done_pairs, "cost": cost_json(state)}, text, as_json)
        return
    cost = run.plan.apply.value.cost
    told = "" if cost is None else summary(cost)
    if profile:
        note(profile_of(cost) if cost and told else "nothing was worked out: every vote was in the store")
    elif told and sys.stderr.isatty():
        note(told)
    rows = [
        {
            "lf": name,
            "coverage": (tally["n_a"] + tally["n_b"]) / max(1, tally["n_pairs"]),
            "faults": tally["n_faults"],
        }
        for name, tally in run.plan.apply.counts["tallies"].items()
    ]
    # Whether any function votes on a pair takes all votes on it, so it is told where these are in memory anyway.
    coverage = None if run.is_sample else run.votes.coverage
    emit(
        {
            "run": run.folder.name,
            "n_pairs": run.file.n_pairs,
            "coverage": coverage,
            "lfs": rows,
            "cost": cost_json(cost),
        },
        lambda: _table(rows) + f"\n\nvotes: {run.loaded.store_folder}, listed in {run.folder / 'votes.json'}",
        as_json,
    )


def _table(rows: list[dict[str, Any]]) -> str:
    from weaklabel._tables import plain_table, short

    cells = [[row["lf"], short(row["coverage"]), str(row["faults"])] for row in rows]
    return plain_table(["lf", "coverage", "faults"], cells)


def _part(value: str) -> tuple[int, int]:
    found = re.fullmatch(r"([0-9]+)/([0-9]+)", value)
    number, of = (int(found[1]), int(found[2])) if found else (0, 0)
    if not 1 <= number <= of:
        raise click.BadParameter(
            f"{value!r} is no part of a whole. Example: --shards 3/16, from 1/16 to 16/16."
        )
    return number, of
