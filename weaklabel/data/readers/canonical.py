"""The canonical layout: `prompt, response_a, response_b`, optionally `messages` and gold. Order is kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from weaklabel.data.readers.base import (
    Draft,
    Layout,
    Row,
    RowProblem,
    carried,
    common,
    is_missing,
    read_gold,
    read_messages,
    shown,
)
from weaklabel.types.messages import Message, prompt_of

# The first of these that a file has is its gold; the others are carried along like any column.
GOLD_COLUMNS: Final = ("gold", "label", "winner", "preferred", "preference")
_BOOLS: Final = {"true": True, "false": False, "1": True, "0": False, "": False}


def _missing(columns: frozenset[str]) -> list[str]:
    needed = [name for name in ("response_a", "response_b") if name not in columns]
    return needed if columns & {"prompt", "messages"} else ["prompt", *needed]


def _matches(columns: frozenset[str], _rows: Sequence[Row]) -> bool:
    return not _missing(columns)


def _read(row: Row) -> list[Draft]:
    prompt, messages = read_prompt(row)
    gold = next((name for name in GOLD_COLUMNS if name in row), None)
    return [
        Draft(
            prompt,
            _response(row, "response_a"),
            _response(row, "response_b"),
            messages,
            gold=read_gold(row[gold]) if gold else None,
            swapped=_read_swapped(row.get("swapped")),
            extra=carried(row, [gold] if gold else []),
            **common(row),
        )
    ]


def read_prompt(row: Row) -> tuple[Any, list[Message] | None]:
    """Prompt and conversation of a row: either may give the other, `prompt` may be a list of messages."""
    prompt, messages = row.get("prompt"), read_messages("messages", row.get("messages"))
    if isinstance(prompt, list):
        prompt, messages = None, read_messages("prompt", prompt)
    return (prompt_of(messages) if is_missing(prompt) and messages else prompt), messages


def _response(row: Row, name: str) -> Any:
    """A response as text; a list with one assistant message is read as its content."""
    value = row.get(name)
    if isinstance(value, list):
        turns = read_messages(name, value) or []
        if len(turns) != 1:
            raise RowProblem(f"{name} has {len(turns)} messages, expected one")
        return turns[0]["content"]
    return value


def _read_swapped(value: object) -> bool:
    if is_missing(value):
        return False
    try:
        return _BOOLS[str(value).strip().lower()]
    except KeyError:
        raise RowProblem(f"swapped is {shown(value)}, expected true or false") from None


CANONICAL_LAYOUT: Final = Layout("canonical", "prompt, response_a, response_b", _matches, _read, _missing)
