"""Messages as chat templates and model servers take them, and what to do about templates that refuse them.

Templates such as Mistral's and Gemma's raise an error unless user and assistant take turns and the user begins.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from weaklabel.errors import ConfigError
from weaklabel.types.messages.shapes import Message, copy_of, json_or_none, spoken
from weaklabel.types.messages.transcripts import REPLY_MARK

T = TypeVar("T")

Turn = dict[str, Any]
"""A message with role, content and, of tools, `tool_calls`, `tool_call_id` and `name`."""


def template_turns(messages: Sequence[Message]) -> list[Turn]:
    """Messages as chat templates and model servers take them.

    >>> template_turns([{"role": "tool", "content": "3", "extra": '{"name": "add"}'}])
    [{'role': 'tool', 'content': '3', 'name': 'add'}]
    """
    return [
        {"role": turn["role"], "content": turn["content"] or "", **json.loads(turn.get("extra") or "{}")}
        for turn in messages
    ]


def joined(turns: Sequence[Turn]) -> list[Turn]:
    """Neighbouring turns of one role as one, with a blank line between; turns of tools and tool calls stay apart.

    >>> joined([{"role": "user", "content": "Hi"}, {"role": "user", "content": "More"}])
    [{'role': 'user', 'content': 'Hi\\n\\nMore'}]
    """
    made: list[Turn] = []
    for turn in turns:
        if made and _can_join(made[-1], turn):
            both = filter(None, (made[-1]["content"], turn["content"]))
            made[-1] = {"role": turn["role"], "content": "\n\n".join(both)}
        else:
            made.append(turn)
    return made


def _can_join(one: Turn, other: Turn) -> bool:
    plain = len(one) == len(other) == 2  # role and content alone
    return plain and one["role"] == other["role"] != "tool"


def accepted(
    messages: Sequence[Message], render: Callable[[list[Turn]], T], *, template: object, where: str
) -> T:
    """`render(turns)` of the first form of a conversation that a chat template accepts.

    The forms, each tried where the one before is refused: as it is; neighbouring turns of one role joined; what the
    system says, and what the assistant says before the user does, put into the user's next turn; turns of tools too.

    Args:
        messages: the conversation.
        render: applies the template; any error that it raises is the template's.
        template: its source; where it does not mention tool calls, they are written out as text.
        where: names the conversation in the error.

    Raises:
        ConfigError: the template refuses all forms; quotes what it said of the first.

    >>> def strict(turns):
    ...     assert [turn["role"] for turn in turns] == ["user"], "roles must alternate"
    ...     return turns[0]["content"]
    >>> accepted([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}], strict, template="", where="p1")
    'Be brief.\\n\\nHi'
    """
    problem: Exception | None = None
    for turns in _forms(messages, tools="tool_calls" in str(template)):
        try:
            return render(turns)
        except Exception as error:  # whatever a template makes of it
            problem = problem or error
    rule = " ".join(str(problem).split())[:200] or type(problem).__name__
    roles = ", ".join(turn["role"] for turn in messages[:8]) + (", ..." if len(messages) > 8 else "")
    raise ConfigError(
        f"{where}: the chat template refuses the conversation ({rule}), also with neighbouring turns joined and system "
        f"turns put into the user's. Its turns are {roles}. Leave it out, or use a model whose template takes it."
    )


def _forms(messages: Sequence[Message], tools: bool) -> Iterator[list[Turn]]:
    told = template_turns([copy_of(turn["role"], spoken(turn)) for turn in messages])
    plain = _with_objects(template_turns(messages)) if tools else told
    forms = [plain, joined(plain), without_system(plain)]
    if any(turn["role"] == "tool" or turn.get("extra") for turn in messages):
        forms.append(without_system(_without_tools(told)))
    yield from (form for k, form in enumerate(forms) if form not in forms[:k])


def _with_objects(turns: Sequence[Turn]) -> list[Turn]:
    """Turns whose tool calls hold their arguments as objects: templates write them as JSON themselves."""
    return [
        {**turn, "tool_calls": [_opened(call) for call in turn["tool_calls"]]}
        if "tool_calls" in turn
        else turn
        for turn in turns
    ]


def _opened(call: Turn) -> Turn:
    if "function" in call:
        return {**call, "function": _opened(call["function"])}
    found = json_or_none(call.get("arguments"))
    return {**call, "arguments": found} if isinstance(found, dict) else call


def without_system(turns: Sequence[Turn]) -> list[Turn]:
    """Turns of the user and the assistant alone, the user first; what the system says goes into the user's next turn.

    >>> without_system([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}])
    [{'role': 'user', 'content': 'Be brief.\\n\\nHi'}]
    """
    begun = False
    made: list[Turn] = []
    for turn in turns:
        begun = begun or turn["role"] == "user"
        if turn["role"] == "assistant" and not begun:
            turn = {"role": "user", "content": f"{REPLY_MARK} {turn['content']}"}
        made.append({**turn, "role": "user"} if turn["role"] == "system" else turn)
    return joined(made)


def _without_tools(turns: Sequence[Turn]) -> list[Turn]:
    return [
        {"role": "user", "content": f"Tool: {turn['content']}"} if turn["role"] == "tool" else turn
        for turn in turns
    ]
