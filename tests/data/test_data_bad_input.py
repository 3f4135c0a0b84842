"""Bad input: a clear error that names file and line, or the row set aside and counted; never a lost row."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from weaklabel.data import read_pairs
from weaklabel.errors import ArgumentError, ConfigError, DataError, GoldError, LayoutError
from weaklabel.types import Pairs

GOOD = {"prompt": "Q", "response_a": "x", "response_b": "y"}


def write_jsonl(path: Path, *rows: Any) -> Path:
    path.write_bytes(b"".join((r if isinstance(r, bytes) else json.dumps(r).encode()) + b"\n" for r in rows))
    return path


def read_with_one_bad(tmp_path: Path, bad: Any) -> Pairs:
    """Two good rows around the bad one, which must be set aside as line 2."""
    pairs = read_pairs(write_jsonl(tmp_path / "p.jsonl", GOOD, bad, GOOD))
    assert len(pairs) == 2
    (row,) = pairs.set_aside
    assert (row.file, row.line) == (str(tmp_path / "p.jsonl"), 2)
    return pairs


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b'{"prompt": "Q", "resp', "not a whole JSON object"),
        (b'{"prompt": "Q\xff"}', "invalid UTF-8 at byte 14"),
        (b"[1, 2]", "list .*, expected an object"),
        (b'{"prompt": "Q\\ud800", "response_a": "x", "response_b": "y"}', "half a character"),
        ({"prompt": "Q", "response_a": "x"}, "response_b is missing"),
        ({**GOOD, "response_b": None}, "response_b is missing"),
        ({**GOOD, "response_b": float("nan")}, "response_b is missing"),
        ({**GOOD, "response_b": 3}, "response_b is int 3, expected text"),
        ({**GOOD, "response_b": " \n"}, "response_b is empty"),
        ({**GOOD, "prompt": ""}, "prompt is empty"),
        ({**GOOD, "response_b": " x "}, "the two responses are identical"),
        ({**GOOD, "messages": "no JSON"}, "messages is not a JSON list"),
        ({**GOOD, "messages": [{"role": "user"}]}, "expected an object with the texts role and content"),
        ({**GOOD, "id": [1]}, "id is list"),
        ({**GOOD, "swapped": "perhaps"}, "swapped is str 'perhaps'"),
    ],
)
def test_a_bad_row_is_set_aside_with_its_line(tmp_path: Path, bad: Any, reason: str) -> None:
    pairs = read_with_one_bad(tmp_path, bad)
    assert re.search(reason, pairs.set_aside[0].reason)


def test_blank_lines_count_as_lines_but_not_as_rows(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text(f"\n{json.dumps(GOOD)}\n\n{{\n{json.dumps(GOOD)}\n")
    pairs = read_pairs(path)
    assert len(pairs) == 2
    assert pairs.set_aside[0].line == 4


def test_an_id_given_twice_is_set_aside() -> None:
    pairs = read_pairs([{**GOOD, "id": "p"}, {**GOOD, "id": "p", "prompt": "R"}])
    assert pairs.ids == ("p",)
    assert "id 'p' was given before" in pairs.set_aside[0].reason


@pytest.mark.parametrize("name", ["p.jsonl", "p.csv", "p.parquet", "p.json"])
def test_an_empty_file_is_an_error(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    with pytest.raises(DataError, match=f"{name} is empty"):
        read_pairs(tmp_path / name)


def test_a_file_without_rows_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("prompt,response_a,response_b\n")
    with pytest.raises(DataError, match=r"p\.csv holds no"):
        read_pairs(tmp_path / "p.csv")


def test_a_file_without_a_usable_row_names_the_first_reasons(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none of 2 rows can be used. First: .*line 1: response_b is empty"):
        read_pairs(write_jsonl(tmp_path / "p.jsonl", *[{**GOOD, "response_b": ""}] * 2))


def test_too_many_rows_set_aside_is_an_error(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "p.jsonl", GOOD, b"{", b"{")
    with pytest.raises(DataError, match=r"2 of 3 rows cannot be used, more than max_set_aside = 0\.5"):
        read_pairs(path)
    assert len(read_pairs(path, max_set_aside=0.7)) == 1


@pytest.mark.parametrize("value", [2, "c", True, 0.3])
def test_a_gold_value_that_means_nothing_names_its_line(tmp_path: Path, value: Any) -> None:
    path = write_jsonl(tmp_path / "p.jsonl", GOOD, {**GOOD, "label": value})
    with pytest.raises(GoldError, match=r"p\.jsonl, line 2: gold value .* Allowed: a, b, tie"):
        read_pairs(path)


def test_a_rating_that_is_no_number_names_its_line() -> None:
    with pytest.raises(GoldError, match=r"line 1: gold value 'good'. Allowed: a number in ratings"):
        read_pairs([{"prompt": "Q", "responses": ["x", "y"], "ratings": [3, "good"]}])


def test_a_nan_score_sets_the_row_aside() -> None:
    row = {"prompt": "Q", "chosen": "x", "rejected": "y", "score_chosen": 1.0, "score_rejected": 0.0}
    pairs = read_pairs([row, {**row, "score_rejected": float("nan")}])
    assert pairs.set_aside[0].reason == "score_rejected is NaN"


def test_ratings_that_do_not_fit_the_responses_set_the_row_aside() -> None:
    row = {"prompt": "Q", "responses": ["x", "y"], "ratings": [1, 2]}
    pairs = read_pairs([row, {**row, "ratings": [1]}, {**row, "responses": ["x"]}], max_set_aside=1)
    assert "one value for each of 2 responses" in pairs.set_aside[0].reason
    assert "list of 1, expected a list of at least two" in pairs.set_aside[1].reason


def test_ten_megabytes_in_one_response_are_fine(tmp_path: Path) -> None:
    long = "word " * 2_000_000
    assert len(read_pairs(write_jsonl(tmp_path / "p.jsonl", {**GOOD, "response_b": long}))) == 1
    (tmp_path / "p.csv").write_text(f"prompt,response_a,response_b\nQ,x,{long}\n")
    assert read_pairs(tmp_path / "p.csv").table["response_b"][0].as_py() == long


def test_half_of_a_csv_row_is_set_aside(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("prompt,response_a,response_b\nQ,x,y\nQ,x,z\nQ,x\n")
    pairs = read_pairs(tmp_path / "p.csv")
    assert "2 fields but the header names 3" in pairs.set_aside[0].reason
    assert pairs.set_aside[0].line == 4


def test_an_open_quotation_mark_in_csv_is_set_aside_where_it_began(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text('prompt,response_a,response_b\nQ,x,y\nQ,x,"z\nQ,x,w\n')
    pairs = read_pairs(tmp_path / "p.csv", max_set_aside=0.7)
    assert (len(pairs), pairs.set_aside[0].line) == (1, 3)
    assert "not a whole CSV row" in pairs.set_aside[0].reason


def test_invalid_utf8_in_csv_sets_its_row_aside(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_bytes(b"prompt,response_a,response_b\nQ,x,y\nQ,x,\xff\n")
    pairs = read_pairs(tmp_path / "p.csv")
    assert (pairs.set_aside[0].line, pairs.set_aside[0].reason) == (3, "invalid UTF-8")


def test_invalid_utf8_in_parquet_sets_its_row_aside(tmp_path: Path) -> None:
    raw = pa.array([b"x", b"\xff", b"z"], pa.binary())
    text = pa.Array.from_buffers(pa.string(), 3, raw.buffers())
    pq.write_table(
        pa.table({"prompt": list("QRS"), "response_a": text, "response_b": list("abc")}),
        tmp_path / "p.parquet",
    )
    pairs = read_pairs(tmp_path / "p.parquet")
    assert len(pairs) == 2
    assert (pairs.set_aside[0].line, "UTF-8" in pairs.set_aside[0].reason) == (2, True)


def test_a_torn_parquet_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "p.parquet").write_bytes(b"PAR1 and then nothing")
    with pytest.raises(DataError, match=r"p\.parquet cannot be read"):
        read_pairs(tmp_path / "p.parquet")


def test_a_torn_gz_file_is_an_error(tmp_path: Path) -> None:
    whole = gzip.compress((json.dumps(GOOD) + "\n").encode() * 1000)
    (tmp_path / "p.jsonl.gz").write_bytes(whole[:-20])
    with pytest.raises(DataError, match=r"cannot be read.*Is it complete"):
        read_pairs(tmp_path / "p.jsonl.gz")


def test_a_torn_json_array_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text('[{"prompt": "Q"')
    with pytest.raises(DataError, match="not a whole JSON object"):
        read_pairs(tmp_path / "p.json")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("nowhere.jsonl", "nowhere.jsonl does not exist"),
        ("nowhere*.jsonl", "no file matches"),
        ([], "cannot be read from list"),
    ],
)
def test_a_source_that_is_not_there_is_an_error(source: Any, words: str) -> None:
    with pytest.raises(DataError, match=words):
        read_pairs(source)


def test_a_source_of_another_type_is_an_argument_that_is_wrong() -> None:
    with pytest.raises(ArgumentError, match="read_pairs: source is 3"):
        read_pairs(3)  # type: ignore[arg-type]


def test_an_unknown_ending_lists_the_known_ones(tmp_path: Path) -> None:
    (tmp_path / "p.xlsx").write_text("x")
    with pytest.raises(DataError, match=r"'\.xlsx' is not known\. Known: \.parquet, \.jsonl"):
        read_pairs(tmp_path / "p.xlsx")


def test_a_folder_without_pairs_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no pairs"):
        read_pairs(tmp_path)


def test_a_csv_header_with_a_name_twice_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("prompt,prompt\nQ,x\n")
    with pytest.raises(LayoutError, match="'prompt' occurs twice"):
        read_pairs(tmp_path / "p.csv")


def test_a_share_out_of_range_is_an_error() -> None:
    with pytest.raises(ConfigError, match="max_set_aside is 2"):
        read_pairs([GOOD], max_set_aside=2)


def test_one_pair_is_enough() -> None:
    pairs = read_pairs([{**GOOD, "gold": "a"}])
    assert pairs.parts.tolist() == ["dev"]


def test_no_gold_puts_everything_in_the_pool() -> None:
    assert set(read_pairs([GOOD, {**GOOD, "prompt": "R"}]).parts) == {"pool"}


def test_a_bad_cell_in_a_pandas_frame_costs_its_row_only() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"prompt": ["Q", "R"], "response_a": ["x", 3], "response_b": ["y", "z"]})
    pairs = read_pairs(frame)
    assert len(pairs) == 1
    assert (pairs.set_aside[0].file, pairs.set_aside[0].line) == ("the DataFrame", 2)


def test_no_row_is_ever_lost(tmp_path: Path) -> None:
    bad = [b"{", {**GOOD, "prompt": None}, b"\xff", {**GOOD, "response_b": "x"}]
    pairs = read_pairs(write_jsonl(tmp_path / "p.jsonl", *[GOOD] * 5, *bad))
    assert len(pairs) + len(pairs.set_aside) == 9
    assert sorted(row.line for row in pairs.set_aside) == [6, 7, 8, 9]
