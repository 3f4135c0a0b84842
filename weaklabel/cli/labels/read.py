"""`weaklabel read`: the pairs as one canonical file, divided into dev, test and pool."""

from __future__ import annotations

from typing import Any

import click

from weaklabel.cli._common import data_options, emit, run_options
from weaklabel.cli._runs import open_run


@click.command("read")
@data_options
@run_options
def command(as_json: bool, **options: Any) -> None:
    """Read the pairs and their gold into runs/NAME/pairs.parquet, in shards that the other commands work on.

    Every other command does this by itself. Run it alone before the jobs of an array start: they then find the file.
    """
    run = open_run(options)
    file = run.file
    value = {
        "run": run.folder.name,
        "n_pairs": file.n_pairs,
        "n_shards": len(file),
        "in_memory": len(run.pairs),
        **{name: run.plan.read.counts[name] for name in ("gold", "dev", "test", "set_aside", "notes")},
    }
    text = f"{file.n_pairs:,} pairs in {len(file):,} shards: {file.path}"
    if run.is_sample:
        text += f"\nheld in memory, for what needs rows: {len(run.pairs):,}, all with gold among them (data.sample)"
    emit(value, text, as_json)
