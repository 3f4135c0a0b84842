"""`weaklabel ilr`: iterative label refinement."""

from __future__ import annotations

from typing import Any

import click

from weaklabel.cli.stages._stage import carry_out_command, stage_options


@click.command("ilr")
@stage_options
@click.option(
    "--comparer",
    "stage_comparer",
    metavar="NAME",
    help="Who compares: a folder, people:FILE, MODULE:FUNCTION. Default: the run's labeler.",
)
@click.option("--arm", "stage_arm", metavar="ARM", help="The method (learned, the default) or a control.")
@click.option(
    "--truth",
    "stage_truth",
    metavar="MODULE:FUNCTION",
    help="Says which answers are right, for figures alone.",
)
@click.option(
    "--test-data", "stage_test_data", metavar="FILE", help="Prompts that each round's policy is asked."
)
def command(**options: Any) -> None:
    """Refine demonstrations: models propose answers for prompts that they did not learn, a comparer decides, training starts again.

    Each round's demonstrations stand in runs/RUN/ilr/round-NN/labels.jsonl with where they come from, what was compared in
    decisions.jsonl, and the policy that learned them in model. Rows of the data whose `pinned` is true are never replaced.
    What the [[stage]] table of kind ilr in weaklabel.toml says holds where no option says otherwise; any further setting is
    given as --set stage.NAME=VALUE. A run that was killed continues with the same command.

    \b
    weaklabel ilr --model models/base --data demos.jsonl
    weaklabel ilr --from-scratch tiny --data demos.jsonl --comparer checks.py:score --set stage.num_rounds=3
    """
    carry_out_command("ilr", options)
