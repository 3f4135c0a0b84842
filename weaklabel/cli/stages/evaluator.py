"""`weaklabel evaluator`: a classifier that says which proposed answers are better than the current ones."""

from __future__ import annotations

from typing import Any

import click

from weaklabel.cli.stages._stage import carry_out_command, stage_options


@click.command("evaluator")
@stage_options
@click.option(
    "--checker",
    "stage_checker",
    metavar="MODULE:FUNCTION",
    help="Says which answers are right; --data are then demonstrations.",
)
def command(**options: Any) -> None:
    """Train an evaluator on the labels of a run, on pairs with gold, or on pairs built from demonstrations.

    With a checker, a small model learns the demonstrations; its checkpoints answer all prompts, and right and wrong answers
    become pairs. Settings of that model are given as --set stage.answers.NAME=VALUE. What the [[stage]] table of kind
    evaluator in weaklabel.toml says holds where no option says otherwise. A run that was killed continues with the same
    command. The evaluator stands in runs/RUN/evaluator/round-00/model, and is a comparer.

    \b
    weaklabel evaluator --model models/base --data demos.jsonl --checker checks.py:is_right
    weaklabel evaluator --from-scratch tiny --set stage.learning_rate=1e-3
    """
    carry_out_command("evaluator", options)
