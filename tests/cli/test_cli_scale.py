"""Commands for many pairs: reading into shards, sharing the shards out, what voting cost, the sample in memory."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from weaklabel.cli._costs import profile, summary
from weaklabel.cli.main import main
from weaklabel.data.sample import write_sample
from weaklabel.engine.driver import Progress

pytestmark = pytest.mark.same_everywhere


LFS = """
from weaklabel import response_scorer

@response_scorer
def lines(response):
    return len(response.lines)

@response_scorer(prefer="less")
def shouts(response):
    return response.count("!")
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("weaklabel.data.writing.ROW_GROUP", 32)
    monkeypatch.setattr("weaklabel.pipeline.figures.snorkel_is_installed", lambda: False)
    write_sample(tmp_path, n_pairs=200, n_gold=90, seed=3)
    (tmp_path / "lfs.py").write_text(LFS, encoding="utf-8")
    (tmp_path / "weaklabel.toml").write_text(
        '[data]\npairs = "pairs.jsonl"\ngold = "gold.jsonl"\n[lfs]\nuse = ["lfs.py"]\n'
        "[reward]\nsettings = { n_features = 1024 }\n[export.trl]\n[export.parquet]\n",
        encoding="utf-8",
    )
    return tmp_path


def run(*words: str):
    return CliRunner().invoke(main, words)


def votes_in(store: Path) -> dict[str, bytes]:
    return {str(p.relative_to(store)): p.read_bytes() for p in sorted(store.rglob("*.parquet"))}


def test_read_says_how_many_shards_there_are(project: Path) -> None:
    found = json.loads(run("read", "--json").stdout)
    assert (found["n_pairs"], found["n_shards"], found["in_memory"]) == (200, 7, 200)


def test_the_jobs_of_an_array_leave_nothing_to_do_and_the_same_bytes(project: Path) -> None:
    whole = json.loads(run("apply", "--name", "whole", "--json").stdout)
    assert whole["cost"]["computed"] == 14
    before = votes_in(project / ".weaklabel" / "votes")
    for file in (project / ".weaklabel" / "votes").rglob("*.parquet"):
        file.unlink()
    done = [json.loads(run("apply", "--shards", f"{i}/3", "--json").stdout)["n_pairs"] for i in (2, 1, 3)]
    assert sum(done) == 200
    last = json.loads(run("apply", "--json").stdout)
    assert last["cost"]["computed"] == 0
    assert last["lfs"] == whole["lfs"]
    assert votes_in(project / ".weaklabel" / "votes") == before


@pytest.mark.parametrize("part", ["0/3", "4/3", "1", "x/y"])
def test_a_part_that_is_none_is_a_usage_error(project: Path, part: str) -> None:
    found = run("apply", "--shards", part)
    assert found.exit_code == 2
    assert "Example: --shards 3/16" in found.output


def test_with_a_sample_in_memory_every_pair_is_labelled_and_exported(project: Path) -> None:
    assert run("run", "--name", "all").exit_code == 0
    found = run("run", "--name", "few", "--set", "data.sample=40")
    assert found.exit_code == 0, found.output
    table = pq.read_table(project / "runs/few/labels.parquet")
    assert table["id"].to_pylist() == pq.read_table(project / "runs/all/labels.parquet")["id"].to_pylist()
    in_memory = pq.read_table(project / "runs/few/sample.parquet")
    assert 90 <= len(in_memory) < 170
    assert in_memory["gold"].null_count == len(in_memory) - 90
    assert "labels and exports are of all" in found.output
    card = (project / "runs/few/export/trl/README.md").read_text()
    assert "of 200 labelled pairs" in card


def test_a_pair_outside_the_sample_is_explained_too(project: Path) -> None:
    assert run("label", "--set", "data.sample=0").exit_code == 0
    outside = set(pq.read_table("runs/base/pairs.parquet")["id"].to_pylist())
    outside -= set(pq.read_table("runs/base/sample.parquet")["id"].to_pylist())
    pair_id = min(outside)
    found = run("label", "--set", "data.sample=0", "--explain", pair_id, "--json")
    assert json.loads(found.stdout)["id"] == pair_id


def test_labels_do_not_depend_on_whether_they_were_made_in_memory_or_by_shards(project: Path) -> None:
    from weaklabel.config import load_config
    from weaklabel.pipeline import Run
    from weaklabel.pipeline.steps.label import labels_by_shard, write_labels

    made = Run(load_config())
    _ = made.labels_file
    counts = write_labels(project / "again.parquet", labels_by_shard(made.labeler, made.file, made.stored))
    assert counts == made.plan.label.counts
    one, two = pq.read_table("runs/base/labels.parquet"), pq.read_table("again.parquet")
    assert one.equals(two)


def test_a_model_that_counts_is_fitted_on_all_pairs_though_few_are_in_memory(project: Path) -> None:
    from weaklabel.pipeline.loading import load

    for name, sample in (("all", "50000"), ("few", "10")):
        found = run("fit", "--name", name, "--model", "moments", "--set", f"data.sample={sample}")
        assert found.exit_code == 0, found.output
    one, two = (load(f"runs/{name}/labeler").model.to_dict() for name in ("all", "few"))
    assert one == two


def test_profile_prints_the_cost_of_every_function(project: Path) -> None:
    found = run("apply", "--profile")
    assert "labeling function" in found.stderr
    assert "shouts" in found.stderr


STATE = Progress(1000, {"slow": 9.0, "quick": 1.0}, done_pairs=600, computed=6, computed_pairs=400, faults=2)


def test_progress_tells_faults_and_the_slowest() -> None:
    assert STATE.told == "2 faults; slow 90%, quick 10%"


def test_the_summary_names_the_slowest_first() -> None:
    assert "slowest: slow 9.0 s (90%), quick 1.0 s (10%)" in summary(STATE)
    assert summary(Progress(10, {"a": 0.0})) == ""


def test_the_profile_gives_microseconds_a_pair() -> None:
    line = next(line for line in profile(STATE).split("\n") if line.startswith("slow"))
    assert line.split() == ["slow", "9.00", "90.0%", "22500.0"]
