"""What voting cost, when it is over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from weaklabel._tables import plain_table

if TYPE_CHECKING:
    from weaklabel.engine.driver import Progress

_SLOWEST: Final = 5
_SHOWN: Final = 20


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
