"""`weaklabel report`: one HTML page about a run."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from weaklabel.cli import _completion
from weaklabel.cli._common import FilePath, emit, run_options
from weaklabel.cli._runs import open_run

if TYPE_CHECKING:
    from weaklabel.pipeline import Run
    from weaklabel.report import Judged
    from weaklabel.types import Labels

# Gold pairs from which on correlations of errors are counted on gold; fewer say less than agreement does.
_ENOUGH_GOLD: Final = 200


@click.command("report")
@click.argument("run_name", metavar="[RUN]", required=False, shell_complete=_completion.runs)
@click.option(
    "--out",
    metavar="FILE",
    type=FilePath(),
    help="Where to write. Default: report.html in the run.",
)
@click.option("--open", "show", is_flag=True, help="Open it in the browser.")
@run_options
def command(run_name: str | None, out: Path | None, show: bool, as_json: bool, **options: Any) -> None:
    """Write one self-contained HTML file about RUN: figures, functions, trust, bias, and the most disputed pairs.

    It needs no network and runs no script. Steps that the page needs and that are missing or stale are made first;
    the table on held-out prompts is part of it where `weaklabel run` has made one.
    """
    if run_name and options["name"] not in (None, run_name):
        raise click.UsageError(
            f"two runs are named: {run_name!r} and --name {options['name']!r}. Give one of them."
        )
    target = None if out is None else out.resolve()
    run = open_run(options | {"name": run_name or options["name"]}, must_exist=True)
    path = write_page(run, target or run.folder / "report.html").resolve()
    size = path.stat().st_size
    if show:
        click.launch(path.as_uri())
    emit({"run": run.folder.name, "path": str(path), "bytes": size}, f"{path} ({size / 1e6:.1f} MB)", as_json)


def write_page(run: Run, path: Path) -> Path:
    """The page of a run, with what the workbench finds on everything but the locked test part."""
    from weaklabel.report import judge, write_report

    labels, seed = run.labels, run.config.data.seed
    seen = labels.take(labels.pairs.parts != "test")
    judged = judge(seen, run.labeler, seed=seed)
    return write_report(
        labels,
        path,
        labeler=run.labeler,
        name=run.folder.name,
        figures=run.figures().to_dict() if (run.folder / "report.json").exists() else None,
        out_of_fold=None if isinstance(judged, str) else dict(zip(_ids(seen, judged), judged.p, strict=True)),
        seed=seed,
        **_looked_at(seen, judged, seed),
    )


def _ids(labels: Labels, judged: Judged) -> list[str]:
    return [labels.votes.ids[row] for row in judged.rows]


def _looked_at(seen: Labels, judged: Judged | str, seed: int) -> dict[str, Any]:
    from weaklabel.errors import DataError, GoldError
    from weaklabel.report import honest_labels
    from weaklabel.workbench.added_value import added_value
    from weaklabel.workbench.bias import label_bias
    from weaklabel.workbench.dependencies import dependencies

    votes, pairs = seen.votes, seen.pairs
    dev = pairs.dev
    told = {"gold": dev} if len(dev) >= _ENOUGH_GOLD else {"groups": pairs.prompt_groups}
    found: dict[str, Any] = {"dependencies": dependencies(votes, **told)}
    # What cannot be had for want of gold, or of votes, is left out; the page says what is missing.
    with contextlib.suppress(GoldError):
        found["added_value"] = added_value(votes, pairs, seed=seed)
    with contextlib.suppress(DataError):
        found["bias"] = label_bias(
            seen if isinstance(judged, str) else honest_labels(seen, judged), seed=seed
        )
    return found
