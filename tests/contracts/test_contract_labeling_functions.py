"""What every shipped labeling function keeps: votes turn round with the pair, the same ones in any company, no faults."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from odd_texts import odd_texts

from weaklabel.data import read_pairs
from weaklabel.lf import check_labeling_function, load_lfs
from weaklabel.lf.core import LabelingFunction, ResponseScorer
from weaklabel.types import ABSTAIN, Pair, swap_votes

LFS = load_lfs("shipped", "shipped:mathematics")
SETS = ("mt_bench_train", "ultrafeedback_train", "hh_rlhf_train")

every = pytest.mark.parametrize("lf", LFS, ids=lambda lf: f"{lf.family}.{lf.name}")


@pytest.fixture(scope="module")
def real_pairs(shared: Path) -> list[Pair]:
    """All pairs of three data sets, with texts that remember what is known of them from function to function.

    And solutions of two models to mathematical questions, of which the other sets have few.
    """
    files = [shared / "data" / "preferences" / f"{name}.parquet" for name in SETS]
    found = [pair for file in files for pair in read_pairs(file).iter_pairs()]
    folder = shared / "data" / "gsm8k"
    questions = {row["id"]: row["question"] for row in pq.read_table(folder / "test_dev.parquet").to_pylist()}
    solutions = pq.read_table(folder / "test_dev_model_solutions.parquet").to_pylist()
    by_model = {(row["model"], row["question_id"]): row["solution"] for row in solutions}
    return found + [
        Pair(id_, question, by_model["6b_finetuning", id_], by_model["175b_finetuning", id_])
        for id_, question in questions.items()
    ]


def test_at_least_25_response_scorers_are_shipped() -> None:
    assert sum(isinstance(lf, ResponseScorer) for lf in LFS) >= 25


@every
def test_each_says_why_in_its_docstring(lf: LabelingFunction) -> None:
    assert len(lf.doc) > 10


@every
def test_each_votes_on_real_pairs_without_faults(lf: LabelingFunction, real_pairs: list[Pair]) -> None:
    column = lf.vote_all(real_pairs)
    assert not column.faults
    assert (column.votes != ABSTAIN).any()


@every
def test_each_keeps_its_contract_on_real_pairs(lf: LabelingFunction, real_pairs: list[Pair]) -> None:
    # Antisymmetry, determinism on texts that remember nothing, independence of order and company.
    assert check_labeling_function(lf, real_pairs[::7]) == []


@every
def test_each_keeps_its_contract_on_awkward_pairs(lf: LabelingFunction) -> None:
    assert check_labeling_function(lf) == []


# Fragments that the scorers look for, so that random texts reach their branches.
_TRIGGERS = (
    "12 * 3 = 36|1/0 = 0|in two sentences|as JSON|```|\n- a|haiku|I can't|at least 5 words|start with 'Oh'|"
    "你好|привет как|\x00|\ud7ff|²³ ½|9999999999999999|?|\n\n|((((((|[[[[[["
)
_PIECES = st.sampled_from(_TRIGGERS.split("|"))
_ANY = st.lists(st.one_of(st.text(max_size=40), _PIECES, odd_texts), max_size=8).map(" ".join)


@settings(max_examples=60)
@given(_ANY, _ANY, _ANY)
def test_any_text_is_scored_and_turns_round(prompt: str, a: str, b: str) -> None:
    there = [Pair("1", prompt, a, b), Pair("2", prompt, b, a + b), Pair("3", a, prompt, b)]
    for lf in LFS:
        column = lf.vote_all([*there, *(pair.swapped() for pair in there)])
        assert not column.faults, column.faults
        assert not np.isinf(column.margins).any(), lf.name
        assert np.array_equal(column.votes[3:], swap_votes(column.votes[:3])), lf.name
        assert np.array_equal(column.margins[3:], -column.margins[:3], equal_nan=True), lf.name


@pytest.mark.parametrize("piece", ["x", "1", "1 + ", "“", "\n", "- ", "[", "but love ", "(A"])
def test_a_megabyte_of_anything_is_scored(piece: str) -> None:
    # No time is asserted: a scorer whose cost grows with the square would not come back.
    pair = Pair("1", "Say it in two words.", piece * (1_000_000 // len(piece)), "Yes.")
    assert not any(lf.vote_all([pair]).faults for lf in LFS)
