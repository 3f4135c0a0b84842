"""Presets of the reference paper: the right functions, and on its MT-Bench file its published figures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from weaklabel.lf.core import ResponseScorer
from weaklabel.lf.discovery import load_lfs
from weaklabel.lf.votes import BatchVotes
from weaklabel.types import ABSTAIN, Pair

SIX = ["length", "reading_ease", "lexical_diversity", "vader_polarity", "numbers", "patterns"]
LISTS = ["rude_words", "harmful_topics", "careless_words"]

# Coverage and accuracy of "MT train" in section 2.4 of the methods notes (n = 898).
PUBLISHED = {
    "length": (0.953, 0.700),
    "reading_ease": (0.693, 0.605),
    "lexical_diversity": (0.621, 0.674),
    "vader_polarity": (0.699, 0.594),
    "numbers": (0.635, 0.635),
}


@pytest.mark.parametrize(
    ("preset", "names"), [("hh", SIX + LISTS), ("ultrafeedback", SIX), ("mt_bench", SIX)]
)
def test_each_preset_holds_what_the_paper_used(preset: str, names: list[str]) -> None:
    assert [lf.name for lf in load_lfs(f"shipped:{preset}")] == names


@pytest.mark.parametrize(("preset", "gap"), [("hh", 3), ("ultrafeedback", 1), ("mt_bench", 1)])
def test_the_gap_of_numbers_follows_the_data_set(preset: str, gap: float) -> None:
    (numbers,) = (lf for lf in load_lfs(f"shipped:{preset}") if lf.name == "numbers")
    assert isinstance(numbers, ResponseScorer)
    assert numbers.min_gap == gap


@pytest.fixture(scope="module")
def published(shared: Path) -> tuple[np.ndarray, dict[str, BatchVotes]]:
    table = pq.read_table(shared / "data/preferences/mt_bench_train_as_published.parquet").to_pylist()
    pairs = [Pair(row["id"], row["prompt"], row["response_a"], row["response_b"]) for row in table]
    columns = {lf.name: lf.vote_all(pairs) for lf in load_lfs("shipped:mt_bench")}
    return np.array([row["label"] for row in table]), columns


@pytest.mark.parametrize("name", PUBLISHED)
def test_coverage_and_accuracy_are_the_papers_to_two_points(
    name: str, published: tuple[np.ndarray, dict[str, BatchVotes]]
) -> None:
    label, columns = published
    votes = columns[name].votes
    speaks = votes != ABSTAIN
    coverage, accuracy = PUBLISHED[name]
    assert speaks.mean() == pytest.approx(coverage, abs=0.02)
    assert (votes == label)[speaks].mean() == pytest.approx(accuracy, abs=0.02)
