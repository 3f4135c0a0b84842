"""Which column of a file is what: by its name, and by what the first rows hold in it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from weaklabel.data.fields.decode import Kind, decoded, is_texts, kind_of, lengths
from weaklabel.data.readers.answers import RANK_KEYS
from weaklabel.data.readers.base import Row, is_missing
from weaklabel.data.readers.context import PROMPT_NAMES, SYSTEM_NAMES
from weaklabel.data.readers.ranked import LISTS, RATINGS
from weaklabel.types.messages import looks_like_messages

_ANSWERS: Final = ("response_a", "response_b", "chosen", "rejected")
_CONVERSATIONS: Final = ("messages", "conversation_a", "conversation_b")
_LIST_COLUMNS: Final = (*LISTS, *RATINGS, *RANK_KEYS, "models")

# Marks of the first and the second response.
MARKS: Final = (("a", "b"), ("1", "2"), ("0", "1"), ("first", "second"), ("left", "right"))


class Ambiguous(Exception):
    """Several columns can have one role: the role, and the columns."""

    def __init__(self, role: str, columns: Sequence[str]) -> None:
        super().__init__(role)
        self.role, self.columns = role, tuple(columns)


def encoded_columns(names: Sequence[str], rows: Sequence[Row]) -> dict[str, Kind]:
    """The columns whose text is to be decoded, and what it holds.

    Lists of texts are decoded where the prompt is one too (its turns), or where each holds a single text: an answer may
    well be a JSON list, and stays text.
    """
    prompts = [name for name in names if name.lower() in PROMPT_NAMES]
    kinds: dict[str, Kind] = {}
    for name in (*prompts, *(n for n in (*_ANSWERS, *_CONVERSATIONS) if n in names)):
        if kind := kind_of(row.get(name) for row in rows):
            kinds[name] = kind
    asked_in_lists = any(kinds.get(n) == "strings" or _lists(rows, n) for n in prompts)
    for name in _ANSWERS:
        held = lengths(value for row in rows if not is_missing(value := row.get(name)))
        if kinds.get(name) == "strings" and not asked_in_lists and held != {1} and 0 not in held:
            del kinds[name]
    for name in _LIST_COLUMNS:
        if name in names and _all_lists_as_text(row.get(name) for row in rows):
            kinds[name] = "list"
    return kinds


def _lists(rows: Sequence[Row], name: str) -> bool:
    values = [row.get(name) for row in rows if not is_missing(row.get(name))]
    return bool(values) and all(map(is_texts, values))


def _all_lists_as_text(values: Iterable[object]) -> bool:
    texts = [value for value in values if not is_missing(value) and value != ""]
    return bool(texts) and all(
        isinstance(t, str) and t.strip()[:1] == "[" and t.strip()[-1:] == "]" for t in texts
    )


def decoded_row(row: Row, kinds: Mapping[str, Kind]) -> dict[str, Any]:
    """The row with its encoded columns decoded.

    Raises:
        ValueError: a text that looks like a list and is not; names the column.
    """
    made = dict(row)
    for name, kind in kinds.items():
        try:
            made[name] = decoded(row.get(name), kind)
        except ValueError as error:
            raise ValueError(
                f"{name} looks like a list but cannot be decoded ({error}): save the data as JSON lines or Parquet"
            ) from None
    return made


def context_columns(names: Sequence[str], rows: Sequence[Row]) -> dict[str, str]:
    """Ours -> theirs for the prompt, a second part of it, the conversation and the system's words.

    Columns that have our names already are left out.

    Raises:
        Ambiguous: several columns can be the prompt.
    """
    found = _system_column(names, rows)
    if {"prompt", "messages", "conversation_a"} & set(names):
        return found
    usable = [name for name in names if name.lower() in PROMPT_NAMES and _can_be_prompt(rows, name)]
    lower = {name.lower(): name for name in names}
    if {name.lower() for name in usable} | {"input"} == {"instruction", "input"} and "input" in lower:
        return found | {"prompt": lower["instruction"], "prompt_input": lower["input"]}
    if len(usable) > 1:
        raise Ambiguous("prompt", usable)
    ours = "messages" if usable and _holds_messages(rows, usable[0]) else "prompt"
    return found | dict.fromkeys([ours], *usable) if usable else found


def _system_column(names: Sequence[str], rows: Sequence[Row]) -> dict[str, str]:
    if "system" in names:
        return {}
    lower = {name.lower(): name for name in names}
    named = next((lower[name] for name in SYSTEM_NAMES if name in lower), None)
    return {"system": named} if named is not None and _texts(rows, named) else {}


def _texts(rows: Sequence[Row], name: str) -> list[str]:
    values = [row.get(name) for row in rows]
    texts = [value for value in values if isinstance(value, str) and value.strip()]
    others = [v for v in values if not is_missing(v) and not isinstance(v, str)]
    return texts if not others else []


def _can_be_prompt(rows: Sequence[Row], name: str) -> bool:
    values = [
        row.get(name) for row in rows if not is_missing(row.get(name)) and row.get(name) not in ("", [])
    ]
    return bool(values) and all(isinstance(v, str) or looks_like_messages(v) or is_texts(v) for v in values)


def _holds_messages(rows: Sequence[Row], name: str) -> bool:
    return any(looks_like_messages(row.get(name)) for row in rows)


def sibling(name: str, first: str, second: str) -> str | None:
    """The name of the other side's column, where `name` carries the mark `first` once; None where it does not.

    >>> sibling("model_a_answer", "a", "b"), sibling("ans1", "1", "2"), sibling("data", "a", "b")
    ('model_b_answer', 'ans2', None)
    """
    mark = first if first.isdigit() else rf"(?<![A-Za-z]){first}"
    turned, count = re.subn(rf"{mark}(?![A-Za-z0-9])", second, name)
    if not count:
        upper = rf"(?<![A-Z]){first.upper()}(?![A-Za-z0-9])"  # response_A, responseA
        turned, count = re.subn(upper, second.upper(), name)
    return turned if count == 1 else None


def side_pairs(names: Sequence[str], first: str, second: str) -> list[tuple[str, str]]:
    """Columns that differ in the mark of their side alone, the first side's first.

    >>> side_pairs(["id", "score_A", "score_B"], "a", "b")
    [('score_A', 'score_B')]
    """
    there = set(names)
    return [
        (name, other)
        for name in names
        if (other := sibling(name, first, second)) in there and other is not None
    ]
