"""`weaklabel reward`: reward models trained on the labels."""

from __future__ import annotations

from typing import Any

import click

from weaklabel.cli._common import config_options, emit, json_option, name_option, open_run


@click.group("reward")
def command() -> None:
    """Train a reward model on the labels."""


@command.command("train")
@click.option("--reward-model", metavar="NAME", help="Which one. Default: linear.")
@click.option(
    "--allow-uncalibrated",
    is_flag=True,
    default=None,
    help="Learn from labels that were never fitted to gold.",
)
@config_options
@name_option
@json_option
def train(as_json: bool, **options: Any) -> None:
    """Train the reward model of a run on its labels, and say how it does on held-out prompts."""
    run = open_run(options)
    model = run.reward
    from weaklabel.reward import evaluate

    test = run.pairs.test
    found = evaluate({"reward model": model}, gold=test, seed=run.config.data.seed) if len(test) else None
    text = (
        str(found) if found else "no held-out gold, so no figures. Give gold and a data.test_share above 0."
    )
    emit(
        {"run": run.folder.name, "path": str(run.folder / "reward"), "evaluation": found and found.to_dict()},
        f"{text}\nreward model: {run.folder / 'reward'}",
        as_json,
    )
