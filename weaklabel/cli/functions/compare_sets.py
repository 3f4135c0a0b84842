"""`weaklabel compare-sets SET1 SET2 ...`: sets of labeling functions side by side."""

from __future__ import annotations

from typing import Any

import click

from weaklabel.cli import _completion
from weaklabel.cli._common import (
    data_options,
    emit,
    project_options,
)
from weaklabel.cli._runs import load_settings
from weaklabel.cli.functions._workbench import PROJECT, sources_of
from weaklabel.errors import ConfigError


@click.command("compare-sets")
@click.argument("compared", nargs=-1, required=True, metavar="SET...")
@data_options
@click.option(
    "--model",
    "judged_by",
    shell_complete=_completion.label_models,
    metavar="NAME",
    help="Label model, or ridge, a fast stand-in. Default: the file's.",
)
@project_options
def command(as_json: bool, compared: tuple[str, ...], judged_by: str | None, **options: Any) -> None:
    """Coverage, accuracy, NLL and ECE of the labeler that each SET of labeling functions gives, out of fold on dev gold.

    A SET is what lfs.use takes (lfs/, file.py, shipped:mt_bench, ...), several joined by commas; the word "project"
    stands for the project's own functions. Differences are paired, from the first set.

    \b
    weaklabel compare-sets shipped:mt_bench lfs/ shipped:mt_bench,lfs/
    """
    if len(set(compared)) < len(compared):
        raise ConfigError("compare-sets: one set is named twice. Name each once.")
    sources = sources_of(compared, options)
    loaded = load_settings(options)
    from weaklabel.engine import VoteStore, apply
    from weaklabel.lf.discovery import load_lfs
    from weaklabel.pipeline import configured_lfs, read_configured_pairs
    from weaklabel.pipeline.functions import resolve_source
    from weaklabel.workbench.compare_sets import compare_sets

    votes = {}
    pairs = read_configured_pairs(loaded)
    lf_settings = loaded.config.lfs
    for name, parts in sources.items():
        own = configured_lfs(loaded) if PROJECT in parts else []
        rest = [resolve_source(loaded, part) for part in parts if part != PROJECT]
        lfs = [*own, *(load_lfs(*rest) if rest else [])]
        if len({lf.name for lf in lfs}) < len(lfs):
            raise ConfigError(
                f"compare-sets: two functions of {name!r} have one name. Leave one of them out."
            )
        votes[name] = apply(
            lfs,
            pairs.dev,
            workers=lf_settings.workers or 1,
            time_limit=lf_settings.time_limit,
            max_fault_share=lf_settings.max_fault_share,
            store=VoteStore(loaded.store_folder),
        )
    found = compare_sets(
        votes,
        pairs.dev,
        model=judged_by or loaded.config.labeler.model,
        seed=loaded.config.data.seed,
    )
    emit(found.to_dict(), lambda: str(found), as_json)
