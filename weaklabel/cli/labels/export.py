"""`weaklabel export`: the labels in the layouts that others train from."""

from __future__ import annotations

from typing import Any

import click

from weaklabel.cli import _completion
from weaklabel.cli._common import emit, one_format, run_options
from weaklabel.cli._runs import open_run


@click.command("export")
@click.option(
    "--format",
    "formats",
    multiple=True,
    metavar="NAME",
    shell_complete=_completion.formats,
    help="trl, trl_kto, openrlhf, datasets, parquet. May repeat.",
)
@click.option("--min-confidence", type=float, help="Keep pairs at least this confident: 0, or .5 up to 1.")
@click.option(
    "--plain", is_flag=True, help="Plain strings instead of message lists (trl, trl_kto, openrlhf)."
)
@click.option("--include-test", is_flag=True, default=None, help="Write the locked test prompts too.")
@click.option(
    "--allow-uncalibrated", is_flag=True, default=None, help="Write labels that were never fitted to gold."
)
@run_options
def command(
    as_json: bool,
    formats: tuple[str, ...],
    min_confidence: float | None,
    plain: bool,
    include_test: bool | None,
    allow_uncalibrated: bool | None,
    **options: Any,
) -> None:
    """Write the labels for TRL, OpenRLHF or datasets, or as Parquet, into runs/<name>/export/.

    Without --format, what [export.*] in weaklabel.toml names is written (TRL, if it names nothing).
    """
    run = open_run(options | {"allow_uncalibrated": None})
    from weaklabel.export import EXPORTERS

    one_format(formats, sorted(EXPORTERS))
    given = {
        "min_confidence": min_confidence,
        "include_test": include_test,
        "allow_uncalibrated": allow_uncalibrated,
    }
    wanted = run.export_settings(formats or None)
    for settings in wanted.values():
        settings |= {key: value for key, value in given.items() if value is not None}
        if plain and "conversational" in settings:
            settings["conversational"] = False
    reports = run.export(wanted)
    text = "\n\n".join(
        "\n".join([f"{name}: {run.folder / report['path']}", *(f"  {line}" for line in report["lines"])])
        for name, report in reports.items()
    )
    emit({"run": run.folder.name, "exports": reports}, text, as_json)
