"""`weaklabel superhf`: a policy learns the best of its own samples."""

from __future__ import annotations

from typing import Any

import click

from weaklabel.cli.stages._stage import carry_out_command, stage_options


@click.command("superhf")
@stage_options
@click.option(
    "--comparer",
    "stage_comparer",
    metavar="NAME",
    help="Who says which sample is better: a folder, MODULE:FUNCTION. Default: the run's labeler.",
)
@click.option(
    "--held-out",
    "stage_held_out",
    metavar="NAME",
    help="Another one, which has no part in the choice and shows what it is worth.",
)
def command(**options: Any) -> None:
    """Finetune a policy on the best of its own samples, superbatch after superbatch, held to a prior.

    --data are prompts. For each of them the policy as it is gives several answers, the comparer says which is best, and the policy
    learns that one; the KL to the model that training starts from keeps it from saying one thing to everything. What the [[stage]]
    table of kind superhf in weaklabel.toml says holds where no option says otherwise; any further setting is given as --set
    stage.NAME=VALUE. A run that was killed continues with the same command. The model, its audit, the figures and superbatches.jsonl
    (what was kept, with rewards) stand in runs/RUN/superhf.

    \b
    weaklabel superhf --model models/base --data prompts.jsonl --comparer runs/base/reward --set stage.lora_r=4
    weaklabel superhf --model models/base --data prompts.jsonl --comparer checks.py:score --set stage.beta=0.3
    """
    carry_out_command("superhf", options)
