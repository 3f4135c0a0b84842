"""What every registered layout of pairs keeps: told from the others, gold with its text, order, ids, nothing lost."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from weaklabel.data import LAYOUTS, detect_layout, read_pairs, write_pairs
from weaklabel.errors import DataError, LayoutError
from weaklabel.types import Pairs

every = pytest.mark.parametrize("name", sorted(LAYOUTS))
Row = dict[str, Any]

ODD = 'one\u2028two\x85\u2029 three\r\nfour\t日本\U0001f642 e\u0301 \\n "quoted" שלום'


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def said(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


# A row in which `better` was preferred to `worse`, as people store it. A new layout adds its own.
EXAMPLES: dict[str, Callable[[str, str, str], Row]] = {
    "canonical": lambda q, better, worse: {
        "prompt": q,
        "response_a": worse,
        "response_b": better,
        "gold": "b",
    },
    "hh": lambda q, better, worse: {
        "chosen": f"\n\nHuman: {q}\n\nAssistant: {better}",
        "rejected": f"\n\nHuman: {q}\n\nAssistant: {worse}",
    },
    "mt_bench": lambda q, better, worse: {
        "conversation_a": [user(q), said(worse), user("More"), said("x")],
        "conversation_b": [user(q), said(better), user("More"), said("y")],
        "winner": "model_b",
        "turn": 1,
    },
    "ranked": lambda q, better, worse: {"prompt": q, "responses": [worse, better], "ratings": [1.0, 4.5]},
    "swift": lambda q, better, worse: {"messages": [user(q), said(better)], "rejected_response": worse},
    "trl": lambda q, better, worse: {"prompt": q, "chosen": better, "rejected": worse},
    "trl_implicit": lambda q, better, worse: {"chosen": f"{q} {better}", "rejected": f"{q} {worse}"},
    "ultrafeedback": lambda q, better, worse: {
        "prompt": q,
        "chosen": [user(q), said(better)],
        "rejected": [user(q), said(worse)],
        "score_chosen": 8.0,
        "score_rejected": 3.5,
    },
}

# Could be taken for another layout in silence, so only who names it gets it.
MUST_BE_NAMED = {"trl_implicit"}


def rows_of(name: str, n: int = 24, **more: Any) -> list[Row]:
    """Rows whose better text starts with "good", each about a prompt of its own."""
    return [EXAMPLES[name](f"Question {k}?", f"good {k}", f"bad {k}") | more for k in range(n)]


def pairs_of(name: str, source: Any, **settings: Any) -> Pairs:
    return read_pairs(source, layout=name if name in MUST_BE_NAMED else None, **settings)


def read(name: str, rows: list[Row], **settings: Any) -> list[Row]:
    return list(pairs_of(name, rows, **settings).table.to_pylist())


def better(row: Row) -> str:
    return str(row[f"response_{row['gold']}"])


@every
def test_a_layout_is_told_from_all_others_whatever_stands_beside_its_columns(name: str) -> None:
    rows = rows_of(name)
    for seen in (rows, rows[:1], [dict(reversed(row.items())) for row in rows], rows_of(name, topic="t")):
        if name in MUST_BE_NAMED:
            with pytest.raises((DataError, LayoutError)):
                read_pairs(seen)
        else:
            assert detect_layout(seen[0], seen).name == name


@every
def test_naming_a_layout_reads_what_is_read_without_its_name(name: str) -> None:
    assert read_pairs(rows_of(name), layout=name).table.to_pylist() == read(name, rows_of(name))


@every
@pytest.mark.parametrize("seed", [0, 1])
def test_gold_stays_with_the_text_that_was_preferred(name: str, seed: int) -> None:
    table = read(name, rows_of(name), seed=seed)
    assert [better(row) for row in table] == [f"good {k}" for k in range(24)]
    assert [row["prompt"] for row in table] == [f"Question {k}?" for k in range(24)]


@every
def test_the_order_is_the_sources_or_drawn_where_it_would_give_the_answer_away(name: str) -> None:
    table = read(name, rows_of(name))
    if LAYOUTS[name].redraws:
        assert (
            {row["gold"] for row in table} == {(row["swapped"] and "b") or "a" for row in table} == {"a", "b"}
        )
    else:  # the examples put the better text last
        assert {(row["gold"], row["swapped"]) for row in table} == {("b", False)}


@every
def test_the_order_depends_on_the_texts_and_the_seed_alone(name: str) -> None:
    def order(rows: list[Row], **settings: Any) -> dict[str, tuple[str, str, bool]]:
        table = read(name, rows, **settings)
        return {row["id"]: (row["response_a"], row["gold"], row["swapped"]) for row in table}

    rows = rows_of(name)
    assert order(rows).items() <= order([*rows_of(name, 30)[24:], *rows[::-1]]).items()
    if LAYOUTS[name].redraws:
        assert order(rows) != order(rows, seed=1)


@every
def test_the_opposite_verdict_is_the_same_pair_with_the_other_gold(name: str) -> None:
    here = read(name, rows_of(name))
    there = read(name, [EXAMPLES[name](f"Question {k}?", f"bad {k}", f"good {k}") for k in range(24)])
    assert [row["id"] for row in here] == [row["id"] for row in there]
    assert [better(row) for row in there] == [f"bad {k}" for k in range(24)]
    if LAYOUTS[name].redraws:
        assert [row["response_a"] for row in here] == [row["response_a"] for row in there]


@every
def test_an_id_comes_from_the_texts_or_is_the_one_given(name: str) -> None:
    made = [row["id"] for row in read(name, rows_of(name), seed=3)]
    assert made == [row["id"] for row in read(name, rows_of(name, topic="other"))]
    assert len(set(made)) == 24
    given = read(name, [row | {"id": f"q{k}"} for k, row in enumerate(rows_of(name))])
    assert [row["id"].split("/")[0] for row in given] == [f"q{k}" for k in range(24)]


@every
def test_every_row_is_a_pair_or_set_aside_with_its_line_and_reason(name: str) -> None:
    rows = rows_of(name)
    rows[3] = EXAMPLES[name]("Question 3?", "the same", "the same")
    rows[7] = EXAMPLES[name]("Question 7?", "half \ud800", "bad 7")
    rows[9] = dict.fromkeys(rows[9])
    pairs = pairs_of(name, rows)
    assert [row.line for row in pairs.set_aside] == [4, 8, 10]
    assert all(row.reason for row in pairs.set_aside)
    assert "identical" in pairs.set_aside[0].reason
    assert len(pairs) == 21


@every
def test_rows_of_which_most_cannot_be_used_are_an_error_with_the_first_reasons(name: str) -> None:
    rows = [EXAMPLES[name](f"Question {k}?", "same", "same") for k in range(6)] + rows_of(name, 4)
    with pytest.raises(DataError, match=r"6 of 10 rows cannot be used.*line 1: .*identical"):
        pairs_of(name, rows)


@every
def test_a_column_that_it_needs_and_does_not_find_is_named(name: str) -> None:
    (row,) = rows_of(name, 1)
    needed = [column for column in row if LAYOUTS[name].missing(frozenset(row) - {column})]
    assert needed
    for column in needed:
        rest = {key: value for key, value in row.items() if key != column}
        with pytest.raises(LayoutError, match=rf"layout '{name}' needs the column .*--columns"):
            read_pairs([rest], layout=name)


@every
def test_texts_of_odd_characters_come_in_as_they_are(name: str) -> None:
    (row,) = read(name, [EXAMPLES[name](f"Ask: {ODD}?", f"good {ODD}.", f"bad {ODD}.")])
    assert (row["prompt"], better(row)) == (f"Ask: {ODD}?", f"good {ODD}.")


@every
def test_a_file_is_read_as_its_rows_are(name: str, tmp_path: Path) -> None:
    rows = rows_of(name, topic="t")
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "x.parquet", row_group_size=7)
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (tmp_path / "x.jsonl").write_text(lines, encoding="utf-8")
    (tmp_path / "x.json").write_text(json.dumps(rows), encoding="utf-8")
    for ending in ("parquet", "jsonl", "json"):
        assert pairs_of(name, tmp_path / f"x.{ending}").table.to_pylist() == read(name, rows), ending


@every
def test_further_columns_come_along(name: str) -> None:
    assert {row["topic"] for row in read(name, rows_of(name, topic="t"))} == {"t"}


@every
def test_pairs_that_were_written_come_back_equal(name: str, tmp_path: Path) -> None:
    pairs = pairs_of(name, rows_of(name, topic="t"))
    write_pairs(pairs, tmp_path / "pairs.parquet")
    assert read_pairs(tmp_path / "pairs.parquet").table.equals(pairs.table)
