"""The canonical layout: `prompt, response_a, response_b`, optionally `messages` and gold. Order is kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from weaklabel.data.fields.decode import is_texts
from weaklabel.data.readers.answers import Answer, read_answer, whole_context
from weaklabel.data.readers.base import Draft, Row, RowProblem, carried, common, is_missing, shown
from weaklabel.data.readers.context import USED, Context, read_context, read_system
from weaklabel.data.readers.dialogues import from_lists, judged_answers
from weaklabel.data.readers.gold_rule import GoldRule
from weaklabel.data.readers.layout import Layout
from weaklabel.types.messages import Message

_SIDES: Final = ("response_a", "response_b")
_BOOLS: Final = {"true": True, "false": False, "1": True, "0": False, "": False}


def _missing(columns: frozenset[str]) -> list[str]:
    needed = [name for name in _SIDES if name not in columns]
    return needed if columns & {"prompt", "messages"} else ["prompt", *needed]


def _matches(columns: frozenset[str], _rows: Sequence[Row]) -> bool:
    return not _missing(columns)


def _read(row: Row, gold: GoldRule) -> list[Draft]:
    extra = carried(row, (*USED, *_SIDES, *gold.used))
    if (strength := gold.strength(row)) is not None:
        extra["gold_strength"] = strength
    prompt, messages, a, b, own = _contents(row)
    return [
        Draft(
            prompt,
            a,
            b,
            messages,
            gold=gold.read(row),
            swapped=_read_swapped(row.get("swapped")),
            extra=extra | own,
            note="own_answers" if own.get("messages_a") else None,
            **common(row),
        )
    ]


def _contents(row: Row) -> tuple[Any, list[Message] | None, Any, Any, dict[str, Any]]:
    """Prompt, conversation, both responses, and further columns made of the row's texts."""
    asked: Any = row.get("prompt")
    if is_texts(asked) and all(is_texts(row.get(name)) for name in _SIDES):
        a, b = (from_lists(asked, row[name], name) for name in _SIDES)
        found = judged_answers(a, b, len(asked), _SIDES)
        prompt, messages = Context(None, found.messages, read_system(row)).settled()
        own = found.own if len(asked) > 1 else {}
        return prompt, messages, found.response_a, found.response_b, own
    sides = [read_answer(name, row.get(name)) for name in _SIDES]
    context = read_context(row).without_answer(side.text for side in sides)
    prompt, messages = context.behind(whole_context(context.messages, sides)).settled()
    return prompt, messages, sides[0].text, sides[1].text, _held(sides)


def _held(sides: Sequence[Answer]) -> dict[str, Any]:
    """What responses that are objects hold beside their text, a column for each side."""
    names = dict.fromkeys(name for side in sides for name in side.held)
    return {
        f"{name}_{mark}": side.held.get(name)
        for name in names
        for mark, side in zip("ab", sides, strict=True)
    }


def _read_swapped(value: object) -> bool:
    if is_missing(value):
        return False
    try:
        return _BOOLS[str(value).strip().lower()]
    except KeyError:
        raise RowProblem(f"swapped is {shown(value)}, expected true or false") from None


CANONICAL_LAYOUT: Final = Layout("canonical", "prompt, response_a, response_b", _matches, _read, _missing)
