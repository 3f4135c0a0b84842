"""What the responses of a row answer: its prompt and conversation, from whatever columns they stand in.

After renaming, the columns are `prompt`, `prompt_input` (a further part of it, as Alpaca's files have), `history`
(earlier turns as pairs of question and answer), `messages` and `system`. A prompt may be a text, a transcript,
messages, or a list of what the user said turn by turn.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from weaklabel.data.fields.decode import is_texts
from weaklabel.data.readers.base import Row, RowProblem, is_missing, read_messages, shown
from weaklabel.types.messages import Message, looks_like_messages, prompt_of, transcript_turns

USED: Final = ("prompt", "prompt_input", "messages", "system", "history")

PROMPT_NAMES: Final = (
    "prompt",
    "question",
    "instruction",
    "query",
    "input",
    "user_prompt",
    "user_input",
    "problem",
    "task_prompt",
    "history",
    "context",
    "post",
    "conversation",
    "conversations",
    "messages",
    "dialogue",
    "dialog",
    "trajectory",
)
"""What files call the prompt or the conversation, in every layout; compared without case."""
SYSTEM_NAMES: Final = ("system", "system_prompt", "system_message", "system_instruction")


class Context(NamedTuple):
    """Prompt and conversation of a row as they stand there. `prompt` is unchecked; `system` is not in `messages` yet."""

    prompt: Any
    messages: list[Message] | None
    system: str | None

    def behind(self, messages: list[Message] | None) -> Context:
        """The context of answers that bring their conversation along: theirs, of which a prompt may be but a part."""
        return self if messages is self.messages else Context(None, messages, self.system)

    def without_answer(self, answers: Iterable[Any]) -> Context:
        """The context without a last turn of the assistant that is one of the row's answers."""
        last = self.messages[-1] if self.messages else None
        if last is None or last["role"] != "assistant" or last["content"] not in list(answers):
            return self
        return self._replace(messages=(self.messages or [])[:-1] or None)

    def settled(self) -> tuple[Any, list[Message] | None]:
        """The prompt as text where there is one, and the conversation where it is more than the prompt."""
        messages = self.messages
        if messages is None and isinstance(self.prompt, str) and (turns := transcript_turns(self.prompt)):
            messages = list(turns)
        prompt = prompt_of(messages) if messages and messages is not self.messages else self.prompt
        if messages and is_missing(prompt):
            prompt = prompt_of(messages)
        if self.system is not None:
            messages = _with_system(self.system, messages, prompt)
        plain = messages is not self.messages and messages == [{"role": "user", "content": prompt}]
        return prompt, None if plain else messages


def read_context(row: Row) -> Context:
    """The context of a row.

    Raises:
        RowProblem: messages that are not messages, parts of a prompt that are not text.
    """
    messages = read_messages("messages", row.get("messages"))
    prompt = row.get("prompt")
    if looks_like_messages(prompt) or (
        isinstance(prompt, list | Mapping) and prompt and not is_texts(prompt)
    ):
        messages, prompt = read_messages("prompt", prompt), None
    elif is_texts(prompt):
        messages, prompt = _user_turns(prompt), None
    prompt = _with_input(prompt, row.get("prompt_input"))
    if earlier := _history(row.get("history")):
        if messages or not isinstance(prompt, str):
            raise RowProblem("history stands beside a prompt that is a conversation already")
        messages, prompt = [*earlier, Message(role="user", content=prompt)], None
    return Context(prompt, messages, read_system(row))


def _user_turns(texts: Any) -> list[Message]:
    if not all(texts):
        raise RowProblem("prompt is a list with an empty turn")
    return [Message(role="user", content=text) for text in texts]


def _history(value: object) -> list[Message]:
    """Earlier turns from pairs of question and answer, as Alpaca's files with history have them; none for all else."""
    if not isinstance(value, list) or not all(is_texts(pair) and len(pair) == 2 for pair in value):
        return []
    roles = ("user", "assistant")
    return [
        Message(role=role, content=text or "")
        for pair in value
        for role, text in zip(roles, pair, strict=True)
    ]


def _with_input(prompt: Any, more: object) -> Any:
    """Instruction and input joined by a blank line, as the templates of Alpaca set them apart."""
    if is_missing(more) or (isinstance(more, str) and not more.strip()):
        return prompt
    if not isinstance(more, str):
        raise RowProblem(f"prompt_input is {shown(more)}, expected text")
    return more if is_missing(prompt) or prompt == "" else f"{prompt}\n\n{more}"


def read_system(row: Row) -> str | None:
    """What a column says to the system; None where it is empty."""
    value = row.get("system")
    if is_missing(value) or (isinstance(value, str) and not value.strip()):
        return None
    if not isinstance(value, str):
        raise RowProblem(f"system is {shown(value)}, expected text")
    return value


def _with_system(system: str, messages: list[Message] | None, prompt: Any) -> list[Message] | None:
    """The conversation with the system's turn first."""
    if not messages and not isinstance(prompt, str):
        return messages
    turns = messages or [Message(role="user", content=prompt)]
    if turns[0]["role"] != "system":
        return [Message(role="system", content=system), *turns]
    if turns[0]["content"].strip() != system.strip():
        raise RowProblem("system differs from the system turn of messages")
    return turns
