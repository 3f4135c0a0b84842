"""What the workbench commands share: sources of functions named on the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from weaklabel.cli._runs import rebased, root_of

PROJECT: Final = "project"
"""Stands for the project's own functions."""


def sources_of(names: Sequence[str], options: Mapping[str, Any]) -> dict[str, list[str]]:
    """Per set, `a,b,...`, its sources as seen from the project's folder; the word `PROJECT` stays as it is."""
    root = root_of(options)

    def seen(part: str) -> str:
        return part if part == PROJECT else str(rebased({"lfs.use": [part]}, root)["lfs.use"][0])

    return {name: [seen(part) for part in name.split(",") if part] for name in names}
