"""One conversation from every shape that files store it in.

A message names its role by `role` or `from` and its text by `content`, `value`, `text` or `parts`. Tool calls and what
belongs to them travel beside the text, in `extra`, so that exports and chat templates get them back whole.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, NotRequired, TypedDict, TypeGuard


class Message(TypedDict):
    """One turn of a conversation.

    Attributes:
        role: "system", "user", "assistant" or "tool".
        content: what is said, "" where the turn consists of tool calls.
        extra: JSON text of `tool_calls` (of the assistant), `tool_call_id` and `name` (of a tool); absent or None for
            most messages.
    """

    role: str
    content: str
    extra: NotRequired[str | None]


class MessageProblem(ValueError):
    """A value that is not a conversation, and why."""


_ALIASES: Final = {
    "system": ("system", "developer"),
    "user": ("user", "human", "prompter"),
    "assistant": ("assistant", "gpt", "chatgpt", "bot", "chatbot", "ai", "model", "function_call"),
    "tool": ("tool", "function", "ipython", "observation", "function_response", "tool_response"),
}
ROLES: Final[Mapping[str, str]] = {alias: role for role, names in _ALIASES.items() for alias in names}
"""What files call the roles -> what we call them."""

_PLAIN: Final = frozenset(_ALIASES)
_ROLE_KEYS: Final = ("role", "from")
_CONTENT_KEYS: Final = ("content", "value", "text", "parts")
_TEXT_PARTS: Final = ("text", "input_text", "output_text")
_EXPECTED: Final = "expected an object with the texts role and content"


def as_messages(value: object) -> list[Message]:
    """The messages in a value: one message object, or a list of them.

    A text may be a list of parts, all of them text. A message without text must hold tool calls.

    Raises:
        MessageProblem: anything else; says what came and what is allowed.

    >>> as_messages([{"from": "human", "value": "Hi"}, {"role": "assistant", "content": [{"type": "text", "text": "Yes?"}]}])
    [{'role': 'user', 'content': 'Hi'}, {'role': 'assistant', 'content': 'Yes?'}]
    """
    if isinstance(value, Mapping):
        return [_message(value)]
    if not isinstance(value, list | tuple):
        raise MessageProblem(f"is {_shown(value)}, expected a list of messages")
    return [_message(turn) for turn in value]


def looks_like_messages(value: object) -> bool:
    """Whether a value has the form of messages, whatever is in them: objects with a role and a place for a text.

    >>> looks_like_messages([{"from": "x", "value": None}]), looks_like_messages(["Hi"]), looks_like_messages([])
    (True, False, False)
    """
    turns = [value] if isinstance(value, Mapping) else value
    return isinstance(turns, list | tuple) and bool(turns) and all(map(_looks_like_message, turns))


def _looks_like_message(turn: object) -> bool:
    return _is_plain(turn) or (
        isinstance(turn, Mapping)
        and any(isinstance(turn.get(key), str) for key in _ROLE_KEYS)
        and any(key in turn for key in (*_CONTENT_KEYS, "tool_calls"))
    )


def _is_plain(turn: object) -> TypeGuard[Message]:
    """Whether a message has our own form already, as nearly all have; worth a look of its own for its speed."""
    return (
        type(turn) is dict
        and len(turn) == 2
        and turn.get("role") in _PLAIN
        and type(turn.get("content")) is str
    )


def _message(turn: object) -> Message:
    if _is_plain(turn):
        return Message(role=turn["role"], content=turn["content"])
    if not isinstance(turn, Mapping):
        raise MessageProblem(f"holds {_shown(turn)}, {_EXPECTED}")
    turn = {**turn, **(json_or_none(turn.get("extra")) or {})}  # of a message as we keep it
    said = _first(turn, _ROLE_KEYS)
    if not isinstance(said, str):
        raise MessageProblem(f"holds {_shown(turn)}, {_EXPECTED}")
    alias = said.strip().lower()
    if alias not in ROLES:
        raise MessageProblem(f"has the role {said[:40]!r}. Roles: {', '.join(sorted(ROLES))}")
    text, extra = _text(_first(turn, _CONTENT_KEYS)), _extra(turn, ROLES[alias])
    if alias == "function_call" and (calls := _calls_in(text)):
        text, extra = None, {"tool_calls": calls}
    if text is None and "tool_calls" not in extra:
        raise MessageProblem(f"holds {_shown(turn)}, {_EXPECTED}")
    packed = json.dumps(extra, ensure_ascii=False, sort_keys=True, default=str) if extra else None
    return copy_of(ROLES[alias], text, packed)


def copy_of(role: str | None, content: str | None, extra: str | None = None) -> Message:
    """A message without empty fields."""
    turn = Message(role=role or "user", content=content or "")
    if extra:
        turn["extra"] = extra
    return turn


def copied(turns: Sequence[Mapping[str, Any]] | None) -> tuple[Message, ...]:
    """Messages from the rows of a table, which has a place for every field.

    >>> copied([{"role": "user", "content": None, "extra": None}])
    ({'role': 'user', 'content': ''},)
    """
    return tuple(copy_of(turn["role"], turn["content"], turn.get("extra")) for turn in turns or ())


def spoken(turn: Message) -> str:
    """What a turn says, its tool calls written out.

    >>> spoken({"role": "assistant", "content": "", "extra": '{"tool_calls": [{"name": "add", "arguments": {"a": 1}}]}'})
    'add({"a": 1})'
    """
    extra = turn.get("extra")
    if not extra:
        return turn["content"] or ""
    calls = (call.get("function", call) for call in json.loads(extra).get("tool_calls", ()))
    lines = (f"{call['name']}({_arguments(call)})" for call in calls)
    return "\n".join(filter(None, (turn["content"] or "", *lines)))


def _arguments(call: Mapping[str, Any]) -> str:
    found = call.get("arguments", {})
    return found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)


def _first(turn: Mapping[Any, Any], keys: Sequence[str]) -> Any:
    return next((turn[key] for key in keys if turn.get(key) is not None), None)


def _text(content: object) -> str | None:
    """The text of a message, None where there is none; parts are joined as they stand."""
    if content is None or isinstance(content, str):
        return content
    parts = [content] if isinstance(content, Mapping) else content
    if not isinstance(parts, list | tuple):
        raise MessageProblem(f"has the content {_shown(content)}, expected text or a list of text parts")
    return "".join(map(_part, parts)) if parts else None


def _part(part: object) -> str:
    if isinstance(part, str):
        return part
    kind = part.get("type", "text") if isinstance(part, Mapping) else type(part).__name__
    text = part.get("text") if isinstance(part, Mapping) else None
    if kind not in _TEXT_PARTS or not isinstance(text, str):
        raise MessageProblem(f"has a content part of the type {kind!r}; only text can be read")
    return text


def _extra(turn: Mapping[Any, Any], role: str) -> dict[str, Any]:
    """What a message holds beside its text, by the names of the chat protocol."""
    if role == "tool":
        names = {"tool_call_id": turn.get("tool_call_id"), "name": turn.get("name")}
        return {name: str(value) for name, value in names.items() if value not in (None, "")}
    calls = turn.get("tool_calls")
    if calls is None and isinstance(turn.get("function_call"), Mapping):  # the older form, of one call
        calls = {"type": "function", "function": turn["function_call"]}
    calls = [calls] if isinstance(calls, Mapping) else calls
    if not calls:
        return {}
    if role != "assistant" or not isinstance(calls, list | tuple) or not all(map(_is_call, calls)):
        raise MessageProblem(
            f"has the tool calls {_shown(calls)}, expected objects with a name, of the assistant"
        )
    return {"tool_calls": [_without_nulls(call) for call in calls]}


def _is_call(call: object) -> bool:
    function = call.get("function", call) if isinstance(call, Mapping) else None
    return isinstance(function, Mapping) and isinstance(function.get("name"), str)


def _without_nulls(value: Any) -> Any:
    # Tables of one schema fill the arguments that a call does not have with nulls.
    if isinstance(value, Mapping):
        return {str(k): _without_nulls(v) for k, v in value.items() if v is not None}
    return [_without_nulls(v) for v in value] if isinstance(value, list | tuple) else value


def _calls_in(text: str | None) -> list[dict[str, Any]]:
    """Tool calls written as JSON text, `{"name": ..., "arguments": ...}` or a list of these; none where it is not."""
    found = json_or_none(text)
    calls = found if isinstance(found, list) else [found]
    if not all(isinstance(call, dict) and _is_call(call) for call in calls):
        return []
    return [call if "function" in call else {"type": "function", "function": call} for call in calls]


def json_or_none(text: object) -> Any:
    """What a JSON text says; None where the value is not one."""
    try:
        return json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        return None


def _shown(value: object) -> str:
    text = repr(value)
    return f"{type(value).__name__} {text if len(text) <= 40 else text[:37] + '...'}"
