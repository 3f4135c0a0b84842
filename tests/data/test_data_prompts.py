"""Prompts from pairs in any layout and from files of prompts: each once, the rest counted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from made_pairs import made_pairs

from weaklabel.data.asked.prompts import read_prompts
from weaklabel.errors import DataError, LayoutError


def texts(source, **settings) -> list[str]:
    return [prompt.text for prompt in read_prompts(source, **settings).prompts]


def test_pairs_in_any_layout_give_their_prompts_once():
    assert texts(made_pairs([("x", "y")] * 3, prompts=["one", " one ", "two"])) == ["one", "two"]
    assert texts([{"prompt": "one", "chosen": "x", "rejected": "y"}]) == ["one"]
    talk = "\n\nHuman: Hi\n\nAssistant: "
    found = read_prompts([{"chosen": f"{talk}x", "rejected": f"{talk}y"}])
    assert found.prompts[0].messages == ({"role": "user", "content": "Hi"},)


@pytest.mark.parametrize("name", ["prompts.jsonl", "prompts.csv"])
def test_a_file_of_prompts_alone_is_read_under_our_name_or_theirs(tmp_path: Path, name: str):
    path = tmp_path / name
    path.write_text('{"ask": "one"}\n{"ask": "two"}\n' if name.endswith("jsonl") else "ask\none\ntwo\n")
    assert texts(str(path), columns={"prompt": "ask"}) == ["one", "two"]


def test_a_conversation_ends_where_the_assistant_is_to_speak():
    turns = [{"role": "system", "content": "Be brief."}, {"role": "human", "content": "Hi"}]
    given = [
        {"messages": [*turns, {"role": "assistant", "content": "Yes?"}]},
        {"prompt": turns},
        {"messages": json.dumps(turns)},
    ]
    found = read_prompts(given)
    assert (len(found), found.repeated) == (1, 2)
    assert [turn["role"] for turn in found.prompts[0].messages] == ["system", "user"]
    assert found.prompts[0].text == "Hi"


def test_a_prompt_that_is_locked_in_one_row_is_locked():
    rows = [{"prompt": "one", "part": "pool"}, {"prompt": "one", "part": "test"}, {"prompt": "two"}]
    assert [prompt.part for prompt in read_prompts(rows).prompts] == ["test", None]


def test_prompts_that_look_like_a_locked_one_are_locked_and_none_is_lost():
    asked = [
        {"prompt": "what is it", "part": "dev"},
        {"prompt": "What is it?", "part": "pool"},
        {"prompt": "What is it.", "part": "test"},
        {"prompt": "\ufeffWhat is\u00a0it", "part": None},
    ]
    found = read_prompts(asked)
    assert [(p.text, p.part) for p in found.prompts] == [
        ("what is it", "test"),
        ("What is it?", "pool"),
        ("What is it.", "test"),
        ("\ufeffWhat is\u00a0it", "test"),
    ]


def test_rows_without_a_usable_prompt_are_set_aside_with_line_and_reason(tmp_path: Path):
    path = tmp_path / "prompts.jsonl"
    lines = [
        '{"prompt": "one"}',
        '{"prompt": " "}',
        '{"prompt": 3}',
        '{"prompt": "two"}',
        '{"prompt": "\\ud800"}',
    ]
    path.write_text("\n".join([*lines, '{"prompt": "three"}', ""]))
    found = read_prompts(str(path))
    assert [prompt.text for prompt in found.prompts] == ["one", "two", "three"]
    assert [row.line for row in found.set_aside] == [2, 3, 5]
    reasons = [row.reason for row in found.set_aside]
    assert reasons[:2] == ["the prompt is empty", "the prompt is int 3, expected text"]
    assert "half a character" in reasons[2] or "surrogate" in reasons[2]


def test_files_without_prompts_are_errors(tmp_path: Path):
    (tmp_path / "empty.jsonl").write_text("")
    with pytest.raises(DataError, match=r"empty\.jsonl is empty\. Expected prompts as \.parquet"):
        read_prompts(str(tmp_path / "empty.jsonl"))
    with pytest.raises(DataError, match=r"2 of 2 rows hold no usable prompt.*the prompt is empty"):
        read_prompts([{"prompt": ""}, {"prompt": " "}])
    with pytest.raises(
        LayoutError, match=r"neither pairs nor prompts in the columns text.*--columns prompt="
    ):
        read_prompts([{"text": "one"}])
    with pytest.raises(DataError, match="does not exist"):
        read_prompts("nowhere.jsonl")
