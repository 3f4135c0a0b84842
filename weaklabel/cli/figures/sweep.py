"""`weaklabel sweep`: do weak labels help here, from how little gold, and how many gold labels are they worth?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from weaklabel.cli._common import (
    data_options,
    emit,
    lf_options,
    note,
    run_options,
)
from weaklabel.cli._runs import open_run

if TYPE_CHECKING:
    from weaklabel.config import SweepSettings


_QUICK_WEAK: Final = 200


@click.command("sweep")
@click.option("--seeds", type=click.IntRange(min=2), help="Draws of held-out prompts and gold. Default: 5.")
@click.option(
    "--quick",
    is_flag=True,
    help="Two seeds, two gold sizes, few weak labels, two sources, no filter: shows in a minute that it works.",
)
@data_options
@lf_options
@run_options
def command(as_json: bool, quick: bool, seeds: int | None, **options: Any) -> None:
    """Gold sizes x amounts of weak labels x confidence thresholds x label sources x seeds, on held-out prompts.

    The grid is in [sweep]. What it will cost is said before it starts; killed, it continues with the same command.
    Locked test prompts are not looked at: with --test-share 0 all gold takes part.
    """
    run = open_run(options)
    from weaklabel.pipeline.sweep import sweep_run

    settings = run.config.sweep if seeds is None else run.config.sweep.model_copy(update={"seeds": seeds})
    result = sweep_run(run, quickened(settings) if quick else settings, on_note=note)
    folder = run.folder / "sweep"
    emit(
        {"run": run.folder.name, "path": str(folder), "sweep": result.to_dict()},
        lambda: f"{result}\n\nsweep: {folder / 'sweep.json'}, picture: {folder / 'sweep.svg'}",
        as_json,
    )


def quickened(settings: SweepSettings) -> SweepSettings:
    """A corner of the grid: the least gold, few weak labels, a simple source beside ours."""
    few = {
        "seeds": 2,
        "gold": sorted(settings.gold)[:2],
        "weak": [min([n for n in settings.weak if n != "all"], default=_QUICK_WEAK)],
        "thresholds": settings.thresholds[:1],
        "sources": list(dict.fromkeys([*settings.sources[:1], *settings.sources[-1:]])),
    }
    # A reward model's own grid would go before this one.
    own = dict.fromkeys(("gold", "weak", "thresholds", "sources"))
    return settings.model_copy(
        update=few | {"reward": [reward.model_copy(update=own) for reward in settings.reward]}
    )
