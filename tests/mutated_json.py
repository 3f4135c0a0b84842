"""JSON that somebody edited, at random: what a loader has to refuse in one line, or to read as it was."""

from __future__ import annotations

import json
import random
from typing import Any

ODD: tuple[Any, ...] = (
    None, True, False, "", "x", -1, 0, 0.5, 1e300, 10**400, float("nan"), float("inf"), [], [1], {}, {"a": 1},
    "x" * 2000, [[[[]]]], "AAAA",
)  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths to everything in a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, item in inner for place in places(item, (*path, key)))]


def at(value: Any, path: tuple[Any, ...]) -> Any:
    """What stands at a path, None where nothing does."""
    for step in path:
        try:
            value = value[step]
        except (IndexError, KeyError, TypeError):
            return None
    return value


def mutated(about: dict[str, Any], draw: random.Random) -> tuple[dict[str, Any], tuple[Any, ...]]:
    """`about` with one entry, at any depth, dropped, renamed, or of another value or type; and the entry's path.

    Each entry of the top is drawn as often as any other, so that long lists do not have it all.
    """
    about = json.loads(json.dumps(about))
    top = draw.choice(list(about))
    place = draw.choice(places(about[top], (top,)))
    *path, key = place
    inner = at(about, tuple(path))
    way = draw.random()
    if way < 0.2:
        del inner[key]
    elif way < 0.3 and isinstance(inner, dict):
        inner[f"{key}x"] = inner.pop(key)
    elif way < 0.5 and isinstance(inner[key], int | float):
        inner[key] = inner[key] * draw.choice([-1, 2, 1e-9, 1e9])
    else:
        inner[key] = draw.choice(ODD)
    return about, place


def is_number(value: Any) -> bool:
    """A number to a person: true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)
