"""The order of the two responses means nothing: swapped pairs with turned beliefs give the same export."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_labels import build_labels, swapped_labels, with_interval

from weaklabel.export import EXPORTERS
from weaklabel.types import Labels

GRID = 1024  # ends of intervals whose distance from 1 float64 holds exactly
TURNED = {"a": "b", "b": "a", "tie": "tie", None: None}


@st.composite
def drawn_labels(draw: st.DrawFn) -> Labels:
    """A few labelled pairs, some of one prompt, with an interval around each belief or none at all."""
    logits = draw(st.lists(st.sampled_from([-3.0, -0.5, 0.25, 1.0, 2.0]), min_size=1, max_size=8))
    weights = [draw(st.sampled_from([0.5, 1.0, 2.0])) for _ in logits]
    prompts = [draw(st.sampled_from(["q", "r", "s"])) for _ in logits]
    columns = zip(prompts, logits, weights, strict=True)
    labels = build_labels(
        rows=[(f"p{k}", prompt, None, None, "pool", z, w) for k, (prompt, z, w) in enumerate(columns)]
    )
    if draw(st.booleans()):
        return labels
    wider = draw(st.integers(0, 40))
    low = np.maximum(np.floor(labels.p * GRID) - wider, 0) / GRID
    high = np.minimum(np.ceil(labels.p * GRID) + wider, GRID) / GRID
    return with_interval(labels, low, high)


def rows_of(folder: Path) -> list[dict[str, Any]]:
    for file in sorted(folder.iterdir()):
        if file.suffix == ".jsonl":
            return [json.loads(line) for line in file.read_text(encoding="utf-8").split("\n") if line]
        if file.suffix == ".parquet":
            return pq.read_table(file).to_pylist()
        if file.suffix == ".arrow":
            return pa.ipc.open_stream(file.read_bytes()).read_all().to_pylist()
    raise AssertionError(f"no data in {folder}")


def turned(row: dict[str, Any]) -> dict[str, Any]:
    """A row about a pair with its responses in the other order; rows about chosen or single responses as they are."""
    if "response_a" not in row:
        return row
    low, high = row["p_low"], row["p_high"]
    return row | {
        "response_a": row["response_b"],
        "response_b": row["response_a"],
        "p": 1 - row["p"],
        "p_low": None if high is None else 1 - high,
        "p_high": None if low is None else 1 - low,
        "logit": -row["logit"],
        "label": TURNED[row["label"]],
        "swapped": not row["swapped"],
        "vote:lf": row["vote:lf"] if row["vote:lf"] < 0 else 1 - row["vote:lf"],
    }


@pytest.mark.parametrize("name", sorted(EXPORTERS))
@settings(max_examples=25)
@given(drawn_labels())
def test_swapping_every_pair_gives_the_same_export(name: str, labels: Labels) -> None:
    if name == "datasets":
        pytest.importorskip("datasets")
    with tempfile.TemporaryDirectory() as folder:
        one, other = Path(folder) / "one", Path(folder) / "other"
        EXPORTERS[name](labels, one)
        EXPORTERS[name](swapped_labels(labels), other)
        assert rows_of(one) == [turned(row) for row in rows_of(other)]


@pytest.mark.parametrize(
    ("name", "belief"), [("trl", "p_chosen"), ("openrlhf", "p_chosen"), ("trl_kto", "p_desirable")]
)
@settings(max_examples=25)
@given(drawn_labels())
def test_an_interval_holds_its_belief_and_is_written_where_the_labels_have_one(
    name: str, belief: str, labels: Labels
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        EXPORTERS[name](labels, Path(folder) / "out")
        rows = rows_of(Path(folder) / "out")
    for row in rows:
        low, p, high = (row[belief + end] for end in ("_low", "", "_high"))
        assert (row.get("label", True) is True) == (p > 0.5)
        if labels.p_low is None:
            assert low is high is None
        else:
            assert 0 <= low <= p <= high <= 1
