"""The reference paper's label-model accuracy on MT-Bench as published: .680 (Hauptvogel et al. 2024, our re-run)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from weaklabel.label_models import get_label_model
from weaklabel.lf.discovery import load_lfs
from weaklabel.metrics import accuracy, ece
from weaklabel.types import Pair, Text

pytestmark = pytest.mark.trains


@pytest.fixture(scope="module")
def votes_and_gold(shared: Path) -> tuple[np.ndarray, np.ndarray]:
    file = shared / "data" / "preferences" / "mt_bench_train_as_published.parquet"
    rows = pq.read_table(file, columns=["id", "prompt", "response_a", "response_b", "label"]).to_pylist()
    texts: dict[str, Text] = {}
    pairs = [
        Pair(
            row["id"],
            *(texts.setdefault(row[key], Text(row[key])) for key in ("prompt", "response_a", "response_b")),
        )
        for row in rows
    ]
    L = np.column_stack([lf.vote_all(pairs).votes for lf in load_lfs("shipped:mt_bench")])
    return L, np.array([row["label"] for row in rows], dtype=float)


def test_snorkel_reaches_the_accuracy_of_the_paper_and_its_overconfidence(votes_and_gold):
    pytest.importorskip("snorkel")
    L, y = votes_and_gold
    p = get_label_model("snorkel", l2=0.6).fit(L).predict_proba(L)[:, 1]
    assert accuracy(p, y) == pytest.approx(0.680, abs=0.02)
    assert ece(p, y) == pytest.approx(0.250, abs=0.03)


def test_majority_vote_reaches_its_accuracy(votes_and_gold):
    L, y = votes_and_gold
    p = get_label_model("majority_vote").fit(L).predict_proba(L)[:, 1]
    assert accuracy(p, y) == pytest.approx(0.665, abs=0.02)
