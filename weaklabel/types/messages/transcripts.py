"""Conversations as text, `Human: ...` and `Assistant: ...` in turns, and back.

Source of the form: Bai et al. 2022, "Training a Helpful and Harmless Assistant" (data release of HH-RLHF).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from weaklabel.types.messages.shapes import Message, copied, copy_of, spoken

_WORDS: Final = {"user": "Human", "assistant": "Assistant", "system": "System", "tool": "Tool"}
REPLY_MARK: Final = "Assistant:"

_USERS: Final = ("Human", "User")
_ASSISTANTS: Final = ("Assistant", "AI", "Bot")
_REPLY: Final = Message(role="assistant", content="")
# "### " before a mark is a way of setting it off.
_OPENING: Final = re.compile(r"\s*(?P<hashes>#{2,3} ?)?(?P<word>Human|User|System|HUMAN|USER|SYSTEM)[ \t]*:")


def as_transcript(messages: Sequence[Message]) -> str:
    """A conversation as text, a blank line between turns.

    >>> as_transcript([{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yes?"}])
    'Human: Hi\\n\\nAssistant: Yes?'
    """
    return "\n\n".join(f"{_WORDS.get(turn['role'], turn['role'])}: {spoken(turn)}" for turn in messages)


def asking_transcript(messages: Sequence[Message]) -> str:
    """A conversation as text that the assistant's next turn continues.

    >>> asking_transcript([{"role": "user", "content": "2 + 2?"}])
    'Human: 2 + 2?\\n\\nAssistant:'
    """
    return "\n\n".join(filter(None, (as_transcript(messages), REPLY_MARK)))


def prompt_of(messages: Sequence[Message]) -> str:
    """The prompt of a conversation: the bare instruction, or a transcript where there are several turns.

    A system message stands in a transcript only; beside a bare instruction it stays in the messages.

    >>> prompt_of([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}])
    'Hi'
    """
    asked = [turn for turn in messages if turn["role"] != "system"]
    if len(asked) == 1 and asked[0]["role"] == "user":
        return asked[0]["content"]
    return as_transcript(messages)


def conversation(prompt: str, messages: Sequence[Mapping[str, Any]] | None) -> tuple[Message, ...]:
    """What a response answers, as messages: those given, else the turns of a transcript, else one turn of the user.

    >>> conversation("Hi", None)
    ({'role': 'user', 'content': 'Hi'},)
    """
    return copied(messages) or transcript_turns(prompt) or (copy_of("user", prompt),)


def transcript_turns(prompt: str) -> tuple[Message, ...]:
    """The turns of a prompt that is a transcript, up to the last one of the user; empty where it is not one.

    An empty turn of the assistant at the end is what is asked for. One that has begun belongs to the response, and only
    who made the prompt knows how: such a prompt stays text.

    >>> [turn["content"] for turn in transcript_turns("\\n\\nHuman: Hi\\n\\nAssistant: ")]
    ['Hi']
    """
    turns = parse_transcript(prompt)
    if turns and turns[-1] == _REPLY:
        turns.pop()
    complete = all(turn["content"] for turn in turns)
    return tuple(turns) if turns and turns[-1]["role"] == "user" and complete else ()


def said_first(text: str) -> str:
    """What is said before a paragraph begins another turn of a transcript; all of it where none does.

    A model that was not taught to end goes on with the other side's turn, and its own.

    >>> said_first("Four.\\n\\nHuman: And 3 + 3?\\n\\nAssistant: Six."), said_first("Four. \\n\\nNote: or five.")
    ('Four.', 'Four. \\n\\nNote: or five.')
    """
    patterns = (
        _pattern(True, "\r\n" in text, capitals, hashes)
        for capitals in (False, True)
        for hashes in (False, True)
    )
    marks = [mark.start() for pattern in patterns if (mark := pattern.search(text)) is not None]
    return text[: min(marks, default=len(text))]


def parse_transcript(text: str) -> list[Message]:
    """The turns of a `Human: ... Assistant: ...` transcript, each stripped; empty where the text is not one.

    The text begins with a turn of the user or the system. Marks stand at the beginning of paragraphs and use the same
    words all through: Human or User, and Assistant, AI or Bot, as they are or in capitals, all with `###` before them
    or all without. Marks at the beginning of lines count only where turns alternate up to an empty one of the
    assistant, because an answer may quote a dialogue.

    >>> [turn["role"] for turn in parse_transcript("\\n\\nHuman: Hi\\n\\nAssistant: Yes?")]
    ['user', 'assistant']
    >>> parse_transcript("Humans: who are they?")
    []
    """
    opening = _OPENING.match(text)
    if opening is None:
        return []
    turns = _split(text, opening, paragraphs=True)
    if len(turns) == 1:
        by_line = _split(text, opening, paragraphs=False)
        turns = by_line if by_line[-1] == _REPLY and _alternate(by_line) else turns
    return turns if any(turn["role"] == "user" for turn in turns) else []


def _alternate(turns: Sequence[Message]) -> bool:
    roles = [turn["role"] for turn in turns if turn["role"] != "system"]
    return roles == ["user", "assistant"] * (len(roles) // 2)


def _split(text: str, opening: re.Match[str], *, paragraphs: bool) -> list[Message]:
    """The turns between the marks of the form that the first one has."""
    capitals, hashes = opening["word"].isupper(), bool(opening["hashes"])
    pattern = _pattern(paragraphs, "\r\n" in text, capitals, hashes)
    found = [opening, *pattern.finditer(text, opening.end())]
    roles = _roles([mark["word"] for mark in found], capitals)
    marks = [mark for mark in found if mark is opening or mark["word"] in roles]
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    return [
        Message(role=roles.get(mark["word"], "system"), content=text[mark.end() : end].strip())
        for mark, end in zip(marks, ends, strict=True)
    ]


def _roles(words: Sequence[str], capitals: bool) -> dict[str, str]:
    """Word -> role: the first user's word, and the most usual of the assistant's words that occur."""
    users, assistants = ([w.upper() if capitals else w for w in names] for names in (_USERS, _ASSISTANTS))
    user = next((word for word in words if word in users), users[0])
    return {user: "user", next((word for word in assistants if word in words), assistants[0]): "assistant"}


@functools.cache
def _pattern(paragraphs: bool, crlf: bool, capitals: bool, hashes: bool) -> re.Pattern[str]:
    # A pattern that begins with a plain character is searched many times faster than one with a choice.
    end = r"\r?\n" if crlf else r"\n"
    words = "|".join((*_USERS, *_ASSISTANTS))
    before = "#{2,3} ?" if hashes else f"{end}[ \\t]*{end}[ \\t]*" if paragraphs else f"{end}[ \\t]*"
    return re.compile(f"{before}(?P<word>{words.upper() if capitals else words})[ \\t]*:")
