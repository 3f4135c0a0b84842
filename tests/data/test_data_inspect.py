"""What `init` finds in a file: layout, columns by name and content, gold, and what it has to ask."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from weaklabel.data import read_pairs
from weaklabel.data.fields.nested import FILL_IN
from weaklabel.data.inspect import Found, look_at
from weaklabel.errors import DataError, LayoutError

TEXTS = [
    ("When does it turn?", "At six.", "Never."),
    ("How high?", "Two metres.", "High."),
    ("Why?", "The moon.", "So."),
]
SECOND = (False, True, False)


def sided(a: str, b: str, **columns: tuple[Any, Any] | Any) -> list[dict[str, Any]]:
    """Rows in which the better answer stands in `a` or in `b`; a column given as a pair says which."""
    rows = []
    for (question, good, bad), second in zip(TEXTS, SECOND, strict=True):
        cells = {name: v[second] if isinstance(v, tuple) else v for name, v in columns.items()}
        rows.append({"question": question, a: bad if second else good, b: good if second else bad, **cells})
    return rows


def found(tmp_path: Path, rows: list[dict[str, Any]]) -> Found:
    path = tmp_path / "d.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return look_at(str(path))


def better(tmp_path: Path, told: Found) -> list[str]:
    """The better responses, read with the settings that were found."""
    settings = {"layout": told.layout, "columns": told.columns, "gold_values": told.gold_values or None}
    table = read_pairs(tmp_path / "d.jsonl", **settings).table.to_pylist()
    return [row[f"response_{row['gold']}"] if row["gold"] else "" for row in table]


GOOD = [good for _, good, _ in TEXTS]


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("response_a", "response_b"),
        ("response_A", "response_B"),
        ("answer_1", "answer_2"),
        ("answer_0", "answer_1"),
        ("response1", "response2"),
        ("responseA", "responseB"),
        ("model_a_answer", "model_b_answer"),
        ("human_ref_A", "human_ref_B"),
        ("output_first", "output_second"),
        ("text_a", "text_b"),
    ],
)
def test_the_responses_are_found_by_their_names_among_columns_like_them(
    a: str, b: str, tmp_path: Path
) -> None:
    more = {
        f"{a}_source": "m",
        f"{b}_source": "n",
        f"is_{a}_safe": True,
        f"is_{b}_safe": False,
        f"{a}_len": 7,
        f"{b}_len": 8,
    }
    told = found(tmp_path, sided(a, b, verdict=("A>B", "B>A"), **more))
    assert (told.columns["prompt"], told.asked) == ("question", {})
    assert told.columns.get("gold") == "verdict"
    assert better(tmp_path, told) == GOOD


def test_a_layout_that_stands_as_it_is_is_named(tmp_path: Path) -> None:
    told = found(
        tmp_path, [{"question": q, "chosen": g, "rejected": b, "system_prompt": "S"} for q, g, b in TEXTS]
    )
    assert (told.layout, told.columns) == ("trl", {"prompt": "question", "system": "system_prompt"})
    assert sorted(better(tmp_path, told)) == sorted(GOOD)


def test_names_in_capitals_are_the_same_names(tmp_path: Path) -> None:
    told = found(tmp_path, [{"Prompt": q, "Chosen": g, "Rejected": b} for q, g, b in TEXTS])
    assert sorted(better(tmp_path, told)) == sorted(GOOD)


def test_the_prompt_is_found_inside_an_object(tmp_path: Path) -> None:
    rows = sided("answer_0", "answer_1", score_0=(1.0, -1.0), score_1=(-1.0, 1.0))
    rows = [{**row, "question": {"id": "7", "full_text": row["question"]}} for row in rows]
    told = found(tmp_path, rows)
    assert told.columns == {
        "prompt": "question.full_text",
        "response_a": "answer_0",
        "response_b": "answer_1",
    }
    assert 'add gold_a = "score_0", gold_b = "score_1" to columns' in told.lines[0]


def test_comparisons_of_summaries_are_read_with_their_choice(tmp_path: Path) -> None:
    rows = [
        {
            "info": {"post": q, "title": "t"},
            "summaries": [{"text": t} for t in ((b, g) if s else (g, b))],
            "choice": int(s),
        }
        for (q, g, b), s in zip(TEXTS, SECOND, strict=True)
    ]
    told = found(tmp_path, rows)
    assert told.gold_values == {"0": "a", "1": "b"}
    assert sorted(better(tmp_path, told)) == sorted(GOOD)


def test_the_number_of_the_better_response_is_gold_and_that_of_the_safer_one_is_not(tmp_path: Path) -> None:
    rows = sided("response_0", "response_1", better_response_id=(0, 1), safer_response_id=(1, 0))
    told = found(tmp_path, rows)
    assert told.columns["gold"] == "better_response_id"
    assert better(tmp_path, told) == GOOD


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        (
            {"labels": (1, 0)},
            r'gold may be in labels \(0, 1\): .* gold = "labels" .* gold_values = \{ "0" = "a", "1" = "b" \}',
        ),
        ({"overall_preference": (-2, 3)}, r'overall_preference.*\{ "<0" = "a", "0" = "tie", ">0" = "b" \}'),
        ({"winner": (1, 2)}, r"gold in column 'winner' holds 1, 2"),
        ({"winner": ("left", "right")}, r'"left" = "a", "right" = "b"'),
    ],
)
def test_what_may_be_gold_is_told_and_not_taken(columns: dict[str, Any], words: str, tmp_path: Path) -> None:
    import re

    told = found(tmp_path, sided("response_a", "response_b", **columns))
    assert "gold" not in told.columns
    assert re.search(words, told.lines[0])


def test_a_file_that_names_nothing_asks_with_a_value_of_each_column(tmp_path: Path) -> None:
    told = found(tmp_path, [{"frage": q, "gut": g, "schlecht": b, "nr": 1} for q, g, b in TEXTS])
    assert told.columns == dict.fromkeys(("prompt", "response_a", "response_b"), FILL_IN)
    assert told.asked["response_a"] == [
        ("frage", "When does it turn?"),
        ("gut", "At six."),
        ("schlecht", "Never."),
    ]


def test_a_prompt_that_can_be_two_columns_is_asked_alone(tmp_path: Path) -> None:
    told = found(tmp_path, [{"question": q, "context": "c", "chosen": g, "rejected": b} for q, g, b in TEXTS])
    assert told.columns == {"chosen": "chosen", "rejected": "rejected", "prompt": FILL_IN}
    assert [name for name, _ in told.asked["prompt"]] == ["question", "context"]


def test_more_than_two_response_columns_are_asked_about(tmp_path: Path) -> None:
    told = found(
        tmp_path, [{"prompt": q, "response_1": g, "response_2": b, "response_3": "z"} for q, g, b in TEXTS]
    )
    assert told.columns == {"prompt": "prompt", "response_a": FILL_IN, "response_b": FILL_IN}


def test_one_response_in_a_row_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(LayoutError, match="each row holds one response"):
        found(tmp_path, [{"question": q, "answer": g, "score": 3} for q, g, _ in TEXTS])


def test_a_file_without_rows_is_refused(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("prompt,response_a,response_b\n")
    with pytest.raises(DataError, match="holds no rows"):
        look_at(str(tmp_path / "d.csv"))
