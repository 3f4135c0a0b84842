"""What holds for every labeling function that is shipped."""

from __future__ import annotations

import ast
import math
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weaklabel.lf.core import LabelingFunction, ResponseScorer
from weaklabel.lf.discovery import load_lfs
from weaklabel.types import ABSTAIN, Pair, swap_votes

LFS = load_lfs("shipped")
FOLDER = Path(__file__).resolve().parents[2] / "labeling_functions"
PREFERENCES = "data/preferences"
SETS = ("mt_bench_train", "ultrafeedback_train", "hh_rlhf_train")

any_lf = pytest.mark.parametrize("lf", LFS, ids=lambda lf: f"{lf.family}.{lf.name}")


@pytest.fixture(scope="module")
def real_pairs(shared: Path) -> list[Pair]:
    rows = [
        row for name in SETS for row in pq.read_table(shared / PREFERENCES / f"{name}.parquet").to_pylist()
    ]
    return [Pair(r["id"], r["prompt"], r["response_a"], r["response_b"]) for r in rows]


def test_at_least_25_response_scorers_are_shipped() -> None:
    assert sum(isinstance(lf, ResponseScorer) for lf in LFS) >= 25


def test_families_import_the_rooms_lf_and_text_and_the_standard_library_alone() -> None:
    for path in FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            modules += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for module in modules:
                known = module.partition(".")[0] in sys.stdlib_module_names
                room = ".".join(module.split(".")[:2])
                assert known or room in ("weaklabel.lf", "weaklabel.text"), path.name


@any_lf
def test_each_says_why_in_its_docstring(lf: LabelingFunction) -> None:
    assert len(lf.doc) > 10


@any_lf
def test_each_votes_on_real_pairs_without_faults(lf: LabelingFunction, real_pairs: list[Pair]) -> None:
    column = lf.vote_all(real_pairs)
    assert not column.faults
    assert (column.votes != ABSTAIN).any()


@any_lf
def test_each_is_antisymmetric_and_deterministic_on_real_pairs(
    lf: LabelingFunction, real_pairs: list[Pair]
) -> None:
    pairs = real_pairs[::7]
    once, turned = lf.vote_all(pairs), lf.vote_all([pair.swapped() for pair in pairs])
    fresh = lf.vote_all([Pair(p.id, str(p.prompt), str(p.response_a), str(p.response_b)) for p in pairs])
    assert np.array_equal(turned.votes, swap_votes(once.votes))
    assert np.array_equal(turned.margins, -once.margins, equal_nan=True)
    assert np.array_equal(fresh.margins, once.margins, equal_nan=True)


# Fragments that the scorers look for, so that random texts reach their branches.
_TRIGGERS = (
    "12 * 3 = 36|1/0 = 0|in two sentences|as JSON|```|\n- a|haiku|I can't|at least 5 words|start with 'Oh'|"
    "你好|привет как|\x00|\ud7ff|²³ ½|9999999999999999|?|\n\n|((((((|[[[[[["
)
_PIECES = st.sampled_from(_TRIGGERS.split("|"))
_ANY = st.lists(st.one_of(st.text(max_size=40), _PIECES), max_size=8).map(" ".join)


@settings(max_examples=60, deadline=None)
@given(_ANY, _ANY, _ANY)
def test_scores_are_finite_or_nan_on_any_text(prompt: str, a: str, b: str) -> None:
    for lf in LFS:
        column = lf.vote_all([Pair("1", prompt, a, b)])
        assert not column.faults, column.faults
        assert not math.isinf(column.margins[0]), lf.name


@pytest.mark.parametrize("piece", ["x", "1", "1 + ", "“", "\n", "- ", "[", "but love ", "(A"])
def test_a_megabyte_of_anything_is_scored(piece: str) -> None:
    # No time is asserted: a scorer whose cost grows with the square would not come back.
    pair = Pair("1", "Say it in two words.", piece * (1_000_000 // len(piece)), "Yes.")
    assert not any(lf.vote_all([pair]).faults for lf in LFS)
