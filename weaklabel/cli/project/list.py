"""`weaklabel list`: everything that can be named in settings."""

from __future__ import annotations

from typing import Any, Final

import click

from weaklabel.cli import _completion
from weaklabel.cli._common import emit, json_option, results_only

KINDS: Final = ("lfs", "models", "calibrators", "layouts", "exports", "rewards")


@click.command("list")
@click.argument("kind", type=click.Choice(KINDS), default="lfs")
@click.option(
    "--lfs",
    "sources",
    multiple=True,
    metavar="SOURCE",
    shell_complete=_completion.sources,
    help="Further labeling functions, e.g. lfs/.",
)
@json_option
def command(kind: str, sources: tuple[str, ...], as_json: bool) -> None:
    """What can be named: labeling functions (shipped, presets, plug-ins), models, calibrators, layouts, exports."""
    results_only()
    rows = _functions(sources) if kind == "lfs" else [{"name": name} for name in _names(kind)]
    emit(rows, lambda: _table(rows), as_json)


def _functions(sources: tuple[str, ...]) -> list[dict[str, Any]]:
    from weaklabel.lf.discovery import catalogue

    return [
        {"source": e.source, "family": e.family, "name": e.name, "doc": e.doc} for e in catalogue(*sources)
    ]


def _names(kind: str) -> list[str]:
    # Each registry is looked up only when it is asked for.
    if kind == "models":
        from weaklabel.label_models import LABEL_MODELS

        return sorted(LABEL_MODELS)
    if kind == "calibrators":
        from weaklabel.calibration import CALIBRATORS

        return sorted(CALIBRATORS)
    if kind == "layouts":
        from weaklabel.data import LAYOUTS

        return sorted(LAYOUTS)
    if kind == "exports":
        from weaklabel.export import EXPORTERS

        return sorted(EXPORTERS)
    from weaklabel.reward import REWARD_MODELS

    return sorted(REWARD_MODELS)


def _table(rows: list[dict[str, Any]]) -> str:
    from weaklabel._tables import plain_table

    if not rows:
        return "nothing found"
    columns = [name for name in rows[0] if name != "family"]
    return plain_table(columns, [[row[name] for name in columns] for row in rows], left=len(columns))
