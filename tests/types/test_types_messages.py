"""Conversations in every shape, as text and back, and in the forms that chat templates accept."""

from __future__ import annotations

import ast
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import weaklabel.types.messages as messages_room
from weaklabel.errors import ConfigError
from weaklabel.types.messages import (
    MessageProblem,
    Turn,
    accepted,
    as_messages,
    as_transcript,
    conversation,
    copied,
    joined,
    looks_like_messages,
    parse_transcript,
    prompt_of,
    spoken,
    template_turns,
    transcript_turns,
)

CALL = {"type": "function", "function": {"name": "weather", "arguments": '{"town": "Oslo"}'}}
TOOLS: list[dict[str, Any]] = [
    {"role": "user", "content": "Is it cold?"},
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "content": "-4", "name": "weather", "tool_call_id": "c1"},
]


def turns(*said: tuple[str, str]) -> list[Any]:
    return [{"role": role, "content": content} for role, content in said]


PLAIN = turns(("user", "Hi"), ("assistant", "Yes?"), ("user", "Why?"))


@pytest.mark.parametrize(
    "shape",
    [
        PLAIN,
        [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Yes?"}, {"from": "human", "value": "Why?"}],
        [{"role": "prompter", "text": "Hi"}, {"role": "model", "text": "Yes?"}, {"role": "User", "text": "Why?"}],
        [{"role": t["role"], "content": [{"type": "text", "text": t["content"]}]} for t in PLAIN],
        [{"role": t["role"], "parts": [{"text": t["content"]}]} for t in PLAIN],
        [{**t, "from": None, "value": None, "tool_calls": None, "weight": 1} for t in PLAIN],
        tuple(PLAIN),
    ],
)  # fmt: skip
def test_every_shape_of_a_conversation_gives_the_same_messages(shape: Any) -> None:
    assert looks_like_messages(shape)
    assert as_messages(shape) == PLAIN


def test_one_message_is_a_conversation() -> None:
    assert as_messages({"from": "gpt", "value": "Yes?"}) == turns(("assistant", "Yes?"))


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("Hi", "is str 'Hi', expected a list of messages"),
        (["Hi"], "holds str 'Hi', expected an object with the texts role and content"),
        ([{"role": "user"}], "expected an object with the texts role and content"),
        ([{"role": "assistant", "content": None}], "expected an object with the texts role and content"),
        ([{"role": "user", "content": 3}], "has the content int 3"),
        ([{"role": "narrator", "content": "x"}], r"has the role 'narrator'\. Roles: ai, assistant, bot"),
        (
            [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}],
            "the type 'image_url'; only text",
        ),
        ([{"role": "user", "content": [{"type": "text", "text": None}]}], "the type 'text'; only text"),
        ([{"role": "user", "content": "x", "tool_calls": [CALL]}], "has the tool calls"),
        ([{"role": "assistant", "tool_calls": [{"function": {}}]}], "expected objects with a name"),
    ],
)
def test_what_is_not_a_conversation_says_why(value: Any, reason: str) -> None:
    with pytest.raises(MessageProblem, match=reason):
        as_messages(value)


def test_tool_calls_and_results_are_kept_beside_the_text() -> None:
    messages = as_messages(TOOLS)
    assert [turn["content"] for turn in messages] == ["Is it cold?", "", "-4"]
    assert template_turns(messages) == [TOOLS[0], {**TOOLS[1], "content": ""}, TOOLS[2]]
    assert [spoken(turn) for turn in messages] == ["Is it cold?", 'weather({"town": "Oslo"})', "-4"]


def test_the_older_forms_of_a_call_are_the_newer_one() -> None:
    function = CALL["function"]
    older = as_messages({"role": "assistant", "content": None, "function_call": function})
    as_text = as_messages({"from": "function_call", "value": json.dumps(function)})
    assert older == as_text == as_messages(TOOLS[1])


def test_a_call_that_is_no_json_stays_text() -> None:
    assert as_messages({"from": "function_call", "value": "look outside"}) == turns(
        ("assistant", "look outside")
    )


def test_arguments_that_a_table_filled_with_nulls_lose_them() -> None:
    call = {"type": "function", "function": {"name": "f", "arguments": {"x": 1, "y": None}}}
    (message,) = as_messages({"role": "assistant", "content": None, "tool_calls": [call]})
    assert spoken(message) == 'f({"x": 1})'


