"""Rows of a kept result that a run did not measure again, beside those that it did."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from _figures import Figures, Row


def keep_rows(figures: Figures, path: Path) -> None:
    """Put the rows of the file at `path` that were not measured now back where they stood, and say when they were."""
    kept = json.loads(path.read_text(encoding="utf-8"))
    old = [Row(**row) for row in kept["rows"]]
    now = {(row.case, row.arm) for row in figures.rows}
    figures.rows[:] = _in_their_places(old, list(figures.rows), now)
    arms = sorted({row.arm for row in old if (row.case, row.arm) not in now})
    figures.earlier = {"date": kept["date"], "versions": kept["versions"], "arms": arms}


def _in_their_places(old: list[Row], new: list[Row], now: set[tuple[str, str]]) -> Iterator[Row]:
    given: set[tuple[str, str]] = set()
    for row in old:
        key = row.case, row.arm
        if key not in now:
            yield row
        elif key not in given:
            given.add(key)
            yield from (one for one in new if (one.case, one.arm) == key)
    yield from (one for one in new if (one.case, one.arm) not in given)


def renew_differences(figures: Figures, ours: str) -> None:
    """Differences "ours less a peer" whose peer was not measured again: of the two figures, without an interval.

    A case "X: ours less" has the arms "peer", or "best peer in METRIC: peer", and "mean of the matrices" is an X too.
    """
    value = {(row.case, row.arm, row.metric): row.value for row in figures.rows}
    for at, row in enumerate(figures.rows):
        case, _, rest = row.case.rpartition(": ")
        if rest != f"{ours} less" or row.arm not in (figures.earlier or {}).get("arms", ()):
            continue
        peer = row.arm.rpartition(": ")[2]
        gap = value[case, ours, row.metric] - value[case, peer, row.metric]
        figures.rows[at] = replace(row, value=gap, low=None, high=None)


def told(earlier: dict[str, Any], versions: dict[str, str]) -> str:
    """One sentence about the rows that are older, for the page."""
    then = ", ".join(f"{name} {v}" for name, v in earlier["versions"].items() if versions.get(name) != v)
    return f"Rows of {', '.join(earlier['arms'])} were measured on {earlier['date']}{f' with {then}' if then else ''}."
