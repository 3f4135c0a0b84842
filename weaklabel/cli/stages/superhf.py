"""`weaklabel superhf`: a policy learns the best of its own samples."""

from __future__ import annotations

from typing import Any

import click

from weaklabel.cli._common import emit, note
from weaklabel.cli.stages._stage import carry_out_command, chosen_stage, stage_options
from weaklabel.errors import ConfigError


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
@click.option(
    "--frontier",
    metavar="NAME=V,V,...",
    help="The stage at each of these values of a setting, as a table and a picture: beta=0,.1,.3",
)
@click.option("--seeds", metavar="N,N,...", help="Of the frontier: a stage per seed. Default: 0.")
def command(frontier: str | None, seeds: str | None, **options: Any) -> None:
    """Finetune a policy on the best of its own samples, superbatch after superbatch, held to a prior.

    --data are prompts. For each of them the policy as it is gives several answers, the comparer says which is best, and the policy
    learns that one; the KL to the model that training starts from keeps it from saying one thing to everything. What the [[stage]]
    table of kind superhf in weaklabel.toml says holds where no option says otherwise; any further setting is given as --set
    stage.NAME=VALUE. A run that was killed continues with the same command. The model, its audit, the figures and superbatches.jsonl
    (what was kept, with rewards) stand in runs/RUN/superhf. With --frontier each value and seed is a stage in runs/RUN/superhf-frontier,
    and frontier.svg there shows the reward against how alike the answers are.

    \b
    weaklabel superhf --model models/base --data prompts.jsonl --comparer runs/base/reward --set stage.lora_r=4
    weaklabel superhf --model models/base --data prompts.jsonl --comparer checks.py:score --set stage.beta=0.3
    weaklabel superhf --model models/base --data prompts.jsonl --comparer runs/base/reward --frontier beta=0,.1,.3 --seeds 0,1,2
    """
    if frontier is None:
        if seeds is not None:
            raise ConfigError("--seeds are of a frontier. Give --frontier too, or --set stage.seed=N.")
        carry_out_command("superhf", options)
        return
    name, values = _numbers("--frontier", frontier)
    _, drawn = _numbers("--seeds", f"seeds={seeds or 0}")
    as_json, run, table = chosen_stage("superhf", options)
    from weaklabel.pipeline.stages import carry_out_frontier

    found = carry_out_frontier(run, table, name, values, [int(seed) for seed in drawn], told=note)
    picture = run.folder / f"{table.name}-frontier" / "frontier.svg"
    emit(found.to_dict(), f"{found}\n\npicture: {picture}", as_json)


def _numbers(option: str, given: str) -> tuple[str, list[float]]:
    """The name and the numbers of `name=1,2,3`.

    Raises:
        ConfigError: something else.
    """
    name, _, values = given.partition("=")
    try:
        return name.strip(), [float(value) for value in values.split(",")]
    except ValueError:
        raise ConfigError(
            f"{option} is {given!r}. Write numbers with commas between them: {name or 'beta'}=0,.1,.3"
        ) from None
