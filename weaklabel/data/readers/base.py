"""What every layout is made of: a `Layout` turns one row of a file into pairs that are still `Draft`s."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Integral
from typing import Any, Final

import numpy as np

from weaklabel.data.fields.decode import decode
from weaklabel.types import CANONICAL
from weaklabel.types.messages import Message, MessageProblem, as_messages

Row = Mapping[str, Any]

CANONICAL_NAMES: Final = frozenset(CANONICAL.names)
GOLD_COLUMNS: Final = ("gold", "label", "winner", "preferred", "preference")
"""Where gold stands beside two responses; the first of these that a file has."""


class RowProblem(Exception):
    """This row cannot be used, and why; the reader sets it aside."""


class GoldProblem(Exception):
    """A gold value whose meaning is not known, and what to do about it."""


@dataclass(slots=True)
class Draft:
    """One pair as its source gives it: texts unchecked, order not yet drawn, `id` None where none was given.

    `id_is_made` says that the id stands for the texts, because the source gave none; `note` is one of `NOTES`, something
    that a user should know of the pair.
    """

    prompt: Any
    response_a: Any
    response_b: Any
    messages: list[Message] | None = None
    gold: str | None = None
    id: str | None = None
    swapped: bool = False
    part: str | None = None
    source: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    id_is_made: bool = False
    note: str | None = None


NOTES: Final = {
    "own_answers": "judge a later turn of two dialogues whose earlier answers differ: their context is what the user said "
    "alone, joined to one turn for chat templates that want turns in order; each side's own dialogue is in messages_a and "
    "messages_b",
}
"""What is told of pairs, behind their number."""


def is_missing(value: object) -> bool:
    """Whether a cell is empty: None, NaN of any kind, or what pandas calls NaT and NA.

    >>> is_missing(float("nan")), is_missing(np.float32("nan")), is_missing(0), is_missing(False)
    (True, True, False, False)
    """
    if value is None or isinstance(value, str | list | dict | bool | np.bool_):
        return value is None
    differs = value != value  # NaN and NaT are not equal to themselves; whether NA is, is NA
    return differs is value or (isinstance(differs, bool | np.bool_) and bool(differs))


def given_id(row: Row) -> str | None:
    """The row's own id as text; None where it has none."""
    value = row.get("id")
    if is_missing(value) or value == "":
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # pandas turns whole numbers beside a missing one into floats
    if isinstance(value, bool) or not isinstance(value, str | Integral):
        raise RowProblem(f"id is {shown(value)}, expected text or a whole number")
    return str(value)


def read_number(name: str, value: object) -> float | None:
    """A score as float, None where there is none (null, NaN, "", "N/A"), `GoldProblem` for anything else."""
    if is_missing(value) or (isinstance(value, str) and value.strip().lower() in ("", "n/a", "nan", "none")):
        return None
    try:
        if isinstance(value, bool | list | dict):
            raise ValueError
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        raise GoldProblem(
            f"gold value {short_repr(value)}. Allowed: a number in {name}, or nothing. Correct it, or leave it empty."
        ) from None


def read_messages(name: str, value: object) -> list[Message] | None:
    """A conversation from messages of any shape or their text; None where there is none."""
    if is_missing(value) or value == "":
        return None
    try:
        return as_messages(decode(value) if isinstance(value, str) else value) or None
    except MessageProblem as problem:
        raise RowProblem(f"{name} {problem}") from None
    except ValueError as error:
        raise RowProblem(f"{name} is not a JSON list of messages ({error})") from None


def carried(row: Row, used: Sequence[str]) -> dict[str, Any]:
    """The columns of a row that go along unchanged: all but those used and those with a canonical name."""
    return {k: v for k, v in row.items() if k not in used and k not in CANONICAL_NAMES}


def common(row: Row) -> dict[str, Any]:
    """What every layout may give beside the texts: `id`, `part` and `source`."""
    source = row.get("source")
    nothing = is_missing(source) or source == ""
    return {"id": given_id(row), "part": row.get("part"), "source": None if nothing else str(source)}


def shown(value: object) -> str:
    """A value for a message: its type and a short repr.

    >>> shown(3), shown("x" * 99)[:10]
    ('int 3', "str 'xxxxx")
    """
    return f"{type(value).__name__} {short_repr(value)}"


def short_repr(value: object) -> str:
    """`repr`, cut to 40 characters."""
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."


def encodes(text: str) -> bool:
    """Whether a text can be written as UTF-8, which half a character (a lone surrogate) cannot."""
    try:
        return text.isascii() or bool(text.encode())
    except UnicodeEncodeError:
        return False
