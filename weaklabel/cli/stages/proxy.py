"""`weaklabel proxy`: few answers of an expert, an evaluation model that stands in for it, and a policy that learns from that."""

from __future__ import annotations

from typing import Any

import click

from weaklabel.cli.stages._stage import carry_out_command, stage_options


@click.command("proxy")
@stage_options
@click.option(
    "--expert",
    "stage_expert",
    metavar="NAME",
    help="Who is asked: people:FILE, MODULE:FUNCTION, a folder.",
)
@click.option(
    "-n",
    "--queries",
    "stage_queries",
    metavar="N",
    type=int,
    help="Questions of a round. Default: 100.",
)
@click.option(
    "--acquisition",
    "stage_acquisition",
    metavar="RULE",
    help="Which questions: random, coreset, uncertainty, expected_gain, ... Default: random.",
)
@click.option(
    "--evaluator",
    "stage_evaluator",
    metavar="MODEL",
    help="The reward model that stands in for the expert. Default: linear.",
)
@click.option(
    "--seed-data",
    "stage_seed_data",
    metavar="FILE",
    help="Pairs with gold or beliefs that teach it too. Default: the labels of the run, where they give the prompts.",
)
@click.option(
    "--off-policy-data",
    "stage_off_policy_data",
    metavar="FILE",
    help="Ask about these pairs in place of the policy's own samples.",
)
@click.option(
    "--held-out",
    "stage_held_out",
    metavar="NAME",
    help="Another comparer, which has no part in anything and shows how right the labels are.",
)
def command(**options: Any) -> None:
    """Ask an expert few questions, let an evaluation model answer the many, and train the policy on its answers.

    --data are prompts. The policy gives several answers to each; a rule of acquisition chooses which pairs of them (or, with --set
    stage.unit=responses, which single answers) the expert sees; what the expert says teaches an evaluation model, which names the
    best and the worst answer to every prompt; the policy learns these pairs by DPO. A further round (--set stage.num_rounds=2) samples
    from the new policy and asks again. Expert answers are kept, and never paid twice; --set 'stage.budget={money=50}' is never passed.
    With people:FILE the command writes the questions and ends; fill in the answers and run it again. In runs/RUN/proxy/round-00 stand
    the model, answers.jsonl, pairs.parquet (what `weaklabel dpo` takes), evaluator/ (a comparer for any other command), the
    learning curve and the histogram of scores. Labels that are there already teach the evaluation model first: stage.seed_labels.

    \b
    weaklabel proxy --model models/base --data prompts.jsonl --expert people:questions.jsonl -n 50
    weaklabel proxy --model models/base --data prompts.jsonl --expert checks.py:score -n 200 --acquisition coreset
    """
    carry_out_command("proxy", options)
