"""`weaklabel config`: the settings in force, and where each came from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from weaklabel.cli._common import config_options, emit, json_option, name_option, note
from weaklabel.cli._runs import load_settings, run_settings


@click.command("config")
@config_options
@name_option
@click.option(
    "--forget", is_flag=True, help="Drop what commands were given for the run of --name, and it keeps."
)
@json_option
def command(as_json: bool, forget: bool, **options: Any) -> None:
    """The settings in force, and where each came from: default, the file, an option, or the run.

    With --name, what earlier commands were given for this run counts too, where the file says nothing.
    """
    if forget and options["name"] is None:
        raise click.UsageError("--forget needs --name RUN: the run whose settings are dropped.")
    named = options["name"] is not None
    loaded = run_settings(options | {"forget": forget}) if named else load_settings(options)
    if forget:
        _forget(loaded.run_folder(options["name"]))
    from weaklabel.config import settings_table

    rows = settings_table(loaded)
    value = {
        "file": None if loaded.file is None else str(loaded.file),
        "settings": [{"key": key, "value": v, "from": origin} for key, v, origin in rows],
    }
    emit(value, lambda: _table(rows, loaded.file), as_json)


def _forget(folder: Path) -> None:
    from weaklabel.pipeline.runs import forget_settings

    dropped = forget_settings(folder)
    note(f"dropped: {', '.join(dropped)}" if dropped else f"run {folder.name} keeps no settings")


def _table(rows: list[tuple[str, Any, str]], file: Any) -> str:
    from weaklabel._tables import plain_table

    cells = [
        [key, "-" if v is None else json.dumps(v, ensure_ascii=False), origin] for key, v, origin in rows
    ]
    where = (
        f"read from {file}"
        if file
        else "no weaklabel.toml here or above: defaults. To make one: weaklabel init"
    )
    return f"{plain_table(['setting', 'value', 'from'], cells, left=3)}\n\n{where}"
