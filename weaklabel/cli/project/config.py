"""`weaklabel config`: the settings in force, and where each came from."""

from __future__ import annotations

import json
from typing import Any

import click

from weaklabel.cli._common import emit, load_settings, run_options


@click.command("config")
@run_options
def command(as_json: bool, **options: Any) -> None:
    """The settings in force, and where each came from: default, the file, or an option.

    With --name, the options that this run remembers count too.
    """
    loaded = load_settings(options, remember=options.get("name") is not None)
    from weaklabel.config import settings_table

    rows = settings_table(loaded)
    value = {
        "file": None if loaded.file is None else str(loaded.file),
        "settings": [{"key": key, "value": v, "from": origin} for key, v, origin in rows],
    }
    emit(value, lambda: _table(rows, loaded.file), as_json)


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
