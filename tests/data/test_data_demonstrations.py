"""Files of one response per row: every layout people have, what is asked about, what is set aside."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from weaklabel.data.asked.choices import read_choices
from weaklabel.data.asked.demonstrations import read_demonstrations
from weaklabel.data.reading import read_pairs
from weaklabel.errors import ConfigError, DataError, LayoutError, WeaklabelError
from weaklabel.types.demonstration import Demonstration

USER, ANSWER = {"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"prompt": "Q", "completion": "A"}, Demonstration("Q", "A")),
        ({"question": "Q", "answer": "A"}, Demonstration("Q", "A")),
        ({"instruction": "Q", "input": "", "output": "A"}, Demonstration("Q", "A")),
        ({"instruction": "Q", "input": "X", "output": "A"}, Demonstration("Q\n\nX", "A")),
        ({"question": "Q", "solution": "A"}, Demonstration("Q", "A")),
        ({"prompt": [USER], "completion": [ANSWER]}, Demonstration("Q", "A", (USER,))),
        ({"messages": [USER, ANSWER]}, Demonstration("Q", "A", (USER,))),
        (
            {"conversations": [{"from": "human", "value": "Q"}, {"from": "gpt", "value": "A"}]},
            Demonstration("Q", "A", (USER,)),
        ),
        (
            {"system": "S", "prompt": "Q", "completion": "A"},
            Demonstration("Q", "A", ({"role": "system", "content": "S"}, USER)),
        ),
        ({"prompt": "Q", "completion": "A", "w": 2}, Demonstration("Q", "A", w=2.0)),
        ({"prompt": "Q", "completion": "A", "w": None}, Demonstration("Q", "A")),
        ({"prompt": "Q", "completion": ""}, Demonstration("Q", "")),  # counted where it is trained on
    ],
)
def test_a_row_of_every_layout(row: dict[str, Any], expected: Demonstration) -> None:
    assert read_demonstrations([row]).rows == [expected]


@pytest.mark.parametrize(
    ("row", "kind", "said"),
    [
        ({"prompt": "Q", "chosen": "A", "rejected": "B"}, LayoutError, "completion=chosen"),
        (
            {"prompt": "Q", "response": "A", "answer": "B"},
            LayoutError,
            "can be in several columns: response, answer",
        ),
        (
            {"question": "Q", "solution": "40 + 2 is 42.", "answer": "42"},
            LayoutError,
            "can be in several columns: answer, solution",
        ),
        ({"messages": [USER], "response_a": "A", "response_b": "B"}, LayoutError, "holds pairs of responses"),
        ({"prompt": "Q"}, LayoutError, "prompts without a response"),
        ({"text": "A"}, LayoutError, "neither pairs nor prompts"),
        ({"question": "Q", "query": "R", "answer": "A"}, LayoutError, "the prompt can be in several columns"),
        ({"messages": [USER]}, DataError, "do not end in a turn of the assistant"),
        ({"messages": [ANSWER]}, DataError, "nothing that it answers"),
        ({"prompt": " ", "completion": "A"}, DataError, "the prompt is"),
        ({"prompt": "Q", "completion": 3}, DataError, "completion is int 3, expected text"),
        ({"prompt": "Q", "completion": [ANSWER, USER]}, DataError, "2 turns, expected one of the assistant"),
        ({"prompt": "Q", "completion": "A", "w": -1}, DataError, "w is int -1"),
        ({"prompt": "Q", "completion": "A", "w": "much"}, DataError, "w is str 'much'"),
        ({"prompt": "Q", "completion": "A", "w": True}, DataError, "w is bool True"),
        ({"prompt": "Q", "completion": "half \ud800"}, DataError, "half a character"),
    ],
)
def test_what_cannot_be_read_is_one_line(row: dict[str, Any], kind: type[WeaklabelError], said: str) -> None:
    with pytest.raises(kind, match=said) as caught:
        read_demonstrations([row])
    assert "\n" not in str(caught.value)


def test_a_column_is_named(tmp_path: Path) -> None:
    rows = [{"q": "Q", "chosen": "A", "rejected": "B", "weight": 3}]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    columns = {"prompt": "q", "completion": "chosen", "w": "weight"}
    assert read_demonstrations(str(path), columns=columns).rows == [Demonstration("Q", "A", w=3.0)]
    with pytest.raises(LayoutError, match="there is no column 'chose'"):
        read_demonstrations(str(path), columns={"prompt": "q", "completion": "chose"})


def test_rows_that_cannot_be_used_are_set_aside_with_their_line(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    good = json.dumps({"prompt": "Q", "completion": "A"})
    path.write_text(f'{good}\n{{"prompt": "Q", "completion": 3}}\n{good}\nno json\n{good}\n')
    found = read_demonstrations(str(path))
    assert len(found) == 3
    assert sorted(row.line for row in found.set_aside) == [2, 4]


def test_locked_test_prompts_are_left_out_and_counted() -> None:
    rows = [{"prompt": "Q", "completion": "A", "part": part} for part in ("test", "dev", "pool", "test")]
    found = read_demonstrations(rows)
    assert len(found) == 2
    assert found.left_out == {"locked test prompts": 2}
    with pytest.raises(DataError, match="2 rows are locked test prompts"):
        read_demonstrations([row for row in rows if row["part"] == "test"])


def test_a_data_frame_and_a_file_hash_alike(tmp_path: Path) -> None:
    frame = pd.DataFrame({"prompt": ["Q", "R"], "completion": ["A", "B"]})
    frame.to_parquet(tmp_path / "rows.parquet")
    one, other = read_demonstrations(frame), read_demonstrations(str(tmp_path / "rows.parquet"))
    assert one.hash == other.hash
    assert one.hash != read_demonstrations(frame.iloc[::-1]).hash


@pytest.mark.parametrize(
    ("read", "what"),
    [(read_demonstrations, "demonstrations"), (read_choices, "questions"), (read_pairs, "pairs")],
)
def test_an_empty_file_is_told_with_what_it_should_hold(read: Any, what: str, tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_text("")
    with pytest.raises(DataError, match=rf"empty\.jsonl is empty\. Expected {what} as \.parquet"):
        read(str(tmp_path / "empty.jsonl"))


def test_none_is_no_demonstration() -> None:
    with pytest.raises(DataError, match="holds no demonstrations"):
        read_demonstrations(pd.DataFrame({"prompt": [], "completion": []}))


def test_columns_may_bear_each_others_names() -> None:
    rows = [{"question": "Q", "prompt": "A", "answer": {"score": 2}}]
    columns = {"prompt": "question", "completion": "prompt", "w": "answer.score"}
    assert read_demonstrations(rows, columns=columns).rows == [Demonstration("Q", "A", w=2.0)]


def test_one_column_is_not_both_prompt_and_response() -> None:
    with pytest.raises(ConfigError, match=r"'text' both as prompt and as completion"):
        read_demonstrations([{"text": "Q"}], columns={"prompt": "text", "completion": "text"})


@pytest.mark.parametrize("columns", [{"completion": 3}, {"prompt": None}, {3: "Q"}, ["completion"]])
def test_columns_that_are_no_texts_are_refused(columns: Any) -> None:
    with pytest.raises(WeaklabelError, match=r"columns.* is .*\. Allowed: a "):
        read_demonstrations([{"prompt": "Q", "completion": "A"}], columns=columns)


@pytest.mark.parametrize("name", ["completion", "answer"])
def test_a_response_beside_messages_that_hold_one_is_asked_about(name: str) -> None:
    rows = [{"messages": [USER, ANSWER], name: "B"}]
    with pytest.raises(LayoutError, match=rf"can be in several columns: {name}, messages"):
        read_demonstrations(rows)
    last = read_demonstrations(rows, columns={"completion": "messages"}).rows
    assert last == [Demonstration("Q", "A", (USER,))]
    assert read_demonstrations(rows, columns={"completion": name}).rows[0].completion == "B"
