"""`weaklabel runs`: the runs of a project at a glance, and removing one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from weaklabel.cli import _completion
from weaklabel.cli._common import (
    emit,
    project_options,
)
from weaklabel.cli._runs import load_settings

if TYPE_CHECKING:
    from weaklabel.pipeline.runs import RunSummary


@click.group("runs", invoke_without_command=True)
@project_options
@click.pass_context
def command(context: click.Context, /, as_json: bool, **options: Any) -> None:
    """The runs of this project: when something was last made, pairs, functions, label model, accuracy, size.

    Accuracy is the labeler's on dev gold, out of fold. Nothing is computed.
    """
    if context.invoked_subcommand is None:
        found = _summaries(options)
        emit([asdict(run) for run in found], lambda: _table(found), as_json)


@command.command("remove")
@click.argument("name", metavar="RUN", shell_complete=_completion.runs)
@project_options
def remove(name: str, as_json: bool, **options: Any) -> None:
    """Remove RUN with all that it made. Its votes stay in .weaklabel, for other runs: weaklabel gc removes them."""
    loaded = load_settings(options)
    from weaklabel.pipeline.runs import check_exists, remove_run

    size = remove_run(check_exists(loaded, name))
    emit({"run": name, "bytes": size}, f"removed run {name} ({size / 1e6:.1f} MB)", as_json)


def _summaries(options: Mapping[str, Any]) -> list[RunSummary]:
    loaded = load_settings(options)
    from weaklabel.pipeline.runs import check_exists, run_names, summary_of

    return [summary_of(check_exists(loaded, name)) for name in run_names(loaded)]


def _table(found: Sequence[RunSummary]) -> str:
    from weaklabel._tables import plain_table, short

    if not found:
        return "no runs yet. To make one: weaklabel run"
    rows = [
        [
            run.name,
            run.made,
            "-" if run.n_pairs is None else f"{run.n_pairs:,}",
            "-" if run.n_lfs is None else f"{run.n_lfs:,}",
            run.model or "-",
            "-" if run.accuracy is None else short(run.accuracy),
            f"{run.bytes / 1e6:.1f} MB",
        ]
        for run in found
    ]
    return plain_table(["run", "made", "pairs", "functions", "model", "accuracy", "size"], rows)
