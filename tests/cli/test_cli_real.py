"""`weaklabel run` on the three real preference sets: pairs to reward model, and the table at the end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from weaklabel.cli.main import main

pytestmark = pytest.mark.same_everywhere

SETS = {
    "mt_bench_train": ("mt_bench", 813),
    "ultrafeedback_train": ("ultrafeedback", 961),
    "hh_rlhf_train": ("hh", 1437),
}


@pytest.mark.parametrize("name", SETS)
def test_a_real_data_set_goes_from_pairs_to_the_table(
    name: str, shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    preset, n_pairs = SETS[name]
    file = shared / "data" / "preferences" / f"{name}.parquet"
    smaller = ("--set", "data.max_gold=150", "--set", "reward.settings.n_features=4096")
    arguments = [
        "run",
        "--pairs",
        str(file),
        "--lfs",
        f"shipped:{preset}",
        "--name",
        "real",
        *smaller,
        "--json",
    ]
    result = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert report["counts"]["pairs"] == n_pairs
    arms = {row["arm"] for row in report["rows"]}
    assert {"longer_response", "reward model: gold only", "reward model: + our labels"} <= arms
    assert all(row["low"] <= row["value"] <= row["high"] for row in report["rows"])
    exported = Path("runs/real/export/trl/train.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(exported[0])["p_chosen"] >= 0.5
