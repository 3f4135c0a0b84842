"""`weaklabel best-of`: the best of several samples of a policy, as data."""

from __future__ import annotations

from typing import Any

import click

from weaklabel.cli.stages._stage import carry_out_command, policy_options


@click.command("best-of")
@policy_options
@click.option(
    "--comparer",
    "stage_comparer",
    metavar="NAME",
    help="Who says which sample is better: a folder, people:FILE, MODULE:FUNCTION. Default: the run's labeler.",
)
@click.option(
    "--held-out",
    "stage_held_out",
    metavar="NAME",
    help="Another one, which has no part in the choice and shows what it is worth.",
)
@click.option(
    "-n",
    "--num-generations",
    "stage_num_generations",
    metavar="K",
    type=int,
    help="Samples of each prompt. Default: 16.",
)
def command(**options: Any) -> None:
    """Draw several samples of a policy to each prompt, choose the best, and write what other stages learn from.

    In runs/RUN/best_of/round-00 stand demonstrations.jsonl (the best sample of each prompt, for `weaklabel sft`), pairs.parquet (the
    best against the worst, for `weaklabel dpo` and reward models), groups.parquet (every two samples), samples.jsonl (all of them,
    with scores), and the curve of n: what the best of n is worth, by a held-out reward too. What the [[stage]] table of kind
    best_of in weaklabel.toml says holds where no option says otherwise; any further setting is given as --set stage.NAME=VALUE. A
    run that was killed continues with the same command.

    \b
    weaklabel best-of --model models/base --data prompts.jsonl --comparer runs/base/reward --held-out checks.py:is_right
    weaklabel sft --model models/base --data runs/base/best_of/round-00/demonstrations.jsonl
    """
    carry_out_command("best_of", options)
