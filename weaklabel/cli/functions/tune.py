"""`weaklabel tune`: direction and thresholds of response scorers, searched on dev gold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from weaklabel.cli import _completion
from weaklabel.cli._common import (
    FilePath,
    data_options,
    emit,
    lf_options,
    note,
    project_options,
)
from weaklabel.cli._runs import load_settings
from weaklabel.errors import ConfigError, UnknownNameError


@click.command("tune")
@click.argument("names", nargs=-1, metavar="[LF]...", shell_complete=_completion.functions)
@data_options
@lf_options
@click.option("--write", type=FilePath(), help="Write the suggested scorers as a new .py file.")
@project_options
def command(as_json: bool, names: tuple[str, ...], write: Path | None, **options: Any) -> None:
    """Search prefer, min_gap and max_gap of the response scorers (or of those named) on dev gold.

    The honest gain redoes the search inside each of five folds of prompts and scores it outside; only what is above
    chance there is suggested. Nothing is changed: --write FILE makes a file of scorers to add to lfs.use.
    """
    here = Path.cwd()
    loaded = load_settings(options)
    from weaklabel import artifacts
    from weaklabel.engine import VoteStore, apply
    from weaklabel.lf.core import ResponseScorer
    from weaklabel.pipeline import configured_lfs, read_configured_pairs
    from weaklabel.workbench.tune import tune

    target = None if write is None else here / write
    if target is not None and (target.exists() or target.suffix != ".py"):
        why = (
            "it is there already, and tune overwrites nothing"
            if target.exists()
            else "it does not end in .py"
        )
        raise ConfigError(f"--write {write}: {why}. Name a new .py file.")
    lfs = configured_lfs(loaded)
    for name in names:
        if name not in {lf.name for lf in lfs}:
            raise UnknownNameError.for_name("labeling function", name, [lf.name for lf in lfs])
    chosen = [lf for lf in lfs if not names or lf.name in names]
    dev = read_configured_pairs(loaded).dev
    scorers = [lf for lf in chosen if isinstance(lf, ResponseScorer)]
    votes = None
    if scorers and len(dev):
        lf_settings = loaded.config.lfs
        votes = apply(
            scorers,
            dev,
            workers=lf_settings.workers or 1,
            time_limit=lf_settings.time_limit,
            max_fault_share=lf_settings.max_fault_share,
            store=VoteStore(loaded.store_folder),
        )
    found = tune(chosen, dev, votes=votes, seed=loaded.config.data.seed)
    emit(found.to_dict(), lambda: str(found), as_json)
    if target is not None and found.suggestions:
        artifacts.write_text(target, found.code())
        note(
            f"{len(found.suggestions)} tuned scorers: {write}. Add the file to lfs.use, with or without the originals."
        )
    elif target is not None:
        note(f"{write} was not written: nothing is suggested.")
