"""`weaklabel hindsight`: outputs behind words that say how good they are."""

from __future__ import annotations

from typing import Any

import click

from weaklabel.cli.stages._stage import carry_out_command, stage_options


@click.command("hindsight")
@stage_options
@click.option(
    "--lists", "stage_lists", metavar="FILE", help="Ranked lists in the place of pairs: prompt and outputs."
)
@click.option(
    "--template",
    "stage_template",
    metavar="NAME",
    help="dialogue (the default), summaries, questions, or a file that ends in .toml.",
)
@click.option("--arm", "stage_arm", metavar="ARM", help="The method (hindsight, the default) or a baseline.")
@click.option(
    "--pretrain-data",
    "stage_pretrain_data",
    metavar="FILE",
    help="Plain text that is learned beside the chains.",
)
def command(**options: Any) -> None:
    """Teach a language model good and bad answers in one text, each behind words that say which it is.

    It learns from the labels of a run, from pairs with gold or beliefs, or from ranked lists; with --set stage.feedback=soft the
    words are as strong as the labels are sure. Afterwards it is asked with the words that mean good, which its card names. What
    the [[stage]] table of kind hindsight in weaklabel.toml says holds where no option says otherwise; any further setting is
    given as --set stage.NAME=VALUE. A run that was killed continues with the same command. The model, its audit and the
    figures stand in runs/RUN/hindsight.

    \b
    weaklabel hindsight --model models/base --set stage.feedback=soft
    weaklabel hindsight --from-scratch tiny --lists ranked.jsonl --template questions
    """
    carry_out_command("hindsight", options)
