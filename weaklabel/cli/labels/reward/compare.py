"""`weaklabel reward compare`: saved models on the same gold, with paired differences."""

from __future__ import annotations

from typing import Any

import click

from weaklabel.cli._common import emit, look_options
from weaklabel.cli.labels.reward._files import (
    file_options,
    gold_of,
    judge,
    judging_options,
    open_models,
    reading,
)
from weaklabel.errors import ConfigError


@click.command("compare")
@click.argument("models", nargs=-1, required=True, metavar="MODEL MODEL...")
@file_options
@judging_options
@look_options
def compare(as_json: bool, models: tuple[str, ...], **options: Any) -> None:
    """Saved reward models and labelers side by side on the same gold; differences are paired, from the first.

    Gold of prompts that any of them was fitted to is left out for all.

    \b
    weaklabel reward compare runs/base/labeler runs/base/reward runs/minilm/reward --pairs gold.jsonl
    """
    if len(models) < 2 or len({model.rstrip("/") for model in models}) < len(models):
        raise ConfigError(f"compare got {', '.join(models)}. Name two or more models, each once.")
    file = reading(options)
    arms, run, seed = open_models(models, options, of_run=file is None)
    found = judge(arms, gold_of(file, run), options, seed)
    emit(found.to_dict(), lambda: str(found), as_json)