def test_messages_of_a_table_are_copied_without_empty_fields() -> None:
    rows = [{"role": "user", "content": None, "extra": None}, *as_messages(TOOLS)[2:]]
    assert copied(rows) == ({"role": "user", "content": ""}, as_messages(TOOLS)[2])
    assert copied(None) == ()


# ------------------------------------------------------------------------------------------- transcripts
@pytest.mark.parametrize(
    "text",
    [
        "Human: Hi\n\nAssistant: Yes?\n\nHuman: Why?",
        "\n\nHuman: Hi\n\nAssistant: Yes?\n\nHuman: Why?\n\nAssistant:",
        "User: Hi\n\nAssistant: Yes?\n\nUser: Why?\n\nAssistant: ",
        "USER: Hi\n\nASSISTANT: Yes?\n\nUSER: Why?",
        "Human: Hi\r\n\r\nAssistant: Yes?\r\n\r\nHuman: Why?\r\n",
        "### Human: Hi### Assistant: Yes?### Human: Why?",
        "Human: Hi\n\nAI: Yes?\n\nHuman: Why?\n\nAI:",
        "Human: Hi\nAssistant: Yes?\nHuman: Why?\nAssistant:",
    ],
)
def test_a_transcript_is_split_into_its_turns(text: str) -> None:
    assert list(transcript_turns(text)) == PLAIN


def test_a_system_turn_comes_first() -> None:
    assert [t["role"] for t in transcript_turns("System: Be brief.\n\nHuman: Hi\n\nAssistant:")] == [
        "system",
        "user",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "Who is Human: the species?",
        "Humans: a history",
        "Write a dialogue.\n\nHuman: Hi\n\nAssistant: Yes?\n\nHuman: Why?",
        "System: Linux. How do I list files?",
        "Assistant: Hello\n\nHuman: Hi",
        "human: Hi\n\nassistant: Yes?\n\nhuman: Why?",
        "Human: Hi\n\nAssistant: I would say",  # the response has begun
        "Human: \n\nAssistant: Yes?\n\nHuman: Why?",
        "",
    ],
)
def test_a_prompt_that_is_not_a_transcript_stays_text(text: str) -> None:
    assert transcript_turns(text) == ()
    assert conversation(text, None) == ({"role": "user", "content": text},)


def test_a_dialogue_inside_a_turn_belongs_to_it() -> None:
    text = "Human: Go on:\nHuman: Hi\nAssistant: Yes?\nHuman: Why?\n\nAssistant: Because.\n\nUser: is a word"
    assert [t["content"] for t in parse_transcript(text)] == [
        "Go on:\nHuman: Hi\nAssistant: Yes?\nHuman: Why?",
        "Because.\n\nUser: is a word",
    ]


words = st.text(st.sampled_from("ab :\n"), min_size=1).map(str.strip).filter(bool)


@given(st.lists(words, min_size=2, max_size=7), st.booleans())
def test_a_transcript_of_ours_is_read_back(texts: list[str], system: bool) -> None:
    roles = (["system"] if system else []) + ["user", "assistant"] * 4
    messages = turns(*zip(roles, texts, strict=False))
    if any(turn["role"] == "user" for turn in messages):
        assert parse_transcript(as_transcript(messages)) == messages


def test_given_messages_come_before_a_transcript() -> None:
    assert conversation("Human: Hi\n\nAssistant:", turns(("user", "x"))) == (
        {"role": "user", "content": "x"},
    )


def test_a_prompt_is_the_bare_instruction_or_a_transcript() -> None:
    assert prompt_of(turns(("system", "Be brief."), ("user", "Hi"))) == "Hi"
    assert prompt_of(PLAIN) == "Human: Hi\n\nAssistant: Yes?\n\nHuman: Why?"
    told = 'Human: Is it cold?\n\nAssistant: weather({"town": "Oslo"})\n\nTool: -4'
    assert prompt_of(as_messages(TOOLS)) == told


