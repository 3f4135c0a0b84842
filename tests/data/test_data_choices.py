"""Multiple-choice questions: places and letters, and every row that is none, by file and line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from weaklabel.data.asked.choices import read_choices
from weaklabel.errors import DataError, WeaklabelError

GOOD: dict[str, Any] = {"question": "2 + 2?", "choices": ["3", "4", "5"], "answer": 1}


@pytest.mark.parametrize(("answer", "place"), [(0, 0), (2, 2), ("A", 0), ("c", 2), (" B ", 1)])
def test_an_answer_is_a_place_from_0_or_a_letter(answer: object, place: int) -> None:
    assert read_choices([GOOD | {"answer": answer}])[0].answer == place


def test_a_file_is_read_line_by_line(tmp_path: Path) -> None:
    path = tmp_path / "mc.jsonl"
    path.write_text(json.dumps(GOOD) + "\n" + json.dumps(GOOD | {"choices": [" yes ", "no"]}) + "\n")
    found = read_choices(str(path))
    assert [each.choices for each in found] == [("3", "4", "5"), ("yes", "no")]
    assert found[0].question == "2 + 2?"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"answer": 3}, "answer is int 3. Allowed: 0 to 2, counted from 0, or a letter from A to C"),
        ({"answer": -1}, "answer is int -1"),
        ({"answer": True}, "answer is bool True"),
        ({"answer": "D"}, "answer is str 'D'"),
        ({"answer": "4 "}, "answer is str '4 '"),
        ({"answer": None}, "answer is NoneType None"),
        ({"answer": 1.0}, "answer is float 1.0"),
        ({"choices": ["B", "A"], "answer": "A"}, "'A' is the letter of choice 0 and the text of choice 1"),
        ({"choices": ["3"]}, "Expected a list of two texts or more"),
        ({"choices": "345"}, "choices is str '345'"),
        ({"choices": ["3", ""]}, "none empty"),
        ({"choices": ["3", 4]}, "Expected a list of two texts"),
        ({"choices": ["3", "3 ", "4"]}, "two of the choices are the same"),
        ({"question": " "}, "question is str ' '"),
        ({"question": None}, "question is NoneType None"),
    ],
)
def test_a_row_that_is_no_question_is_told_in_one_line(change: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError) as told:
        read_choices([GOOD, GOOD | change])
    assert said in str(told.value)
    assert "line 2" in str(told.value)
    assert "\n" not in str(told.value)


def test_letters_that_are_texts_in_their_own_places_are_no_riddle() -> None:
    assert read_choices([GOOD | {"choices": ["A", "B"], "answer": "B"}])[0].answer == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "mc.jsonl"),
        ('{"question": "q", "answer": 0}\n', "there is no column 'choices'"),
        ("{torn\n", "line 1"),
    ],
)
def test_a_file_that_holds_no_questions_is_told(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "mc.jsonl").write_text(text)
    with pytest.raises(WeaklabelError, match=said) as told:
        read_choices(str(tmp_path / "mc.jsonl"))
    assert "\n" not in str(told.value)
