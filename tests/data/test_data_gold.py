"""Gold in a file of its own: joined by id, checked against the texts, and nothing of it lost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from weaklabel.data import read_pairs
from weaklabel.errors import GoldError
from weaklabel.types import Pairs

PAIRS = [{"id": f"p{i}", "prompt": f"Q{i}", "response_a": f"x{i}", "response_b": f"y{i}"} for i in range(4)]


def read(*gold: dict[str, Any], pairs: Any = PAIRS) -> Pairs:
    return read_pairs(pairs, gold=list(gold))


def gold_of(pairs: Pairs) -> list[str | None]:
    return list(pairs.table["gold"].to_pylist())


@pytest.mark.parametrize("name", ["gold", "label", "winner", "preferred"])
def test_gold_is_joined_by_id(name: str) -> None:
    pairs = read({"id": "p2", name: "b"}, {"id": "p0", name: "tie"})
    assert gold_of(pairs) == ["tie", None, "b", None]
    assert pairs.parts.tolist().count("pool") == 2


def test_gold_from_a_file_and_from_a_table(tmp_path: Path) -> None:
    (tmp_path / "gold.csv").write_text("id,label\np1,0\n")
    assert gold_of(read_pairs(PAIRS, gold=tmp_path / "gold.csv"))[1] == "a"
    assert gold_of(read_pairs(PAIRS, gold=pa.table({"id": ["p1"], "gold": ["b"]})))[1] == "b"


def test_reversed_texts_flip_the_gold() -> None:
    pairs = read(
        {"id": "p0", "gold": "a", "response_a": "y0", "response_b": "x0"},
        {"id": "p1", "gold": "a", "response_a": "x1", "response_b": "y1"},
    )
    assert gold_of(pairs)[:2] == ["b", "a"]


def test_texts_of_another_pair_are_an_error() -> None:
    with pytest.raises(GoldError, match="line 1, id 'p0': its responses are not those of the pair"):
        read({"id": "p0", "gold": "a", "response_a": "x1", "response_b": "y1"})


def test_a_prompt_of_another_pair_is_an_error() -> None:
    with pytest.raises(GoldError, match="line 1, id 'p0': its prompt is not that of the pair"):
        read({"id": "p0", "gold": "a", "prompt": "other"})


def test_ids_without_a_pair_are_reported() -> None:
    pairs = read({"id": "p0", "gold": "a"}, {"id": "zz", "gold": "b"})
    assert [(row.line, row.reason) for row in pairs.set_aside] == [(2, "no pair has the id 'zz'")]


def test_gold_of_which_no_id_matches_is_an_error() -> None:
    with pytest.raises(
        GoldError, match=r"none of its 1 ids is that of a pair. Gold has 'zz'; the pairs have 'p0'"
    ):
        read({"id": "zz", "gold": "b"})


def test_contradictory_gold_is_no_gold_and_is_reported() -> None:
    pairs = read({"id": "p0", "gold": "a"}, {"id": "p0", "gold": "b"}, {"id": "p1", "gold": "a"})
    assert gold_of(pairs)[:2] == [None, "a"]
    assert [row.line for row in pairs.set_aside] == [1, 2]
    assert "contradictory gold for id 'p0'" in pairs.set_aside[0].reason


def test_the_same_gold_twice_in_both_orders_is_no_contradiction() -> None:
    pairs = read(
        {"id": "p0", "gold": "a", "response_a": "x0", "response_b": "y0"},
        {"id": "p0", "gold": "b", "response_a": "y0", "response_b": "x0"},
    )
    assert (gold_of(pairs)[0], pairs.set_aside) == ("a", ())


def test_a_gold_value_that_means_nothing_is_an_error() -> None:
    with pytest.raises(GoldError, match="line 1: gold value 'c'"):
        read({"id": "p0", "gold": "c"})


@pytest.mark.parametrize(("row", "missing"), [({"gold": "a"}, "id"), ({"id": "p0", "best": "a"}, "gold")])
def test_a_gold_file_without_its_columns_is_an_error(row: dict[str, Any], missing: str) -> None:
    with pytest.raises(GoldError, match=f"has no column '{missing}'. Found: "):
        read(row)


def test_a_gold_file_without_gold_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "gold.jsonl").write_text('{"id": "p0", "gold": null}\n')
    with pytest.raises(GoldError, match=r"gold\.jsonl holds no gold"):
        read_pairs(PAIRS, gold=str(tmp_path / "gold.jsonl"))


def test_bad_rows_of_a_gold_file_are_set_aside(tmp_path: Path) -> None:
    (tmp_path / "gold.jsonl").write_text('{"id": "p0", "gold": "a"}\n{"id": "p1"\n{"gold": "a"}\n')
    pairs = read_pairs(PAIRS, gold=tmp_path / "gold.jsonl")
    assert sorted(row.line for row in pairs.set_aside) == [2, 3]


def test_gold_for_redrawn_pairs_needs_texts() -> None:
    groups = [{"id": "g", "prompt": "Q", "responses": ["x", "y"]}]
    with pytest.raises(GoldError, match=r"order of these pairs was redrawn.*Add the columns response_a"):
        read({"id": "g/0-1", "gold": "a"}, pairs=groups)
    told = {"id": "g/0-1", "gold": "a", "response_a": "y", "response_b": "x"}
    row = read(told, pairs=groups).table.to_pylist()[0]
    assert row[f"response_{row['gold']}"] == "y"


def test_gold_can_be_joined_to_pairs_that_were_read_already(tmp_path: Path) -> None:
    unlabelled = read_pairs(PAIRS)
    assert set(unlabelled.parts) == {"pool"}
    pairs = read_pairs(unlabelled, gold=[{"id": f"p{i}", "gold": "a"} for i in range(4)])
    assert sorted(pairs.parts) == ["dev", "dev", "test", "test"]


def test_gold_of_one_class_only_is_read(tmp_path: Path) -> None:
    (tmp_path / "gold.jsonl").write_text(
        "".join(json.dumps({"id": f"p{i}", "gold": "b"}) + "\n" for i in range(4))
    )
    assert gold_of(read_pairs(PAIRS, gold=tmp_path / "gold.jsonl")) == ["b"] * 4
