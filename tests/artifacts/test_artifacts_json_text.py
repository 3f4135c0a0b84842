"""A line of JSON is one line for every reader, and means what was written; what cannot be read is a ValueError."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weaklabel.artifacts import json_line, json_text, parse_json, read_json, write_json
from weaklabel.errors import ArtifactError
from weaklabel.types.result import json_values

ENDS = ["\n", "\r", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(VALUES)
def test_a_line_is_one_line_to_everybody_and_reads_back_the_same(value: object) -> None:
    line = json_line(value)
    assert line.splitlines(keepends=True) == [line]
    assert json.loads(line.encode()) == value


@pytest.mark.parametrize("end", ENDS)
def test_what_ends_a_line_somewhere_is_escaped_in_texts_and_in_names(end: str) -> None:
    line = json_line({f"k{end}": f"a{end}b"})
    assert line.count(end) == (1 if end == "\n" else 0)
    assert json.loads(line) == {f"k{end}": f"a{end}b"}


def test_letters_stay_readable_and_half_a_character_is_written_as_an_escape() -> None:
    assert json_text({"t": "Grüße 🙂"}) == '{"t": "Grüße 🙂"}'
    assert json_text("x\udcff") == '"x\\udcff"'


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [1, {"x": -float("inf")}]])
def test_a_number_that_json_does_not_have_is_refused_or_made_null(value: object) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        json_text(value)
    assert "null" in json_text(json_values(value))


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "9" * 5000, b"\xff", "{torn", ""])
def test_what_cannot_be_read_is_a_value_error(text: str | bytes) -> None:
    with pytest.raises(ValueError):
        parse_json(text)


def test_a_list_inside_itself_ten_thousand_times_is_not_written() -> None:
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(ValueError, match="nested too deeply"):
        json_text(deep)


def test_a_deeply_nested_file_of_ours_is_told_in_a_line(tmp_path) -> None:
    (tmp_path / "deep.json").write_text("[" * 100_000, encoding="utf-8")
    with pytest.raises(ArtifactError, match=r"is not JSON .it is nested too deeply"):
        read_json(tmp_path / "deep.json")


def test_a_file_name_that_is_not_utf8_can_stand_in_a_file_of_ours(tmp_path) -> None:
    write_json(tmp_path / "x.json", {"file": "caf\udce9.jsonl"})
    assert read_json(tmp_path / "x.json") == {"file": "caf\udce9.jsonl"}
