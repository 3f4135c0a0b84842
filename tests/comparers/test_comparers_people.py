"""Questions for people: written into a file, answered by hand, read by the next run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_pairs import made_pairs

from weaklabel.comparers.checks import check_comparer
from weaklabel.comparers.people import People
from weaklabel.errors import ConfigError, DataError, WaitingError
from weaklabel.types import Pair, Pairs


def lines_of(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def write(file: Path, lines: list[dict[str, Any]]) -> None:
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))


def answered(file: Path, pairs: Pairs) -> None:
    """Somebody who prefers the longer response."""
    with pytest.raises(WaitingError):
        People(file).compare(pairs)
    lines = lines_of(file)
    for line in lines:
        gap = len(line["second"]) - len(line["first"])
        line["answer"] = "second" if gap > 0 else "first" if gap < 0 else "tie"
    write(file, lines)


def pairs_of(n: int) -> Pairs:
    return made_pairs([("x" * (i % 5 + 1), "y" * (3 * i % 7 + 1)) for i in range(n)])


def test_open_questions_are_written_and_the_message_says_what_to_do(tmp_path: Path) -> None:
    file = tmp_path / "people" / "questions.jsonl"
    with pytest.raises(
        WaitingError,
        match=r"questions.jsonl: 3 of 3 questions have no answer yet\. .* \(one of first, second, tie\)",
    ):
        People(file).compare(pairs_of(3))
    lines = lines_of(file)
    assert [sorted(line) for line in lines] == [["answer", "first", "id", "kind", "prompt", "second"]] * 3
    with pytest.raises(WaitingError):
        People(file).compare(pairs_of(4))
    assert len(lines_of(file)) == 4  # what is open is not asked twice


def test_answers_count_whatever_the_order_and_the_contract_is_kept(tmp_path: Path) -> None:
    file, pairs = tmp_path / "questions.jsonl", pairs_of(30)
    answered(file, pairs)
    a, b = (pairs.table[name].to_pylist() for name in ("response_a", "response_b"))
    expected = [(1 + np.sign(len(y) - len(x))) / 2 for x, y in zip(a, b, strict=True)]
    assert People(file).compare(pairs).tolist() == expected
    check_comparer(People(file), pairs)


def test_each_order_is_shown_about_half_of_the_time(tmp_path: Path) -> None:
    pairs = made_pairs([("one", f"two {i}") for i in range(200)])
    with pytest.raises(WaitingError):
        People(tmp_path / "q.jsonl").compare(pairs)
    first = sum(line["first"] == "one" for line in lines_of(tmp_path / "q.jsonl"))
    assert 70 < first < 130


def test_equal_responses_are_not_asked_about(tmp_path: Path) -> None:
    assert People(tmp_path / "q.jsonl").compare(made_pairs([("x", "x")])).tolist() == [0.5]
    assert not (tmp_path / "q.jsonl").exists()


def test_single_responses_are_scored_within_the_scale(tmp_path: Path) -> None:
    file = tmp_path / "q.jsonl"
    with pytest.raises(WaitingError, match="a number from 1 to 5"):
        People(file).score(["q", "q"], ["good", "bad"])
    lines = lines_of(file)
    write(file, [line | {"answer": 5 if line["response"] == "good" else 2} for line in lines])
    assert People(file).score(["q", "q"], ["bad", "good"]).tolist() == [2, 5]
    write(file, [lines[0] | {"answer": 9}])
    with pytest.raises(DataError, match=r"line 1: answer is 9\. Allowed: a number from 1 to 5"):
        People(file).score(["q"], ["good"])


def test_an_answer_that_is_none_names_its_line(tmp_path: Path) -> None:
    file, pairs = tmp_path / "q.jsonl", pairs_of(3)
    answered(file, pairs)
    lines = lines_of(file)
    write(file, [*lines[:2], lines[2] | {"answer": "b"}])
    with pytest.raises(DataError, match=r"q\.jsonl, line 3: answer is 'b'. Allowed: first, second, tie"):
        People(file).compare(pairs)
    file.write_text("not a question\n")
    with pytest.raises(DataError, match="line 1 is not a question"):
        People(file).compare(pairs)


def test_answers_that_contradict_each_other_are_named(tmp_path: Path) -> None:
    file, pairs = tmp_path / "q.jsonl", pairs_of(3)
    answered(file, pairs)
    lines = lines_of(file)
    other = "tie" if lines[0]["answer"] != "tie" else "first"
    write(file, [*lines, lines[0] | {"answer": other}])
    with pytest.raises(DataError, match=r"lines 1 and 4: question .* two answers that differ"):
        People(file).compare(pairs)
    write(file, [*lines, lines[0]])  # the same answer twice contradicts nothing
    assert len(People(file).compare(pairs)) == 3


def test_lines_that_an_editor_lost_are_asked_again(tmp_path: Path) -> None:
    file, pairs = tmp_path / "q.jsonl", pairs_of(3)
    answered(file, pairs)
    write(file, lines_of(file)[:2])
    with pytest.raises(WaitingError, match="1 of 3 questions have no answer yet"):
        People(file).compare(pairs)
    assert len(lines_of(file)) == 3


def test_files_as_editors_write_them(tmp_path: Path) -> None:
    file, pairs = tmp_path / "q.jsonl", made_pairs([("one\u2028line", "two")])
    answered(file, pairs)
    p = People(file).compare(pairs)
    lines = [json.dumps(line, ensure_ascii=False) for line in lines_of(file)]
    file.write_bytes(
        b"\xef\xbb\xbf" + "\n".join(lines).encode()
    )  # a mark, a raw line separator, no last line end
    assert People(file).compare(pairs).tolist() == p.tolist()


def test_an_answer_of_another_kind_does_not_count(tmp_path: Path) -> None:
    file, pairs = tmp_path / "q.jsonl", pairs_of(2)
    answered(file, pairs)
    write(file, [line | {"kind": "response", "answer": 5} for line in lines_of(file)])
    with pytest.raises(WaitingError, match="2 of 2"):
        People(file).compare(pairs)
    write(file, [line | {"kind": "respons"} for line in lines_of(file)])
    with pytest.raises(DataError, match=r"line 1: kind is 'respons'\. Allowed: pair, response"):
        People(file).compare(pairs)


@pytest.mark.parametrize(
    "changed", [{"id": "0" * 16}, {"first": "another text"}, {"second": 5}, {"prompt": None}], ids=str
)
def test_an_answer_to_a_question_that_nobody_asked_is_told(tmp_path: Path, changed: dict[str, Any]) -> None:
    file, pairs = tmp_path / "q.jsonl", pairs_of(2)
    answered(file, pairs)
    first, second = lines_of(file)
    write(file, [first, second | changed])
    with pytest.raises(DataError, match=r"line 2 answers a question that nobody asked: its id"):
        People(file).compare(pairs)
    write(file, [first, second | changed | {"answer": None}, second])  # an open line asks nothing of anybody
    assert len(People(file).compare(pairs)) == 2


def test_an_answer_about_a_conversation_is_known_by_its_turns(tmp_path: Path) -> None:
    turns = ({"role": "system", "content": "Be brief."}, {"role": "user", "content": "2 + 2?"})
    pairs = Pairs.of([Pair("1", "2 + 2?", "4", "four", messages=turns)])
    file = tmp_path / "q.jsonl"
    with pytest.raises(WaitingError):
        People(file).compare(pairs)
    write(file, [line | {"answer": "tie"} for line in lines_of(file)])
    assert People(file).compare(pairs).tolist() == [0.5]
    write(file, [line | {"conversation": list(turns[1:])} for line in lines_of(file)])
    with pytest.raises(DataError, match="nobody asked"):
        People(file).compare(pairs)


@pytest.mark.parametrize("scale", [(5, 1), (1, 1), ("a", 5)])
def test_a_scale_has_two_ends(scale: Any) -> None:
    with pytest.raises(ConfigError, match="scale is"):
        People("q.jsonl", scale=scale)
