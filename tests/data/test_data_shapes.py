"""Messages, answers and lists in every shape: real ones, and ones that a file holds as text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from weaklabel.data import read_pairs, write_pairs
from weaklabel.data.fields.decode import DEEPEST, decode
from weaklabel.errors import DataError
from weaklabel.types.messages import copied, template_turns

U, A = {"role": "user", "content": "When?"}, {"role": "assistant", "content": "At six."}
B = {"role": "assistant", "content": "Never."}
CALL = {"type": "function", "function": {"name": "tide", "arguments": '{"place": "Brest"}'}}
TOOLS = [
    U,
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "name": "tide", "tool_call_id": "7", "content": "06:02"},
]


def only(row: dict[str, Any], **settings: Any) -> dict[str, Any]:
    (read,) = read_pairs([row], **settings).table.to_pylist()
    return dict(read) | {"messages": list(copied(read["messages"])) or None}


def better(row: dict[str, Any]) -> str:
    return str(row[f"response_{row['gold']}"])


def csv_file(path: Path, *rows: dict[str, Any], write: Any = json.dumps) -> Path:
    import csv

    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows({k: v if isinstance(v, str) else write(v) for k, v in row.items()} for row in rows)
    return path


# ------------------------------------------------------------------------------------------------ shapes
@pytest.mark.parametrize(
    ("chosen", "rejected"),
    [
        ([U, A], [U, B]),
        ([{"from": "human", "value": "When?"}, {"from": "gpt", "value": "At six."}], [U, B]),
        ([{**t, "content": [{"type": "text", "text": t["content"]}]} for t in (U, A)], [U, B]),
        ([{"role": "prompter", "text": "When?"}, {"role": "model", "text": "At six."}], [U, B]),
    ],
)
def test_whole_conversations_of_any_shape_give_context_and_answer(chosen: Any, rejected: Any) -> None:
    row = only({"chosen": chosen, "rejected": rejected})
    assert (row["prompt"], row["messages"], better(row)) == ("When?", [U], "At six.")


@pytest.mark.parametrize(
    "wrapped",
    [A, [A], {"from": "gpt", "value": "At six."}, {"text": "At six."}, {"response": "At six.", "model": "m"}],
)
def test_an_answer_may_be_one_message_or_an_object(wrapped: Any) -> None:
    for row in (
        {"prompt": "When?", "chosen": wrapped, "rejected": "Never."},
        {"prompt": "When?", "response_a": "Never.", "response_b": wrapped, "gold": "b"},
        {"prompt": "When?", "responses": [wrapped, "Never."], "ratings": [2, 1]},
    ):
        assert better(only(row)) == "At six."


def test_sharegpt_ranking_files_keep_their_context() -> None:
    context = [
        {"from": "human", "value": "Hi"},
        {"from": "gpt", "value": "Yes?"},
        {"from": "human", "value": "When?"},
    ]
    row = only(
        {
            "conversations": context,
            "chosen": {"from": "gpt", "value": "x"},
            "rejected": {"from": "gpt", "value": "y"},
        }
    )
    assert [turn["content"] for turn in row["messages"]] == ["Hi", "Yes?", "When?"]
    assert better(row) == "x"


def test_messages_that_end_in_the_chosen_answer_beside_a_rejected_response() -> None:
    row = only({"messages": [U, A], "rejected_response": "Never."})
    assert (row["messages"], better(row)) == ([U], "At six.")


@pytest.mark.parametrize("prompt", [{}, {"prompt": "When?"}])
def test_messages_that_repeat_the_chosen_answer_are_the_context_without_it(prompt: dict[str, str]) -> None:
    row = only({**prompt, "messages": [U, A], "chosen": "At six.", "rejected": "Never."})
    assert (row["prompt"], better(row)) == ("When?", "At six.")
    assert row["messages"] in (None, [U])


def test_messages_that_end_in_another_answer_say_so() -> None:
    rows = [
        {"messages": [U, B], "chosen": "At six.", "rejected": "Later."},
        {"messages": [U], "chosen": "x", "rejected": "y"},
    ]
    assert "ends in an answer that is not the chosen one" in read_pairs(rows).set_aside[0].reason


def test_tool_calls_stay_with_the_conversation_and_survive_a_file(tmp_path: Path) -> None:
    pairs = read_pairs([{"chosen": [*TOOLS, A], "rejected": [*TOOLS, B]}])
    write_pairs(pairs, tmp_path / "p.parquet")
    (row,) = read_pairs(tmp_path / "p.parquet").table.to_pylist()
    assert template_turns(copied(row["messages"])) == [U, {**TOOLS[1], "content": ""}, TOOLS[2]]
    assert row["prompt"] == 'Human: When?\n\nAssistant: tide({"place": "Brest"})\n\nTool: 06:02'
    again = read_pairs(pairs.table.drop_columns(["id"]).to_pylist()).table  # row by row, not as a clean table
    assert copied(again["messages"][0].as_py()) == copied(row["messages"])


@pytest.mark.parametrize(
    ("turn", "reason"),
    [
        (
            {"role": "user", "content": [{"type": "image_url", "image_url": {}}]},
            "the type 'image_url'; only text",
        ),
        ({"role": "narrator", "content": "x"}, "has the role 'narrator'"),
        ({"role": "user", "content": None}, "expected an object with the texts role and content"),
    ],
)
def test_a_turn_that_cannot_be_read_sets_its_row_aside(turn: Any, reason: str) -> None:
    pairs = read_pairs([{"chosen": [turn, A], "rejected": [turn, B]}, {"chosen": [U, A], "rejected": [U, B]}])
    assert len(pairs) == 1
    assert reason in pairs.set_aside[0].reason


# ------------------------------------------------------------------------------------------ lists in text
@pytest.mark.parametrize("write", [json.dumps, repr], ids=["json", "python"])
@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "When?", "chosen": [U, A], "rejected": [U, B]},
        {"prompt": [U], "chosen": "At six.", "rejected": "Never."},
        {"prompt": "When?", "chosen": A, "rejected": B},
        {"conversations": [{"from": "human", "value": "When?"}], "chosen": [A], "rejected": [B]},
        {"question": "When?", "responses": ["At six.", "Never."], "ratings": [5, 1]},
        {"prompt": "When?", "completions": [{"text": "Never.", "rank": 2}, {"text": "At six.", "rank": 1}]},
        {"prompt": ["When?"], "response_a": ["At six."], "response_b": ["Never."], "winner": "model_a"},
        {"prompt": "When?", "response_a": ["At six."], "response_b": ["Never."], "winner": "model_a"},
    ],
)
def test_lists_that_csv_holds_as_text_are_read_as_lists(row: Any, write: Any, tmp_path: Path) -> None:
    found = read_pairs(csv_file(tmp_path / "p.csv", row, row, write=write)).table.to_pylist()[0]
    assert (found["prompt"], better(found)) == ("When?", "At six.")
    assert {found["response_a"], found["response_b"]} == {"At six.", "Never."}


@pytest.mark.parametrize(
    ("chosen", "rejected"),
    [
        ('["tide", "moon"]', '["moon"]'),
        ('{"content": "x"}', '{"content": "y"}'),
        ("[1] says six", "[2] says never"),
        ("{x}", "{y}"),
    ],
)
def test_an_answer_that_is_json_stays_as_it_is(chosen: str, rejected: str) -> None:
    rows = [{"prompt": f"As JSON, {i}?", "chosen": chosen, "rejected": rejected} for i in range(3)]
    assert better(read_pairs(rows).table.to_pylist()[0]) == chosen


def test_one_answer_that_looks_like_messages_among_texts_stays_text() -> None:
    rows = [{"prompt": f"Q{i}", "chosen": "plain", "rejected": "text"} for i in range(5)]
    odd = json.dumps([A])
    assert (
        better(
            read_pairs(
                [*rows, {"prompt": "Show a chat.", "chosen": odd, "rejected": "no"}]
            ).table.to_pylist()[5]
        )
        == odd
    )


@pytest.mark.parametrize(
    "text",
    [
        "[{'role': 'user', 'content': 'When?'}\n {'role': 'assistant', 'content': 'At six.'}]",  # as numpy prints it
        '[{"role": "user", "content": "When?"}, {"role": "assi',
        "[{'role': 'user', 'content': open('x').read()}]",
    ],
)
def test_what_looks_like_messages_and_cannot_be_decoded_is_refused(text: str) -> None:
    row = {"prompt": "When?", "chosen": text, "rejected": text.replace("six", "ten")}
    with pytest.raises(
        DataError, match=r"chosen looks like a list but cannot be decoded \(neither JSON nor a Python"
    ):
        read_pairs([row, row])


def test_printed_arrays_of_texts_do_not_become_one_text() -> None:
    row = {"prompt": "['Hi' 'When?']", "response_a": "['Yes?' 'At six.']", "response_b": "['Yes?' 'Never.']"}
    with pytest.raises(DataError, match="texts without a comma between them"):
        read_pairs([row])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[" * (DEEPEST + 1) + "]" * (DEEPEST + 1), "nested deeper than 50"),
        ("__import__('os').getcwd()", "neither JSON nor a Python literal"),
        ("[1, 2", "neither JSON"),
        ("['a' 'b']", "without a comma"),
    ],
)
def test_decoding_runs_nothing_and_has_limits(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        decode(text)


def test_a_text_of_five_megabytes_is_not_decoded() -> None:
    with pytest.raises(ValueError, match="longer than 4 MB"):
        decode(json.dumps(["x" * (5 << 20)]))


def test_brackets_inside_texts_are_no_depth() -> None:
    assert decode(json.dumps(["[" * 200, "it's"])) == ["[" * 200, "it's"]
    assert decode(repr(["(" * 200, 'say "x"'])) == ["(" * 200, 'say "x"']


# --------------------------------------------------------------------------------------------- dialogues
def arena(*turns: tuple[str, str | None, str | None]) -> dict[str, Any]:
    prompt, a, b = (list(column) for column in zip(*turns, strict=True))
    return {"prompt": prompt, "response_a": a, "response_b": b, "winner": "model_b"}


def test_lists_per_turn_whose_earlier_answers_are_equal_keep_them_as_context() -> None:
    row = only(arena(("Hi", "Yes?", "Yes?"), ("When?", "Never.", "At six.")))
    assert [turn["content"] for turn in row["messages"]] == ["Hi", "Yes?", "When?"]
    assert (better(row), row["messages_a"]) == ("At six.", None)


def test_lists_per_turn_whose_earlier_answers_differ_share_what_the_user_said(caplog: Any) -> None:
    row = only(arena(("Hi", "Yes?", "Hello."), ("When?", "Never.", "At six.")))
    assert [(turn["role"], turn["content"]) for turn in row["messages"]] == [
        ("user", "Hi"),
        ("user", "When?"),
    ]
    assert [turn["content"] for turn in json.loads(row["messages_b"])] == ["Hi", "Hello.", "When?"]
    assert "1 pairs judge a later turn of two dialogues whose earlier answers differ" in caplog.text


def test_lists_per_turn_that_do_not_fit_are_set_aside() -> None:
    good = arena(("When?", "Never.", "At six."))
    gap, short = arena(("Hi", None, "Yes?"), ("When?", "x", "y")), {**good, "response_a": ["x", "y"]}
    reasons = [row.reason for row in read_pairs([good, good, good, gap, short]).set_aside]
    assert reasons == ["response_a is empty in turn 1 of 2", "prompt has 1 turns and response_a has 2"]


def test_mt_bench_dialogues_with_equal_first_answers_carry_that_turn() -> None:
    def side(first: str, second: str) -> list[dict[str, str]]:
        return [U, {**A, "content": first}, {**U, "content": "Sure?"}, {**A, "content": second}]

    row = only(
        {
            "conversation_a": side("x", "no"),
            "conversation_b": side("x", "yes"),
            "winner": "model_b",
            "turn": 2,
        }
    )
    assert [turn["content"] for turn in row["messages"]] == ["When?", "x", "Sure?"]
    assert (row["prompt"], better(row)) == ("Human: When?\n\nAssistant: x\n\nHuman: Sure?", "yes")


@pytest.mark.parametrize(("text", "value"), [('["\\d", "1and"]', ["\\d", "1and"]), ("['\\d']", ["\\d"])])
def test_a_text_that_python_would_warn_of_is_data_and_silent(text: str, value: list[str]) -> None:
    assert decode(text) == value  # warnings are errors here


def test_a_text_that_is_no_literal_is_refused_without_a_warning() -> None:
    with pytest.raises(ValueError, match="neither JSON nor a Python literal"):
        decode("1and 2")
