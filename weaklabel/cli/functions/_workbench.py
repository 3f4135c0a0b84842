"""What the workbench commands share: a counting line on stderr, and sources of functions named on the command line."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from weaklabel.cli._common import written_over
from weaklabel.cli._runs import rebased, root_of

PROJECT: Final = "project"
"""Stands for the project's own functions."""


def counter(what: str) -> Callable[[int, int], None] | None:
    """Progress on a line that is written over, for a person at a terminal; None for a log file."""
    if not sys.stderr.isatty():
        return None

    def show(done: int, total: int) -> None:
        written_over(f"{what}: {done} of {total}" if done < total else "")

    return show


def sources_of(names: Sequence[str], options: Mapping[str, Any]) -> dict[str, list[str]]:
    """Per set, `a,b,...`, its sources as seen from the project's folder; the word `PROJECT` stays as it is."""
    root = root_of(options)

    def seen(part: str) -> str:
        return part if part == PROJECT else str(rebased({"lfs.use": [part]}, root)["lfs.use"][0])

    return {name: [seen(part) for part in name.split(",") if part] for name in names}
