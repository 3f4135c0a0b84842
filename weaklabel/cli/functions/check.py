"""`weaklabel check`: what a linter is for code."""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from weaklabel.cli._common import (
    config_options,
    data_options,
    emit,
    json_option,
    lf_options,
    note,
    written_over,
)
from weaklabel.cli._runs import settings
from weaklabel.errors import WeaklabelError

_POLL_SECONDS = 0.5


@click.command("check")
@data_options
@lf_options
@click.option(
    "--sample", type=click.IntRange(min=1), default=2000, show_default=True, help="Pairs to look at."
)
@click.option("--watch", is_flag=True, help="Check again whenever a labeling-function file changes.")
@config_options
@json_option
def command(as_json: bool, sample: int, watch: bool, **options: Any) -> None:
    """Find labeling functions that are position-dependent, below chance, copied, silent, slow or raising.

    Works on a sample of the pairs outside the locked test part. Exits 1 on findings, so that CI can use it;
    `weaklabel rule CODE` explains a code.
    """
    loaded = settings(options)
    from weaklabel.pipeline import configured_lfs, read_configured_pairs

    pairs = read_configured_pairs(loaded)
    if not watch:
        raise click.exceptions.Exit(_check(configured_lfs(loaded), pairs, sample, loaded, as_json))
    seen: dict[Path, float] = {}
    while True:
        now = _stamps(_watched(loaded))
        if now != seen:
            seen = now
            try:
                _check(configured_lfs(loaded), pairs, sample, loaded, as_json)
            except WeaklabelError as error:
                note(f"error: {error}")
            note("watching for changes; stop with Ctrl-C")
        time.sleep(_POLL_SECONDS)


def _check(lfs: Any, pairs: Any, sample: int, loaded: Any, as_json: bool) -> int:
    from weaklabel.workbench.check import TIME_LIMIT, check

    report = check(
        lfs,
        pairs,
        sample=sample,
        seed=loaded.config.data.seed,
        time_limit=loaded.config.lfs.time_limit or TIME_LIMIT,
        progress=written_over if sys.stderr.isatty() else None,
    )
    if sys.stderr.isatty():
        written_over("")
    emit(report.to_dict(), lambda: str(report), as_json)
    return report.exit_code


def _watched(loaded: Any) -> list[Path]:
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
