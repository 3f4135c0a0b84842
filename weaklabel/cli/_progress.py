"""How far voting has come, for a person at a terminal; and what it cost, when it is over."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from weaklabel._tables import plain_table
from weaklabel._terminal import plain_line

if TYPE_CHECKING:
    from weaklabel.engine.driver import OnProgress, Progress

_SLOWEST: Final = 5
_SHOWN: Final = 20


def progress_bar() -> OnProgress | None:
    """A bar on stderr for a person at a terminal, nothing for a log file."""
    if not sys.stderr.isatty():
        return None
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
    from rich.progress import Progress as Bar

    bar = Bar(
        TextColumn("votes"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[told]}", markup=False),  # names may hold square brackets
        console=Console(stderr=True),
        transient=True,
    )
    task = bar.add_task("votes", total=None, told="")

    def advance(state: Progress) -> None:
        if not bar.live.is_started:
            bar.start()
        bar.update(task, completed=state.done_pairs, total=state.n_pairs, told=told(state, time.monotonic()))
        if state.done_pairs >= state.n_pairs:
            bar.stop()

    return advance


def told(state: Progress, now: float) -> str:
    """Pairs per second, time left, faults so far, and which functions cost most, in a line.

    Speed and time left are of pairs on which something was worked out: what comes from the store costs nothing, and
    would make both look better than they are.
    """
    parts = []
    if state.computed_pairs:
        speed = state.computed_pairs / max(1e-9, now - state.began)
        left = (state.n_pairs - state.done_pairs) / speed
        parts = [f"{speed:,.0f} pairs/s", f"{_clock(left)} left"]
    if state.faults:
        parts.append(f"{state.faults:,} faults")
    total = sum(state.seconds.values())
    if total:
        first = sorted(state.seconds.items(), key=lambda item: -item[1])[:2]
        parts.append(", ".join(f"{plain_line(name)} {seconds / total:.0%}" for name, seconds in first))
    return "; ".join(parts)


def summary(state: Progress) -> str:
    """What a finished run cost: the slowest functions; empty where nothing was worked out."""
    total = sum(state.seconds.values())
    if not total:
        return ""
    slowest = sorted(state.seconds.items(), key=lambda item: -item[1])[:_SLOWEST]
    shown = ", ".join(f"{name} {seconds:.1f} s ({seconds / total:.0%})" for name, seconds in slowest)
    cells = f"{state.computed:,} of {state.computed + state.reused:,} votes columns worked out"
    return f"{cells}, {total:.1f} s of voting; slowest: {shown}"


def profile(state: Progress) -> str:
    """Cost per function and per shared feature, as tables: seconds over all workers, and microseconds a pair."""
    n_pairs = max(1, state.computed_pairs)
    tables = [_cost_table("labeling function", state.seconds, n_pairs)]
    if state.feature_seconds:
        tables.append(
            _cost_table("shared feature (worked out once, for all functions)", state.feature_seconds, n_pairs)
        )
    return "\n\n".join(tables)


def _cost_table(what: str, seconds: Mapping[str, float], n_pairs: int) -> str:
    total = sum(seconds.values()) or 1.0
    ordered = sorted(seconds.items(), key=lambda item: -item[1])
    shown = ordered[:_SHOWN]
    if rest := ordered[_SHOWN:]:
        shown.append((f"{len(rest)} more", sum(s for _, s in rest)))
    rows = [[name, f"{s:.2f}", f"{s / total:.1%}", f"{s / n_pairs * 1e6:.1f}"] for name, s in shown]
    return plain_table([what, "seconds", "share", "µs a pair"], rows)


def cost_json(state: Progress | None) -> dict[str, Any] | None:
    """The cost as JSON values; None where the votes were there already."""
    if state is None:
        return None
    return {
        "computed": state.computed,
        "reused": state.reused,
        "seconds": dict(state.seconds),
        "feature_seconds": dict(state.feature_seconds),
    }


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
