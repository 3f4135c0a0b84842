"""One response of a row: a text, a conversation that ends in it, or an object that holds it with its score."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from weaklabel.data.fields.decode import is_texts
from weaklabel.data.readers.base import RowProblem, read_messages, shown
from weaklabel.types.messages import Message, looks_like_messages, parse_transcript, spoken

TEXT_KEYS: Final = ("response", "text", "content", "completion", "answer", "output", "generation", "value")
_TURN_KEYS: Final = ("role", "from", "content", "value", "text", "parts", "tool_calls")
SCORE_KEYS: Final = ("fine-grained_score", "rating", "score", "overall_score", "reward")
RANK_KEYS: Final = ("rank", "ranks", "ranking")


@dataclass(frozen=True, slots=True)
class Answer:
    """A response, and what stands with it.

    Attributes:
        text: the response; unchecked where the row holds something else.
        before: the conversation that it ends.
        held: what an object holds beside the text, such as `score` or `model`.
    """

    text: Any
    before: list[Message] = field(default_factory=list)
    held: Mapping[str, Any] = field(default_factory=dict)


def read_answer(name: str, value: object) -> Answer:
    """The response in a cell.

    Raises:
        RowProblem: a conversation that does not end in the assistant's turn, an object without a text, several texts.

    >>> read_answer("chosen", [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yes?"}]).text
    'Yes?'
    >>> read_answer("chosen", {"text": "Yes?", "score": 3}).held
    {'score': 3}
    """
    if isinstance(value, str) or not isinstance(value, list | tuple | Mapping) or not value:
        return Answer(value)
    if looks_like_messages(value):
        ending = _ending(name, read_messages(name, value) or [])
        held = {k: v for k, v in value.items() if k not in _TURN_KEYS} if isinstance(value, Mapping) else {}
        return replace(ending, held=held) if held else ending
    if isinstance(value, Mapping):
        return _from_object(name, value)
    if is_texts(value) and len(value) == 1:
        return Answer(value[0])
    if is_texts(value):
        raise RowProblem(
            f"{name} is a list of {len(value)} texts, expected one response: write a row for each of them, or all "
            "responses in one list with ratings (prompt, responses, ratings)"
        )
    return _ending(name, read_messages(name, value) or [])  # says what is wrong with it


def _ending(name: str, turns: Sequence[Message]) -> Answer:
    if turns[-1]["role"] != "assistant":
        raise RowProblem(f"{name} does not end in a message of the assistant")
    return Answer(spoken(turns[-1]), list(turns[:-1]))


def _from_object(name: str, value: Mapping[str, Any]) -> Answer:
    key = first_of(TEXT_KEYS, value)
    if key is None:
        raise RowProblem(f"{name} is {shown(value)}, expected text or an object with the response in it")
    inner = read_answer(name, value[key])
    return Answer(inner.text, inner.before, {k: v for k, v in value.items() if k != key})


def dialogue_answer(text: object) -> Answer | None:
    """The last answer of a transcript and what stands before it; None where the text is not a dialogue with an answer."""
    turns = parse_transcript(text) if isinstance(text, str) else []
    if len(turns) < 2 or turns[-1]["role"] != "assistant":
        return None
    return Answer(turns[-1]["content"], turns[:-1])


def whole_context(given: list[Message] | None, answers: Sequence[Answer]) -> list[Message] | None:
    """The conversation that all answers of a row end: what they say stands before them, behind what is given.

    Raises:
        RowProblem: they differ in it.
    """
    before = answers[0].before
    if any(answer.before != before for answer in answers):
        raise RowProblem("the responses differ before their last message")
    if not before or not given:
        return before or given
    # In TRL's explicit form chosen and rejected hold only what follows the prompt.
    return before if before[: len(given)] == given else given + before


def first_of(names: Sequence[str], found: Iterable[str]) -> str | None:
    """The first of `names` that is among those found."""
    there = set(found)
    return next((name for name in names if name in there), None)