# ---------------------------------------------------------------------------------------- chat templates
def strict(seen: list[Turn]) -> list[tuple[str, str]]:
    """What Mistral's and Gemma's templates check."""
    for k, turn in enumerate(seen):
        if turn["role"] != ("user", "assistant")[k % 2]:
            raise ValueError("Conversation roles must alternate user/assistant")
    return [(turn["role"], turn["content"]) for turn in seen]


def no_system(seen: list[Turn]) -> list[tuple[str, str]]:
    if any(turn["role"] == "system" for turn in seen):
        raise ValueError("System role not supported")
    return [(turn["role"], turn["content"]) for turn in seen]


def lenient(seen: list[Turn]) -> list[tuple[str, str]]:
    return [(turn["role"], turn["content"]) for turn in seen]


def shown(messages: list[Any], render: Any, template: str = "") -> Any:
    return accepted(messages, render, template=template, where="pair 'p1'")


@pytest.mark.parametrize("render", [strict, no_system, lenient])
def test_a_conversation_in_order_goes_through_as_it_is(render: Any) -> None:
    assert shown(PLAIN, render) == [("user", "Hi"), ("assistant", "Yes?"), ("user", "Why?")]


def test_two_user_turns_become_one_where_the_template_wants_it() -> None:
    messages = turns(("user", "Hi"), ("user", "Why?"))
    assert shown(messages, strict) == [("user", "Hi\n\nWhy?")]
    assert shown(messages, lenient) == [("user", "Hi"), ("user", "Why?")]


@pytest.mark.parametrize("render", [strict, no_system])
def test_a_system_turn_goes_into_the_first_user_turn(render: Any) -> None:
    messages = turns(("system", "Be brief."), *((t["role"], t["content"]) for t in PLAIN))
    assert shown(messages, render)[0] == ("user", "Be brief.\n\nHi")
    assert shown(messages, lenient)[0] == ("system", "Be brief.")


def test_a_system_turn_in_the_middle_and_one_alone() -> None:
    middle = turns(("user", "Hi"), ("assistant", "Yes?"), ("system", "Now brief."), ("user", "Why?"))
    assert shown(middle, strict)[2] == ("user", "Now brief.\n\nWhy?")
    assert shown(turns(("system", "Greet.")), strict) == [("user", "Greet.")]


def test_what_the_assistant_says_first_goes_into_the_first_user_turn() -> None:
    messages = turns(("assistant", "How can I help?"), ("user", "Hi"))
    assert shown(messages, strict) == [("user", "Assistant: How can I help?\n\nHi")]


def test_tools_that_a_template_does_not_know_are_written_out() -> None:
    messages = as_messages(TOOLS)
    said = 'weather({"town": "Oslo"})'
    assert shown(messages, lenient) == [("user", "Is it cold?"), ("assistant", said), ("tool", "-4")]
    assert shown(messages, strict) == [("user", "Is it cold?"), ("assistant", said), ("user", "Tool: -4")]


def test_a_template_that_knows_tools_gets_the_calls_with_arguments_as_objects() -> None:
    seen = shown(as_messages(TOOLS), lambda turns: turns, template="{% if message.tool_calls %}")
    assert seen[1]["tool_calls"][0]["function"]["arguments"] == {"town": "Oslo"}
    assert seen[2] == TOOLS[2]


def test_a_refusal_names_the_conversation_and_the_templates_rule() -> None:
    def never(seen: list[Turn]) -> str:
        raise RuntimeError("only poems,\n please")

    with pytest.raises(
        ConfigError, match=r"^pair 'p1': the chat template refuses .*\(only poems, please\).* user, as"
    ):
        shown(PLAIN, never)


def test_joining_leaves_tools_apart() -> None:
    messages = template_turns(as_messages([*TOOLS[:2], TOOLS[1], TOOLS[2], TOOLS[2]]))
    assert joined(messages) == messages


def test_the_room_needs_the_standard_library_alone() -> None:
    """Whatever applies a chat template imports it, on machines that have little else."""
    for path in Path(messages_room.__file__).parent.glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = {n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
        names |= {alias.name for n in ast.walk(tree) if isinstance(n, ast.Import) for alias in n.names}
        own = {"weaklabel.errors", *(name for name in names if name.startswith("weaklabel.types.messages"))}
        assert {name.split(".")[0] for name in names - own} <= sys.stdlib_module_names
