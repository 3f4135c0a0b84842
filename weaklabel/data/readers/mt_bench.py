"""MT-Bench and arena judgements: two whole conversations, and which model won at turn `turn`.

Trap: a published file of these kept the judgements on turn 1 but the answers of turn 2. Label and texts must
be of the *same* turn, so the answer is looked up by `turn`. From turn 2 on the two models mostly have different
histories; the shared prompt is then the user's turns alone, and each side's own conversation travels in the columns
`messages_a` and `messages_b` (JSON). Where the earlier answers are equal they are part of the shared prompt.

Source: Zheng et al. 2023, "Judging LLM-as-a-Judge with MT-Bench and Chatbot Arena" (data release).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from weaklabel.data.readers.base import (
    Draft,
    Row,
    RowProblem,
    carried,
    common,
    is_missing,
    read_messages,
    shown,
)
from weaklabel.data.readers.context import Context, read_system
from weaklabel.data.readers.dialogues import judged_answers
from weaklabel.data.readers.gold_rule import GoldRule
from weaklabel.data.readers.layout import Layout, needs_all
from weaklabel.types.messages import Message, parse_transcript

_SIDES: Final = ("conversation_a", "conversation_b")
_missing = needs_all(*_SIDES)


def _read(row: Row, gold: GoldRule) -> list[Draft]:
    a, b = (_turns(name, row.get(name)) for name in _SIDES)
    turn = _turn(row, max(sum(t["role"] == "assistant" for t in turns) for turns in (a, b)))
    found = judged_answers(a, b, turn, _SIDES)
    prompt, messages = Context(None, found.messages, read_system(row)).settled()
    extra = carried(row, (*_SIDES, "turn", "system", *gold.used)) | {"turn": turn} | found.own
    return [
        Draft(
            prompt,
            found.response_a,
            found.response_b,
            messages,
            gold=gold.read(row),
            extra=extra,
            note="own_answers" if any(found.own.values()) else None,
            **common(row),
        )
    ]


def _turns(name: str, value: object) -> Sequence[Message]:
    """The messages of a dialogue, which may be a transcript."""
    told = parse_transcript(value) if isinstance(value, str) and value.lstrip()[:1] not in "[{" else []
    return told if len(told) > 1 else read_messages(name, value) or []


def _turn(row: Row, n_turns: int) -> int:
    value: Any = row.get("turn")
    if is_missing(value) and n_turns == 1:
        return 1
    try:
        turn = int(value)
    except (TypeError, ValueError, OverflowError):
        turn = 0
    if isinstance(value, bool) or turn < 1 or turn != float(value):
        raise RowProblem(f"turn is {shown(value)}, expected 1, 2, ...: which answer was judged is unknown")
    return turn


def _matches(columns: frozenset[str], _rows: Sequence[Row]) -> bool:
    return not _missing(columns)


MT_BENCH: Final = Layout(
    "mt_bench", "conversation_a, conversation_b, winner, turn", _matches, _read, _missing
)
