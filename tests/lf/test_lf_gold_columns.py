"""Columns that say what gold says, in any coding, are refused to every kind of function; others are left alone."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weaklabel import (
    apply,
    column_scores,
    column_verdict,
    crowd_workers,
    judge_column,
    judge_columns,
    labeling_function,
    read_pairs,
)
from weaklabel.data.sample import sample_pairs
from weaklabel.errors import DataError
from weaklabel.lf.discovery import fingerprint, load_spec
from weaklabel.lf.gold_columns import FEWEST, gold_column
from weaklabel.types import CANONICAL, Pairs
from weaklabel.workbench.check import check

RNG = np.random.default_rng(0)
N = 60
B = RNG.random(N) < 0.5  # gold in the order of the pairs
SWAPPED = RNG.random(N) < 0.5
SOURCE_B = B ^ SWAPPED  # gold in the order of the source
WINS, LOSES = [f"good answer {i}" for i in range(N)], [f"bad answer {i}" for i in range(N)]


def pairs_with(columns: dict[str, Any], gold: list[str | None] | None = None, n: int = N) -> Pairs:
    rows = [
        {
            "id": f"p{i}",
            "prompt": f"prompt {i}",
            "response_a": LOSES[i] if B[i] else WINS[i],
            "response_b": WINS[i] if B[i] else LOSES[i],
            "gold": ("b" if B[i] else "a") if gold is None else gold[i],
            "part": "dev",
            "swapped": bool(SWAPPED[i]),
        }
        for i in range(n)
    ]
    table = pa.Table.from_pylist(rows, schema=CANONICAL)
    for name, values in columns.items():
        table = table.append_column(name, pa.array(list(values)[:n]))
    return Pairs(table)


def reads(*columns: str, allow: bool = False) -> Any:
    return labeling_function(name="reader", columns=columns, allow=allow)(lambda pair: -1)


def either(side: np.ndarray[Any, Any], b: Any, a: Any) -> list[Any]:
    return [b if is_b else a for is_b in side]


SIGN = np.where(SOURCE_B, 1.0, -1.0)
SIZE = RNG.uniform(0.1, 3.0, N)
RANDOM = RNG.random(N)
MODELS = [("gpt", "llama"), ("llama", "gpt"), ("claude", "gpt")]
MODEL_A, MODEL_B = ([MODELS[i % 3][side] for i in range(N)] for side in (0, 1))

COPIES: dict[str, dict[str, Any]] = {
    "a word": {"winner": either(SOURCE_B, "model_b", "model_a")},
    "a word in the order of the pairs": {"winner": either(B, "model_b", "model_a")},
    "a code of any kind": {"code": either(SOURCE_B, "x7", "q")},
    "a number": {"label": either(SOURCE_B, 2, 1)},
    "a bool": {"first_is_better": either(SOURCE_B, False, True)},
    "degrees of preference": {"pref": [f"{'B' if b else 'A'}{'>' * (1 + i % 3)}" for i, b in enumerate(SOURCE_B)]},
    "a signed strength": {"strength": (SIGN * (1 + np.arange(N) % 3)).tolist()},
    "a margin": {"margin": (SIGN * SIZE).tolist()},
    "its other sign": {"margin": (-SIGN * SIZE).tolist()},
    "a probability": {"p": (0.5 + SIGN * SIZE / 7).tolist()},
    "two scores that change places": {
        "score_a": (RANDOM + np.where(B, 0, 1) * SIZE).tolist(),
        "score_b": (RANDOM + np.where(B, 1, 0) * SIZE).tolist(),
    },
    "two scores of the source": {
        "rm1": (RANDOM - SIGN * SIZE / 2).tolist(),
        "rm2": (RANDOM + SIGN * SIZE / 2).tolist(),
    },
    "two words": {"seen_a": either(B, "rejected", "chosen"), "seen_b": either(B, "chosen", "rejected")},
    "one of two that change places": {"rank_a": either(B, 2, 1), "rank_b": either(B, 1, 2)},
    "a column about the better one alone": {
        "model_a": [None if b else MODEL_A[i] for i, b in enumerate(B)],
        "model_b": [MODEL_B[i] if b else None for i, b in enumerate(B)],
    },
    "the better response itself": {"preferred": WINS},
    "the worse response itself": {"rejected_text": LOSES},
    "the better one's model": {
        "winner": [MODEL_B[i] if b else MODEL_A[i] for i, b in enumerate(B)],
        "model_a": MODEL_A,
        "model_b": MODEL_B,
    },
    "a copy with gaps": {"label": [None if i % 3 == 0 else int(b) for i, b in enumerate(SOURCE_B)]},
}  # fmt: skip


@pytest.mark.parametrize("what", COPIES)
def test_a_copy_of_gold_is_found_in_any_coding(what: str) -> None:
    columns = COPIES[what]
    pairs = pairs_with(columns)
    found = gold_column(reads(*columns), pairs)
    assert found is not None
    assert set(found.names) <= set(columns)
    with pytest.raises(DataError, match=r"'reader' reads column.* which says? what gold says.* allow = true"):
        apply([reads(*columns)], pairs)
    assert len(apply([reads(*columns, allow=True)], pairs)) == N


@pytest.mark.parametrize("name", ["score_a", "rank_b", "seen_a", "model_a"])
def test_one_column_of_two_is_enough(name: str) -> None:
    columns = next(columns for columns in COPIES.values() if name in columns)
    assert gold_column(reads(name), pairs_with(columns)) is not None


NOISY = [is_b ^ (i % 15 == 0) for i, is_b in enumerate(SOURCE_B)]
HONEST: dict[str, dict[str, Any]] = {
    "an id of its own for every row": {"uid": [f"u{i}" for i in range(N)]},
    "one value": {"split": ["train"] * N},
    "nothing": {"empty": [None] * N},
    "chance": {"coin": (RANDOM < 0.5).tolist(), "noise": RANDOM.tolist()},
    "a judge that is right in 14 of 15": {"judge": either(np.array(NOISY), "b", "a")},
    "scores that are right in 14 of 15": {"s_a": either(np.array(NOISY), 0.1, 0.9), "s_b": [0.5] * N},
    "names of models": {"model_a": MODEL_A, "model_b": MODEL_B},
    "a judge that speaks on few": {"judge": [int(b) if i < 25 else None for i, b in enumerate(SOURCE_B)]},
    "a text": {"category": [f"topic {i % 7}" for i in range(N)]},
    "lists": {"tags": [["x"] * (i % 3) for i in range(N)]},
    "the prompt again": {"question": [f"prompt {i}" for i in range(N)]},
}


@pytest.mark.parametrize("what", HONEST)
def test_a_column_that_only_goes_with_gold_is_left_alone(what: str) -> None:
    columns = HONEST[what]
    assert gold_column(reads(*columns), pairs_with(columns)) is None
    apply([reads(*columns)], pairs_with(columns))


@given(seed=st.integers(0, 10**6), n_values=st.integers(1, 40))
@settings(max_examples=150, deadline=None)
def test_columns_that_know_nothing_are_not_taken_for_gold(seed: int, n_values: int) -> None:
    rng = np.random.default_rng(seed)
    columns = {"x": rng.integers(0, n_values, N).tolist(), "y": rng.normal(size=N).tolist()}
    assert gold_column(reads("x", "y"), pairs_with(columns)) is None


@pytest.mark.parametrize(("n", "found"), [(FEWEST - 1, False), (FEWEST + 4, True)])
def test_a_score_of_rows_can_tell(n: int, found: bool) -> None:
    pairs = pairs_with({"winner": either(SOURCE_B, "b", "a")}, n=n)
    assert (gold_column(reads("winner"), pairs) is not None) == found


def test_ties_and_pairs_without_gold_do_not_matter() -> None:
    gold = [None if i % 5 == 0 else "tie" if i % 5 == 1 else ("b" if b else "a") for i, b in enumerate(B)]
    winner = [
        "tie" if g == "tie" else None if g is None else ("b" if s else "a")
        for g, s in zip(gold, SOURCE_B, strict=True)
    ]
    assert gold_column(reads("winner"), pairs_with({"winner": winner}, gold)) is not None


def test_gold_that_is_on_one_side_alone_tells_nothing() -> None:
    pairs = read_pairs(
        [{"prompt": f"p{i}", "chosen": "good", "rejected": "bad", "lang": "en"} for i in range(60)]
    )
    assert gold_column(reads("lang"), pairs) is None


# ------------------------------------------------------------------------------------ every kind of function
VERDICT = either(SOURCE_B, "B", "A")
SHOWN = either(RANDOM < 0.5, "b", "a")
IN_ORDER = ["first" if (v == "A") == (s == "a") else "second" for v, s in zip(VERDICT, SHOWN, strict=True)]
DATA = {
    **COPIES["two scores of the source"],
    "verdict": VERDICT,
    "shown": SHOWN,
    "in_order": IN_ORDER,
    "ab": either(SOURCE_B, "second", "first"),
    "ba": either(SOURCE_B, "first", "second"),
}
FUNCTIONS: dict[str, Callable[[bool], Any]] = {
    "scores": lambda allow: [column_scores("f", "rm1", "rm2", allow=allow)],
    "verdict": lambda allow: [column_verdict("f", "verdict", votes={"A": "a", "B": "b"}, allow=allow)],
    "verdict of one side": lambda allow: [column_verdict("f", "verdict", votes={"A": "a", "B": "abstain"}, allow=allow)],
    "judge in one order": lambda allow: judge_column("f", "verdict", "shown", votes={"A": "a", "B": "b"}, allow=allow),
    "judge by place": lambda allow: judge_column("f", "in_order", "shown", votes={"first": "first", "second": "second"}, allow=allow),
    "judge in both orders": lambda allow: [judge_columns("f", "ab", "ba", votes={"first": "first", "second": "second"}, allow=allow)],
    "reader": lambda allow: [reads("verdict", allow=allow)],
}  # fmt: skip


@pytest.mark.parametrize("kind", FUNCTIONS)
def test_every_kind_of_function_is_refused_unless_it_is_allowed(kind: str) -> None:
    pairs = pairs_with(DATA)
    with pytest.raises(DataError, match="what gold says on all"):
        apply(FUNCTIONS[kind](False), pairs)
    allowed = FUNCTIONS[kind](True)
    assert len(apply(allowed, pairs)) == N
    if (spec := allowed[0].spec) is not None:
        assert load_spec(spec).allow
        assert fingerprint(FUNCTIONS[kind](False)[0]) == fingerprint(allowed[0]), "it changes no vote"


def test_a_worker_who_is_the_gold_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "votes.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["worker", "id", "vote"])
        writer.writerows(["oracle", f"p{i}", "b" if b else "a"] for i, b in enumerate(SOURCE_B))
        writer.writerows(["human", f"p{i}", "b" if b else "a"] for i, b in enumerate(NOISY))
    oracle, human = sorted(crowd_workers(tmp_path / "votes.csv"), key=lambda lf: lf.name, reverse=True)
    pairs = pairs_with({})
    with pytest.raises(DataError, match=r"'crowd.oracle' reads column 'crowd.oracle:score_a', which says"):
        apply([oracle], pairs)
    assert gold_column(human, pairs) is None
    assert len(apply(crowd_workers(tmp_path / "votes.csv", allow=True), pairs)) == N


@pytest.mark.parametrize("column", ["gold", "part", "swapped"])
def test_what_the_schema_keeps_for_itself_is_read_by_no_column_function(column: str) -> None:
    lf = column_verdict("f", column, votes={"a": "a", "b": "b"}, allow=True)
    with pytest.raises(DataError, match=f"column '{column}' can hold the answer"):
        apply([lf], pairs_with({}))


def test_scores_that_the_layout_reads_gold_from_are_found() -> None:
    rows = [
        {"prompt": f"p{i}", "chosen": f"good {i}", "rejected": f"bad {i}", "score_chosen": 9 - i % 3, "score_rejected": i % 5}
        for i in range(60)
    ]  # fmt: skip
    pairs = read_pairs(rows)
    with pytest.raises(DataError, match="'rating' reads column 'score_a', which says what gold says"):
        apply([column_scores("rating", "score_a", "score_b")], pairs)


# ------------------------------------------------------------------------------------------------- check
def test_check_names_a_function_that_reads_gold_and_one_that_is_too_good() -> None:
    pairs = pairs_with(DATA)
    marked = labeling_function(name="marked")(lambda pair: int(pair.response_b.startswith("good")))
    found = check([*FUNCTIONS["scores"](False), marked], pairs)
    assert {(f.lf, f.code) for f in found.findings if f.code in ("WL116", "WL117")} == {
        ("f", "WL116"),
        ("f", "WL117"),
        ("marked", "WL117"),
    }
    assert found.exit_code == 1
    assert "columns 'rm1' and 'rm2', which say what gold says on all 60 pairs" in str(found)


def test_check_is_content_where_it_is_allowed_and_with_ordinary_functions() -> None:
    allowed = check(FUNCTIONS["scores"](True), pairs_with(DATA))
    assert not {f.code for f in allowed.findings} & {"WL116", "WL117"}
    longer = labeling_function(name="longer")(lambda pair: int(len(pair.response_b) > len(pair.response_a)))
    found = check([longer], sample_pairs(300, 200, 0))
    assert not {f.code for f in found.findings} & {"WL116", "WL117"}
