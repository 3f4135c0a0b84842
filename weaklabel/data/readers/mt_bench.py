"""MT-Bench and arena judgements: two whole conversations, and which model won at turn `turn`.

Trap: a published file of these kept the judgements on turn 1 but the answers of turn 2. Label and texts must
be of the *same* turn, so the answer is looked up by `turn`. From turn 2 on the two models have different
histories; the shared prompt is then the user's turns alone, and each side's earlier answers travel in the
columns `earlier_a` and `earlier_b` (JSON).

Source: Zheng et al. 2023, "Judging LLM-as-a-Judge with MT-Bench and Chatbot Arena" (data release).
"""

from __future__ import annotations

import json
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
    needs_all,
    read_gold,
    read_messages,
    shown,
)
from weaklabel.types.messages import Message, prompt_of

_NEEDS: Final = ("conversation_a", "conversation_b", "winner")
_missing = needs_all(*_NEEDS)


def _read(row: Row) -> list[Draft]:
    asked_a, answers_a = _turns("conversation_a", row)
    asked_b, answers_b = _turns("conversation_b", row)
    turn = _turn(row, max(len(answers_a), len(answers_b)))
    for name, asked, answers in (("a", asked_a, answers_a), ("b", asked_b, answers_b)):
        if min(len(asked), len(answers)) < turn:
            raise RowProblem(f"turn is {turn} but conversation_{name} has {len(answers)} answers")
    if asked_a[:turn] != asked_b[:turn]:
        raise RowProblem("the user's turns differ between conversation_a and conversation_b")
    extra = carried(row, (*_NEEDS, "turn"))
    extra |= {"turn": turn, "earlier_a": _earlier(answers_a, turn), "earlier_b": _earlier(answers_b, turn)}
    messages = asked_a[:turn]
    return [
        Draft(
            prompt_of(messages),
            answers_a[turn - 1],
            answers_b[turn - 1],
            messages,
            gold=read_gold(row.get("winner")),
            extra=extra,
            **common(row),
        )
    ]


def _turns(name: str, row: Row) -> tuple[list[Message], list[str]]:
    """What the user asked, and what was answered, turn by turn."""
    turns = read_messages(name, row.get(name)) or []
    asked = [Message(role="user", content=t["content"]) for t in turns if t["role"] == "user"]
    return asked, [t["content"] for t in turns if t["role"] == "assistant"]


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


def _earlier(answers: list[str], turn: int) -> str | None:
    return json.dumps(answers[: turn - 1], ensure_ascii=False) if turn > 1 else None


def _matches(columns: frozenset[str], _rows: Sequence[Row]) -> bool:
    return not _missing(columns)


MT_BENCH: Final = Layout(
    "mt_bench", "conversation_a, conversation_b, winner, turn", _matches, _read, _missing
)
