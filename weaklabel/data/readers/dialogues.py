"""Two whole dialogues of which one answer was judged: what both share, and what each side had said before."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import zip_longest
from typing import Any, NamedTuple

from weaklabel.data.readers.base import RowProblem
from weaklabel.types.messages import Message


class Judged(NamedTuple):
    """The judged answers and their context.

    Attributes:
        messages: what both sides share: all that was said before, or the user's turns where earlier answers differ.
        response_a, response_b: the judged answers.
        own: `messages_a` and `messages_b`, each side's own context as JSON text; None where both have the same.
    """

    messages: list[Message]
    response_a: str
    response_b: str
    own: dict[str, str | None]


def judged_answers(a: Sequence[Message], b: Sequence[Message], turn: int, names: tuple[str, str]) -> Judged:
    """The answers of both dialogues in turn `turn` (1 is the first).

    Raises:
        RowProblem: a dialogue without that answer, or users that said different things.
    """
    before_a, answer_a = _cut(a, turn, names[0])
    before_b, answer_b = _cut(b, turn, names[1])
    shared_a, shared_b = (
        [t for t in before if t["role"] in ("user", "system")] for before in (before_a, before_b)
    )
    if shared_a != shared_b:
        raise RowProblem(f"the user's turns differ between {names[0]} and {names[1]}")
    if before_a == before_b:
        return Judged(before_a, answer_a, answer_b, {"messages_a": None, "messages_b": None})
    own: dict[str, str | None] = {
        "messages_a": json.dumps(before_a, ensure_ascii=False),
        "messages_b": json.dumps(before_b, ensure_ascii=False),
    }
    return Judged(shared_a, answer_a, answer_b, own)


def _cut(turns: Sequence[Message], turn: int, name: str) -> tuple[list[Message], str]:
    """What was said before the answer in a turn, and that answer."""
    answers = [k for k, message in enumerate(turns) if message["role"] == "assistant"]
    n_asked = sum(message["role"] == "user" for message in turns)
    if min(n_asked, len(answers)) < turn:
        raise RowProblem(f"turn is {turn} but {name} has {len(answers)} answers")
    at = answers[turn - 1]
    return list(turns[:at]), turns[at]["content"]


def from_lists(asked: Sequence[Any], answered: Sequence[Any], name: str) -> list[Message]:
    """A dialogue from two lists of texts, one of each for every turn.

    Raises:
        RowProblem: lists of different lengths, or a turn in which nothing was said.
    """
    if len(asked) != len(answered):
        raise RowProblem(f"prompt has {len(asked)} turns and {name} has {len(answered)}")
    turns: list[Message] = []
    for k, (question, answer) in enumerate(zip_longest(asked, answered), 1):
        if not question or not answer:
            raise RowProblem(f"{'prompt' if not question else name} is empty in turn {k} of {len(asked)}")
        turns += [Message(role="user", content=question), Message(role="assistant", content=answer)]
    return turns
