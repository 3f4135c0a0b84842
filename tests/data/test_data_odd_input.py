"""Input that is odd rather than wrong, and where each oddity ends: read, set aside with its line, or one clear error."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from weaklabel.data import read_pairs, write_pairs
from weaklabel.errors import ConfigError, DataError, GoldError, LayoutError
from weaklabel.types import CANONICAL
from weaklabel.types.messages import copied

GOOD = {"prompt": "Q", "response_a": "x", "response_b": "y"}
HEADER = "prompt,response_a,response_b\n"


def lines(path: Path, *rows: Any) -> Path:
    path.write_text("".join((r if isinstance(r, str) else json.dumps(r)) + "\n" for r in rows))
    return path


def canonical(**columns: list[Any]) -> pa.Table:
    row = {name: [None] for name in CANONICAL.names} | {k: [v] for k, v in GOOD.items()} | {"id": ["1"]}
    return pa.table(row | columns, schema=CANONICAL)


def test_numpy_and_decimal_scalars_are_what_they_hold() -> None:
    rows = [
        {**GOOD, "id": np.int64(3), "gold": np.float32("nan")},
        {**GOOD, "id": np.str_("b"), "gold": np.int64(1)},
        {**GOOD, "id": Decimal("NaN"), "gold": Decimal("NaN")},
    ]
    pairs = read_pairs(rows)
    assert pairs.ids[:2] == ("3", "b")
    assert pairs.table["gold"].to_pylist() == [None, "b", None]


def test_a_cell_that_pandas_calls_missing_is_missing() -> None:
    pandas = pytest.importorskip("pandas")
    pairs = read_pairs([{**GOOD, "gold": pandas.NA, "source": pandas.NaT, "id": pandas.NA}])
    assert pairs.table.select(["gold", "source"]).to_pylist() == [{"gold": None, "source": None}]


@pytest.mark.parametrize("rating", [float("inf"), 3, Decimal("0.1")])
def test_equal_ratings_are_a_tie_however_large(rating: Any) -> None:
    pairs = read_pairs([{"prompt": "Q", "responses": ["x", "y"], "ratings": [rating, rating]}])
    assert pairs.table["gold"].to_pylist() == ["tie"]


def test_a_rating_that_is_nan_makes_no_gold() -> None:
    rows = [{"prompt": "Q", "responses": ["x", "y"], "ratings": [np.float32("nan"), 1]}]
    assert read_pairs(rows).table["gold"].to_pylist() == [None]


def test_a_rating_beyond_every_float_names_its_line() -> None:
    with pytest.raises(GoldError, match=r"line 1: gold value 1000.* a number in ratings"):
        read_pairs([{"prompt": "Q", "responses": ["x", "y"], "ratings": [10**400, 1]}])


def test_a_gold_value_as_long_as_a_text_is_cut_in_the_message() -> None:
    with pytest.raises(GoldError) as caught:
        read_pairs([{**GOOD, "label": "word " * 1000}])
    assert len(str(caught.value)) < 300


def test_a_turn_that_is_infinite_sets_its_row_aside() -> None:
    sides = [[{"role": "user", "content": "q"}, {"role": "assistant", "content": text}] for text in "xy"]
    row = {"conversation_a": sides[0], "conversation_b": sides[1], "winner": "tie", "turn": 1}
    pairs = read_pairs([row, {**row, "turn": float("inf")}])
    assert "turn is float inf" in pairs.set_aside[0].reason


@pytest.mark.parametrize("key", ["source", "\ud800"])
def test_half_a_character_in_a_source_or_a_column_name_sets_its_row_aside(tmp_path: Path, key: str) -> None:
    pairs = read_pairs(lines(tmp_path / "p.jsonl", GOOD, {**GOOD, key: "\ud800"}))
    assert (len(pairs), pairs.set_aside[0].line) == (1, 2)
    assert "half a character" in pairs.set_aside[0].reason


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_a_csv_file_of_another_encoding_says_so(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "p.csv").write_bytes("prompt,response_a,response_b,größe\nQ,x,y,1\n".encode(encoding))
    with pytest.raises(DataError, match=r"p\.csv: the header line is not UTF-8. Save the file as UTF-8"):
        read_pairs(tmp_path / "p.csv")


def test_every_line_behind_an_open_quotation_mark_is_counted(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text(HEADER + "Q,x,y\n" * 9 + 'Q,x,"z\n' + "Q,x,w\n" * 4)
    pairs = read_pairs(tmp_path / "p.csv")
    assert (len(pairs), [row.line for row in pairs.set_aside]) == (9, [11, 12, 13, 14, 15])
    assert "quotation mark on line 11" in pairs.set_aside[4].reason


def test_a_file_that_an_open_quotation_mark_swallows_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text(HEADER + 'Q,x,y\nQ,x,"z\n' + "Q,x,w\n" * 99)
    with pytest.raises(DataError, match="100 of 101 rows cannot be used"):
        read_pairs(tmp_path / "p.csv")


def test_numbers_in_other_digits_stay_text(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("prompt,response_a,response_b,n\nQ,x,y,٣\nR,x,y,1\n", encoding="utf-8")
    assert read_pairs(tmp_path / "p.csv").table["n"].to_pylist() == ["٣", "1"]


def test_large_whole_numbers_and_decimals_share_a_column() -> None:
    rows = [{**GOOD, "n": 2**60 + 1}] * 8192 + [{**GOOD, "n": 1.5}]
    column = read_pairs(rows).table["n"]
    assert (column[0].as_py(), column[-1].as_py()) == (2.0**60, 1.5)


def test_columns_that_no_type_holds_name_themselves() -> None:
    early, late = (pa.array([v], pa.timestamp(unit)) for v, unit in ((253402300799, "s"), (1, "ns")))
    with pytest.raises(DataError, match="column 'when' is timestamp"):
        write_pairs(_batches(canonical(), early, late), "nowhere.parquet")


def _batches(table: pa.Table, *columns: pa.Array) -> list[Any]:
    from weaklabel.data import Batch

    return [Batch(table.append_column("when", column)) for column in columns]


@pytest.mark.parametrize("value", [{(1, 2): 3}, {"a": {(1,): 2}}])
def test_a_nested_cell_that_is_no_json_is_kept_as_text(value: Any) -> None:
    assert isinstance(read_pairs([{**GOOD, "x": value}]).table["x"][0].as_py(), str)


@pytest.mark.parametrize(
    "column",
    [
        pa.array(["k"], pa.string_view()),
        pa.array([["k"]], pa.list_(pa.string_view())),
        pa.RunEndEncodedArray.from_arrays(pa.array([1], pa.int32()), pa.array(["k"])),
    ],
)
@pytest.mark.parametrize("clean", [True, False])
def test_columns_of_a_kind_that_arrow_cannot_pick_rows_from_become_plain(column: Any, clean: bool) -> None:
    table = canonical().append_column("z", column)
    pairs = read_pairs(table if clean else table.drop_columns(["id"]))
    assert pairs.take(np.array([0])).table["z"].to_pylist() == column.to_pylist()


def test_invalid_utf8_in_a_text_view_sets_its_row_aside() -> None:
    raw = pa.array([b"x", b"\xff"], pa.binary_view())
    text = pa.Array.from_buffers(pa.string_view(), 2, raw.buffers())
    pairs = read_pairs(pa.table({"prompt": ["Q", "R"], "response_a": text, "response_b": ["m", "n"]}))
    assert (len(pairs), pairs.set_aside[0].line) == (1, 2)


def test_a_conversation_with_an_empty_turn_is_set_aside_from_a_canonical_table_too() -> None:
    table = pa.concat_tables(
        [canonical(), canonical(id=["2"], messages=[[None]]), canonical(id=["3"])]
    ).combine_chunks()
    pairs = read_pairs(table)
    assert (pairs.ids, pairs.set_aside[0].line) == (("1", "3"), 2)
    assert "messages holds NoneType" in pairs.set_aside[0].reason


@pytest.mark.parametrize("kind", ["table", "parquet", "pandas"])
def test_a_column_name_twice_is_an_error(tmp_path: Path, kind: str) -> None:
    table = pa.Table.from_arrays([pa.array([v]) for v in "QRxy"], names=["prompt", *GOOD])
    source: Any = table
    if kind == "parquet":
        source = tmp_path / "p.parquet"
        pq.write_table(table, source)
    if kind == "pandas":
        source = pytest.importorskip("pandas").DataFrame([list("QRxy")], columns=["prompt", *GOOD])
    with pytest.raises(LayoutError, match="column 'prompt' occurs twice"):
        read_pairs(source)


def test_a_huge_number_in_a_pandas_frame_is_kept_as_text() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({k: [v, v + "2"] for k, v in GOOD.items()} | {"n": [10**30, 1]})
    assert read_pairs(frame).table["n"].to_pylist() == [str(10**30), "1"]


def test_one_bad_cell_leaves_the_lists_of_a_pandas_frame_alone() -> None:
    pandas = pytest.importorskip("pandas")
    turn = np.array([{"role": "user", "content": "hi"}], dtype=object)
    frame = pandas.DataFrame({k: [v, v + "2"] for k, v in GOOD.items()} | {"messages": [turn, turn]})
    frame["n"] = pandas.Series([1, "a"], dtype=object)
    found = read_pairs(frame).table["messages"].to_pylist()
    assert [list(copied(turns)) for turns in found] == [turn.tolist()] * 2


def test_a_column_that_is_displaced_displaces_no_other() -> None:
    row = {"prompt": "old", "source_prompt": "kept", "q": "Q", "response_a": "x", "response_b": "y"}
    (read,) = read_pairs([row], columns={"prompt": "q"}).table.to_pylist()
    assert (read["prompt"], read["source_prompt"], read["source_source_prompt"]) == ("Q", "kept", "old")


def test_one_column_cannot_be_two() -> None:
    with pytest.raises(ConfigError, match="'b' both as response_a and as response_b"):
        read_pairs([{"q": "Q", "b": "y"}], columns={"prompt": "q", "response_a": "b", "response_b": "b"})


def test_files_of_a_folder_are_found_whatever_the_case_of_their_ending(tmp_path: Path) -> None:
    lines(tmp_path / "a.jsonl", GOOD)
    lines(tmp_path / "B.JSONL", {**GOOD, "prompt": "R"})
    assert len(read_pairs(tmp_path)) == 2


@pytest.mark.parametrize("name", ["x" * 5000, "x*" * 3000, "~nobody-of-that-name/x.jsonl", "", " "])
def test_a_path_that_no_system_can_open_is_an_error(name: str) -> None:
    with pytest.raises(DataError) as caught:
        read_pairs(name)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("name", ["p.jsonl", "p.json"])
def test_json_of_the_other_form_says_which_ending_it_needs(tmp_path: Path, name: str) -> None:
    text = json.dumps([GOOD]) if name == "p.jsonl" else json.dumps(GOOD, indent=1) * 2
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=r"one object per line|must end in \.json"):
        read_pairs(tmp_path / name)


def test_several_splits_without_a_choice_name_them() -> None:
    datasets = pytest.importorskip("datasets")
    data = datasets.Dataset.from_list([GOOD])
    with pytest.raises(DataError, match=r"splits train, test\. Pass one of them"):
        read_pairs(datasets.DatasetDict(train=data, test=data))


def test_both_spellings_of_a_sided_column_are_kept() -> None:
    row = {"prompt": "Q", "chosen": "x", "rejected": "y", "score_chosen": 2, "score_rejected": 1}
    table = read_pairs([row | {"chosen_score": 4, "rejected_score": 3}]).table
    kept = [sorted(table[f"{stem}_{side}"][0].as_py() for side in "ab") for stem in ("score", "other_score")]
    assert kept == [[3, 4], [1, 2]]
