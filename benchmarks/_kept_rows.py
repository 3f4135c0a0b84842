"""Rows of a kept result that a run did not measure again, beside those that it did."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from _figures import Figures, Row


def keep_rows(figures: Figures, path: Path, only: str | None = None) -> set[tuple[str, str]]:
    """Put the rows of the file at `path` that were not measured now back where they stood, and say when they were.

    Args:
        only: where whole cases were measured, the words that their names hold; otherwise arms of every case were.

    Returns (case, arm) of those rows.
    """
    kept = json.loads(path.read_text(encoding="utf-8"))
    old = [Row(**row) for row in kept["rows"]]
    now = {(row.case, row.arm) for row in figures.rows}
    known = {row.case for row in old}
    renewed = sorted({arm for case, arm in now if case in known and not case.endswith(" less")})
    figures.rows[:] = _in_their_places(old, list(figures.rows), now)
    figures.earlier = {"date": kept["date"], "versions": kept["versions"], "renewed": renewed}
    if only is not None:
        figures.earlier = {**figures.earlier, "only": only}
    return {(row.case, row.arm) for row in old} - now


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


def renew_differences(figures: Figures, ours: str, kept: set[tuple[str, str]]) -> None:
    """Differences "ours less a peer" whose peer was not measured again: of the two figures, without an interval.

    A case "X: ours less" has the arms "peer", or "best peer in METRIC: peer", and "mean of the matrices" is an X too.
    """
    value = {(row.case, row.arm, row.metric): row.value for row in figures.rows}
    for at, row in enumerate(figures.rows):
        case, _, rest = row.case.rpartition(": ")
        if rest == f"{ours} less" and (row.case, row.arm) in kept:
            peer = row.arm.rpartition(": ")[2]
            gap = value[case, ours, row.metric] - value[case, peer, row.metric]
            figures.rows[at] = replace(row, value=gap, low=None, high=None)


def told(earlier: dict[str, Any], versions: dict[str, str]) -> str:
    """One sentence about the rows that are older, for the page."""
    then = ", ".join(f"{name} {v}" for name, v in earlier["versions"].items() if versions.get(name) != v)
    before = f"{earlier['date']}{f' with {then}' if then else ''}"
    if only := earlier.get("only"):
        return (
            f'Of that date are the tables with "{only}" in their title; all others were measured on {before}.'
        )
    return (
        f"In tables that stood here before, only rows of {', '.join(earlier['renewed'])} are of that date, and differences "
        f"without an interval are between the two; all others were measured on {before}."
    )
