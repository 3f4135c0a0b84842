"""Answers join the pairs after the split: gold in dev, the locked part untouched, in memory as on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from weaklabel.data import PairsFile, convert_pairs, read_pairs
from weaklabel.data.answers import add_answers
from weaklabel.errors import GoldError
from weaklabel.types import Pairs

N = 60


def source(n: int = N) -> list[dict[str, Any]]:
    """Two pairs on each prompt; those of every third prompt have gold."""
    return [
        {
            "id": f"p{i}",
            "prompt": f"question {i // 2}",
            "response_a": f"answer {i}",
            "response_b": f"other {i}",
            "gold": "a" if i // 2 % 3 == 0 else None,
        }
        for i in range(n)
    ]


def answer(i: int, gold: str, **changed: str) -> dict[str, Any]:
    return source()[i] | {"gold": gold} | changed


def free(pairs: Pairs) -> list[int]:
    """Pairs in the pool, the first on each prompt."""
    return [i for i in range(0, N, 2) if pairs.parts[i] == "pool"]


def test_an_answer_is_gold_of_dev_and_so_is_its_prompt() -> None:
    before = read_pairs(source())
    i = free(before)[0]
    after = read_pairs(source(), answers=[answer(i, "b")])
    assert after.table["gold"][i].as_py() == "b"
    assert after.parts[i] == after.parts[i + 1] == "dev"
    rest = [k for k in range(N) if k not in (i, i + 1)]
    assert after.take(rest).table.equals(before.take(rest).table)
    assert after.set_aside == ()


@pytest.mark.parametrize("seed", range(5))
def test_no_number_of_answers_moves_a_prompt_into_the_locked_part_or_out_of_it(seed: int) -> None:
    before = read_pairs(source(), seed=seed)
    given = [answer(i, "b") for i in free(before)]
    after = read_pairs(source(), answers=given, seed=seed)
    assert ((before.parts == "test") == (after.parts == "test")).all()
    assert len(after.dev) == len(before.dev) + len(given)


def test_the_other_order_is_turned_and_what_is_redrawn_does_not_matter() -> None:
    i = free(read_pairs(source()))[0]
    row = source()[i]
    turned = answer(i, "a", response_a=row["response_b"], response_b=row["response_a"])
    assert read_pairs(source(), answers=[turned]).table["gold"][i].as_py() == "b"
    trl = [{"id": f"t{k}", "prompt": f"q{k}", "chosen": f"x{k}", "rejected": f"y{k}"} for k in range(8)]
    bare = [{name: each[name] for name in ("id", "prompt", "chosen", "rejected")} for each in trl]
    said = {"id": "t0", "prompt": "q0", "response_a": "x0", "response_b": "y0", "gold": "a"}
    for seed in range(4):
        pairs = read_pairs(bare, answers=[said], seed=seed)
        better = "response_a" if pairs.table["gold"][0].as_py() == "a" else "response_b"
        assert pairs.table[better][0].as_py() == "x0"


def test_what_cannot_be_used_is_set_aside_and_other_pairs_answers_are_left_alone() -> None:
    before = read_pairs(source())
    i, j = free(before)[:2]
    locked = next(k for k in range(N) if before.parts[k] == "test")
    known = next(k for k in range(N) if before.parts[k] == "dev" and before.has_gold[k])
    given = [
        answer(i, "b"),
        answer(j, "b", response_b="something else"),
        answer(locked, "b"),
        answer(known, "b"),
        {"id": "elsewhere", "prompt": "?", "response_a": "x", "response_b": "y", "gold": "a"},
    ]
    after = read_pairs(source(), answers=given)
    assert after.table["gold"][i].as_py() == "b"
    reasons = [row.reason for row in after.set_aside]
    assert len(reasons) == 3
    for words in ("not those of the pair", "locked test part", "has the gold 'a' already, and this says 'b'"):
        assert any(words in reason for reason in reasons)
    assert after.table["gold"][locked].as_py() == before.table["gold"][locked].as_py()


def test_hidden_gold_can_be_answered() -> None:
    """`max_gold` simulates scarce gold: an answer to a pair whose gold is hidden counts."""
    scarce = read_pairs(source(), max_gold=2)
    hidden = next(k for k in range(N) if source()[k]["gold"] and scarce.parts[k] == "pool")
    after = read_pairs(source(), max_gold=2, answers=[answer(hidden, "b")])
    assert (after.table["gold"][hidden].as_py(), after.parts[hidden]) == ("b", "dev")


def test_a_file_is_what_memory_is(tmp_path: Path) -> None:
    given = [answer(i, "tie") for i in free(read_pairs(source()))[:3]]
    written = convert_pairs(source(), tmp_path / "pairs.parquet", answers=given)
    assert written.n_answers == 3
    table = pq.read_table(tmp_path / "pairs.parquet").replace_schema_metadata(None)
    assert table.equals(read_pairs(source(), answers=given).table)


def test_answers_without_any_are_told(tmp_path: Path) -> None:
    with pytest.raises(GoldError, match="holds no gold"):
        read_pairs(source(), answers=[{"id": "p0", "gold": None}])


def test_taking_the_same_answers_twice_adds_nothing(tmp_path: Path) -> None:
    convert_pairs(source(), tmp_path / "pairs.parquet")
    file, kept = PairsFile(tmp_path / "pairs.parquet"), tmp_path / "gold_answers.jsonl"
    i, j, *_ = free(read_pairs(source()))
    asked = {f"p{i}": {"rule": "uncertainty", "value": 0.69, "p": 0.4}}
    first = add_answers(kept, [answer(i, "b"), answer(j, "a")], file, asked)
    assert (first.n_added, first.by_rule) == (1, {"uncertainty": (1, 0)})
    assert "was not asked" in first.set_aside[0].reason
    before = kept.read_bytes()
    again = add_answers(kept, [answer(i, "b")], file, asked)
    assert (again.n_added, again.n_known, kept.read_bytes()) == (0, 1, before)
    more = add_answers(kept, [answer(j, "a")], file, asked, unasked=True)
    assert more.n_added == 1
    assert kept.read_bytes().startswith(before)
    # A line that was torn by a full disk loses nothing but itself.
    with kept.open("ab") as out:
        out.write(b'{"id": "p')
    assert read_pairs(source(), answers=str(kept)).table["gold"][i].as_py() == "b"
