"""The real files under ../shared read as their README says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from weaklabel.data import convert_pairs, read_pairs

COUNTS = [
    ("hh_rlhf_train", 1437, 1437, 721, 716),
    ("mt_bench_train", 813, 79, 390, 423),
    ("mt_bench_train_as_published", 896, 385, 446, 450),
    ("ultrafeedback_train", 961, 961, 505, 456),
    ("mt_bench_judged", 172, 70, 97, 75),
]


@pytest.mark.parametrize(("name", "rows", "prompts", "a", "b"), COUNTS)
def test_rows_prompts_and_label_balance(
    shared: Path, name: str, rows: int, prompts: int, a: int, b: int
) -> None:
    pairs = read_pairs(shared / "data" / "preferences" / f"{name}.parquet")
    assert (len(pairs), int((pairs.y == 0).sum()), int((pairs.y == 1).sum())) == (rows, a, b)
    assert pairs.set_aside == ()
    # White space is folded before prompts are compared, so there may be fewer, never more.
    assert prompts - 2 <= len(np.unique(pairs.prompt_groups)) <= prompts


@pytest.mark.parametrize("name", ["hh_rlhf_train", "mt_bench_train", "ultrafeedback_train"])
def test_half_of_the_gold_is_locked_by_prompt(shared: Path, name: str) -> None:
    pairs = read_pairs(shared / "data" / "preferences" / f"{name}.parquet")
    groups = pairs.prompt_groups
    assert not set(groups[pairs.parts == "dev"]) & set(groups[pairs.parts == "test"])
    assert abs((pairs.parts == "test").mean() - 0.5) < 0.02


def test_conversations_come_out_of_their_json(shared: Path) -> None:
    pairs = read_pairs(shared / "data" / "preferences" / "hh_rlhf_train.parquet")
    turns = [len(messages) for messages in pairs.table["messages"].to_pylist()]
    assert np.mean([n > 1 for n in turns]) == pytest.approx(0.69, abs=0.01)


def test_streaming_a_real_file_gives_what_reading_it_gives(shared: Path, tmp_path: Path) -> None:
    path = shared / "data" / "preferences" / "mt_bench_train.parquet"
    assert convert_pairs(path, tmp_path / "p.parquet").n_pairs == 813
    assert read_pairs(tmp_path / "p.parquet").table.equals(read_pairs(path).table)
