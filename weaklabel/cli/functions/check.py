"""`weaklabel check`: what a linter is for code."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from weaklabel.cli._common import (
    data_options,
    emit,
    lf_options,
    note,
    project_options,
)
from weaklabel.cli._runs import load_settings
from weaklabel.errors import WeaklabelError

if TYPE_CHECKING:
    from weaklabel.config import LoadedConfig
    from weaklabel.types import Pairs
    from weaklabel.workbench.check import Checked

_POLL_SECONDS = 0.5


@click.command("check")
@data_options
@lf_options
@click.option(
    "--sample", type=click.IntRange(min=1), default=2000, show_default=True, help="Pairs to look at."
)
@click.option("--shipped", is_flag=True, help="Check shipped functions too, beside the project's own.")
@click.option(
    "--watch",
    is_flag=True,
    help="Check again whenever a labeling-function file changes, and show what the edit did.",
)
@project_options
def command(as_json: bool, sample: int, shipped: bool, watch: bool, **options: Any) -> None:
    """Find labeling functions that are position-dependent, below chance, copied, silent, slow or raising.

    Shipped functions are checked where there are no others, or with --shipped. Works on a sample of the pairs outside
    the locked test part. Exits 1 on findings, so that CI can use it; `weaklabel rule CODE` explains a code.
    """
    loaded = load_settings(options)
    from weaklabel.pipeline import read_configured_pairs

    pairs = read_configured_pairs(loaded)
    if not watch:
        raise click.exceptions.Exit(_check(loaded, pairs, sample, shipped, as_json).exit_code)
    seen: dict[Path, float] = {}
    before: Checked | None = None
    while True:
        now = _stamps(_watched(loaded))
        if now != seen:
            seen = now
            try:
                report = _check(loaded, pairs, sample, shipped, as_json)
                for line in () if before is None else report.since(before):
                    note(line)
                before = report
            except WeaklabelError as error:
                note(f"error: {error}")
            note("watching for changes; stop with Ctrl-C")
        time.sleep(_POLL_SECONDS)


def _check(loaded: LoadedConfig, pairs: Pairs, sample: int, shipped: bool, as_json: bool) -> Checked:
    from weaklabel.pipeline import configured_lfs
    from weaklabel.workbench.check import TIME_LIMIT, check

    lfs = configured_lfs(loaded)
    own = [lf for lf in lfs if not (lf.spec or "").startswith("shipped:")]
    if own and not shipped and len(own) < len(lfs):
        note(f"{len(lfs) - len(own)} shipped functions are left out; --shipped checks them too.")
        lfs = own
    report = check(
        lfs,
        pairs,
        sample=sample,
        seed=loaded.config.data.seed,
        time_limit=loaded.config.lfs.time_limit or TIME_LIMIT,
    )
    emit(report.to_dict(), lambda: str(report), as_json)
    return report


def _watched(loaded: LoadedConfig) -> list[Path]:
    """The files and folders among the sources; shipped functions and modules do not change under our hands."""
    from weaklabel.pipeline.functions import resolve_source

    paths = []
    for source in loaded.config.lfs.use:
        path = Path(resolve_source(loaded, source).partition(".py:")[0] + (".py" if ".py:" in source else ""))
        paths += sorted(path.glob("*.py")) if path.is_dir() else [path] if path.is_file() else []
    return paths


def _stamps(paths: list[Path]) -> dict[Path, float]:
    found = {}
    for path in paths:
        with suppress(FileNotFoundError):  # an editor may be replacing it
            found[path] = path.stat().st_mtime
    return found
