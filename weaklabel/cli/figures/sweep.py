"""`weaklabel sweep`: do weak labels help here, from how little gold, and how many gold labels are they worth?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from weaklabel.cli._common import (
    config_options,
    data_options,
    emit,
    json_option,
    lf_options,
    note,
    run_options,
)
from weaklabel.cli._runs import open_run
from weaklabel.cli.functions._workbench import counter

if TYPE_CHECKING:
    from weaklabel.config import SweepSettings


@click.command("sweep")
@click.option("--seeds", type=click.IntRange(min=2), help="Draws of held-out prompts and gold. Default: 5.")
@click.option(
    "--quick", is_flag=True, help="Two seeds, two gold sizes, one amount, no filter: shows that it works."
)
@data_options
@lf_options
@config_options
@run_options
@json_option
def command(as_json: bool, quick: bool, seeds: int | None, **options: Any) -> None:
    """Gold sizes x amounts of weak labels x confidence thresholds x label sources x seeds, on held-out prompts.

    The grid is in [sweep]. What it will cost is said before it starts; killed, it continues with the same command.
    Locked test prompts are not looked at: with --test-share 0 all gold takes part.
    """
    run = open_run(options)
    from weaklabel.pipeline.sweep import sweep_run

    settings = run.config.sweep if seeds is None else run.config.sweep.model_copy(update={"seeds": seeds})
    result = sweep_run(
        run, quickened(settings) if quick else settings, on_note=note, progress=counter("cells")
    )
    folder = run.folder / "sweep"
    emit(
        {"run": run.folder.name, "path": str(folder), "sweep": result.to_dict()},
        lambda: f"{result}\n\nsweep: {folder / 'sweep.json'}, picture: {folder / 'sweep.svg'}",
        as_json,
    )


def quickened(settings: SweepSettings) -> SweepSettings:
    """The ends of the grid alone."""
    ends = sorted(settings.gold)[:2]
    return settings.model_copy(
        update={"seeds": 2, "gold": ends, "weak": settings.weak[-1:], "thresholds": settings.thresholds[:1]}
    )
