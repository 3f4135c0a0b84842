"""`weaklabel dpo`: direct preference optimisation."""

from __future__ import annotations

from typing import Any

import click

from weaklabel.cli.stages._stage import carry_out_command, stage_options


@click.command("dpo")
@stage_options
@click.option(
    "--ref-model",
    "stage_ref_model",
    metavar="MODEL",
    help="The reference. Default: the model that training starts from.",
)
def command(**options: Any) -> None:
    """Teach a language model which response is better, by the labels of a run or by pairs with gold or beliefs.

    Beliefs are soft, and how much a pair counts is apart from them. What the [[stage]] table of kind dpo in weaklabel.toml
    says holds where no option says otherwise; any further setting is given as --set stage.NAME=VALUE. The reference is asked
    once for all tables of a run that share it. A run that was killed continues with the same command. The model, its audit
    and the figures stand in runs/RUN/dpo.

    \b
    weaklabel dpo --model runs/base/sft/round-00/model --set stage.beta=0.1
    weaklabel dpo --model models/base --data pairs.jsonl --set stage.loss_type=robust --set stage.label_smoothing=0.2
    """
    carry_out_command("dpo", options)
