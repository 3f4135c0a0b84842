"""Names of columns: dotted ones, mistaken ones, and what CSV makes of fields and ids."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from weaklabel.data import read_pairs
from weaklabel.data.fields.nested import reach
from weaklabel.errors import ConfigError, LayoutError, UnknownNameError

NESTED = [
    {
        "q": {"text": f"Q{i}", "n": i},
        "answers": [{"text": f"x{i}", "votes": 5}, {"text": f"y{i}", "votes": 1}],
    }
    for i in range(4)
]
NAMES = {"prompt": "q.text", "response_a": "answers.0.text", "response_b": "answers.1.text"}


def as_csv(path: Path) -> Path:
    path.write_text(
        "q|answers\n" + "".join(f"{json.dumps(r['q'])}|{json.dumps(r['answers'])}\n" for r in NESTED)
    )
    return path


def as_parquet(path: Path) -> Path:
    pq.write_table(pa.Table.from_pylist(NESTED), path)
    return path


@pytest.mark.parametrize("kind", ["list", "csv", "parquet"])
def test_dotted_names_reach_into_objects_and_lists(kind: str, tmp_path: Path) -> None:
    sources: dict[str, Any] = {"list": NESTED}
    source = sources.get(kind) or {"csv": as_csv, "parquet": as_parquet}[kind](tmp_path / f"p.{kind}")
    table = read_pairs(source, columns=NAMES).table
    assert table.select(["prompt", "response_a", "response_b"]).to_pylist()[3] == {
        "prompt": "Q3",
        "response_a": "x3",
        "response_b": "y3",
    }
    assert {"q", "answers"} <= set(table.column_names)


def test_a_dotted_name_collects_what_all_objects_of_a_list_hold() -> None:
    table = read_pairs(
        NESTED, columns={"prompt": "q.text", "responses": "answers", "ratings": "answers.votes"}
    ).table
    row = table.to_pylist()[0]
    assert row[f"response_{row['gold']}"] == "x0"


def test_a_column_whose_name_holds_a_dot_comes_before_what_it_could_reach() -> None:
    rows = [{"q.text": "flat", "q": {"text": "deep"}, "response_a": "x", "response_b": "y"}]
    assert read_pairs(rows, columns={"prompt": "q.text"}).table["prompt"].to_pylist() == ["flat"]


def test_a_dotted_name_may_reach_into_a_column_of_our_name() -> None:
    rows = [{"prompt": {"text": "deep"}, "response_a": "x", "response_b": "y"}]
    (row,) = read_pairs(rows, columns={"prompt": "prompt.text"}).table.to_pylist()
    assert (row["prompt"], row["source_prompt"]) == ("deep", '{"text": "deep"}')


def test_a_dotted_name_that_reaches_nothing_lists_what_can_be_reached() -> None:
    with pytest.raises(
        LayoutError,
        match=r"'q\.txet' reaches nothing in any row. Found: q, q\.text, q\.n, answers, answers\.t",
    ):
        read_pairs(NESTED, columns={**NAMES, "prompt": "q.txet"})


def test_reaching_leaves_gaps_where_a_row_has_nothing() -> None:
    assert reach({"a": [{"b": 1}, {}]}, "a.b") == [1, None]
    assert reach({"a": "not an object"}, "a.b") is None
    assert reach({"a": [1]}, "a.5") is None


def test_exchanged_sides_are_recognised() -> None:
    rows = [{"question": "Q", "ans1": "x", "ans2": "y"}]
    with pytest.raises(
        ConfigError, match=r"columns has question=prompt.* comes first: write prompt=question"
    ):
        read_pairs(rows, columns={"question": "prompt", "ans1": "response_a", "ans2": "response_b"})
    with pytest.raises(UnknownNameError, match="no column 'qestion'"):
        read_pairs(rows, columns={"qestion": "nowhere"})


def test_a_place_that_is_still_to_be_filled_in_names_itself() -> None:
    with pytest.raises(
        ConfigError, match=r"still says 'FILL IN' for response_a and response_b.* The file has: q, other"
    ):
        read_pairs(
            [{"q": "Q", "other": "x"}],
            columns={"prompt": "q", "response_a": "FILL IN", "response_b": "FILL IN"},
        )


def test_chosen_and_rejected_can_be_named() -> None:
    rows = [{"q": f"Q{i}", "good": "x", "bad": "y"} for i in range(8)]
    table = read_pairs(rows, columns={"prompt": "q", "chosen": "good", "rejected": "bad"}).table.to_pylist()
    assert {row[f"response_{row['gold']}"] for row in table} == {"x"}
    assert {row["gold"] for row in table} == {"a", "b"}


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_what_stands_between_fields_is_recognised(mark: str, tmp_path: Path) -> None:
    rows = [
        ["prompt", "response_a", "response_b", "gold"],
        ["Q, or; so|", "x\n1", "y", "a"],
        ["R", "x;y;z,w", "y", "b"],
    ]
    quoted = [mark.join(f'"{cell}"' if k else cell for cell in row) for k, row in enumerate(rows)]
    (tmp_path / "p.csv").write_text("\ufeff" + "\n".join(quoted) + "\n", encoding="utf-8")
    table = read_pairs(tmp_path / "p.csv").table
    assert table["prompt"].to_pylist() == ["Q, or; so|", "R"]
    assert table["gold"].to_pylist() == ["a", "b"]


def test_a_header_with_other_marks_in_it_is_divided_by_the_one_that_fits_the_rows(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("prompt;response_a;response_b;a, b or tie\nQ;x;y;1\nR, S;x;y;2\n")
    assert "a, b or tie" in read_pairs(tmp_path / "p.csv").table.column_names


@pytest.mark.parametrize(("pairs_id", "gold_id"), [("0.0", "0"), ("0", "0.0"), ("0.0", "0.0")])
def test_ids_that_csv_made_decimals_of_join_whole_ones(pairs_id: str, gold_id: str, tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text(f"id,prompt,response_a,response_b\n{pairs_id},Q,x,y\n7.5,R,x,y\n,S,x,y\n")
    (tmp_path / "g.csv").write_text(f"id,gold\n{gold_id},b\n")
    pairs = read_pairs(tmp_path / "p.csv", gold=tmp_path / "g.csv")
    assert pairs.table["gold"].to_pylist() == ["b", None, None]
    assert pairs.ids[:2] == ("0", "7.5")


def test_ids_that_json_holds_as_text_keep_their_spelling() -> None:
    assert read_pairs([{"id": "1.0", "prompt": "Q", "response_a": "x", "response_b": "y"}]).ids == ("1.0",)


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "Q", "response": "x", "helpfulness": 4},
        {"prompt": "Q", "completion": "x", "label": True},
        {"question": "Q", "answer": "x", "prompt_id": "7"},
        {"conversations": [{"from": "human", "value": "Q"}, {"from": "gpt", "value": "x"}], "kto_tag": True},
    ],
)
def test_one_response_in_a_row_is_no_pair(row: dict[str, Any]) -> None:
    with pytest.raises(
        LayoutError, match=r"each row holds one response.*into one row, as a list.*response_a="
    ):
        read_pairs([row, row])
