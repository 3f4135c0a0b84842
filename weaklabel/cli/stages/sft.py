"""`weaklabel sft`: supervised finetuning."""

from __future__ import annotations

from typing import Any

import click

from weaklabel.cli.stages._stage import carry_out_command, stage_options


@click.command("sft")
@stage_options
def command(**options: Any) -> None:
    """Finetune a language model on demonstrations, or on the better response of every label of a run.

    What the [[stage]] table of kind sft in weaklabel.toml says holds where no option says otherwise; any further setting is
    given as --set stage.NAME=VALUE. A run that was killed continues with the same command. The model, its audit and the
    figures stand in runs/RUN/sft.

    \b
    weaklabel sft --model models/base --data demos.jsonl --set stage.learning_rate=1e-5
    weaklabel sft --from-scratch tiny --set stage.min_confidence=0.8 --set stage.max_steps=200
    """
    carry_out_command("sft", options)
