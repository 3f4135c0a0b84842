"""`weaklabel shift`: other pairs against those of a run."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from command_line import run

from weaklabel.data.sample import sample_pairs, write_sample
from weaklabel.labeler import Labeler


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shift")
    write_sample(folder, n_pairs=400, n_gold=100)
    (folder / "weaklabel.toml").write_text(
        '[data]\npairs = "pairs.jsonl"\ngold = "gold.jsonl"\n[lfs]\nuse = ["shipped:length"]\n'
        '[labeler]\nmodel = "majority_vote"\n',
        encoding="utf-8",
    )
    write_rows(folder / "like.jsonl", list(sample_pairs(n_pairs=200, n_gold=0, seed=9)))
    # One task of the sample's four alone.
    lists = [pair for pair in sample_pairs(n_pairs=400, n_gold=0, seed=9) if "lists" in pair.id]
    write_rows(folder / "unlike.jsonl", lists)
    return folder


def write_rows(path: Path, pairs: list[Any]) -> None:
    rows = [
        {"id": p.id, "prompt": p.prompt, "response_a": p.response_a, "response_b": p.response_b}
        for p in pairs
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


@pytest.fixture(autouse=True)
def inside(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    monkeypatch.setattr(sys, "path", list(sys.path))


def test_pairs_like_the_runs_own_have_no_shift() -> None:
    found = json.loads(run("shift", "--pairs", "like.jsonl", "--json").stdout)
    assert (found["shifted"], found["warning"], found["run"], found["n_pairs"]) == (False, None, "base", 200)
    assert "No shift found." in run("shift", "--pairs", "like.jsonl").stdout


def test_pairs_of_another_kind_are_named_with_figures_and_the_exit_code_is_0() -> None:
    found = json.loads(run("shift", "--pairs", "unlike.jsonl", "--json").stdout)
    assert found["shifted"]
    assert found["changes"]
    assert {"value", "limit", "above"} == set(found["tests"]["votes"])
    shown = run("shift", "--pairs", "unlike.jsonl").stdout
    assert "These 90 pairs are unlike the" in shown
    assert "Drift in standard deviations" in shown


def test_the_new_pairs_do_not_become_the_runs_own(project: Path) -> None:
    run("shift", "--pairs", "unlike.jsonl")
    counts = json.loads(run("label", "--json").stdout)
    assert counts["n_pairs"] == 400
    remembered = project / "runs" / "base" / "settings.json"
    assert not remembered.exists() or "unlike" not in remembered.read_text()


def test_a_path_counts_from_where_the_command_is_given(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "deep").mkdir(exist_ok=True)
    (project / "deep" / "here.jsonl").write_bytes((project / "like.jsonl").read_bytes())
    monkeypatch.chdir(project / "deep")
    assert json.loads(run("shift", "--pairs", "here.jsonl", "--json").stdout)["n_pairs"] == 200


def test_columns_of_other_names_can_be_told(project: Path) -> None:
    text = (project / "like.jsonl").read_text().replace('"prompt"', '"q"').replace('"response_', '"ans_')
    (project / "other.jsonl").write_text(text)
    columns = "prompt=q,response_a=ans_a,response_b=ans_b"
    found = json.loads(run("shift", "--pairs", "other.jsonl", "--columns", columns, "--json").stdout)
    assert not found["shifted"]


def test_few_pairs_are_not_judged_and_that_is_said(project: Path) -> None:
    (project / "few.jsonl").write_text("\n".join((project / "like.jsonl").read_text().splitlines()[:5]))
    assert "at least 15 are needed" in run("shift", "--pairs", "few.jsonl").stdout


def test_a_file_that_is_not_there_is_one_line() -> None:
    shown = run("shift", "--pairs", "nowhere.jsonl", code=2).stderr
    assert "nowhere.jsonl" in shown
    run("shift", code=2)


def test_a_labeler_of_an_older_version_is_to_be_fitted_again(monkeypatch: pytest.MonkeyPatch) -> None:
    run("fit")
    whole = Labeler.load
    monkeypatch.setattr(Labeler, "load", lambda *given: replace(whole(*given), reference=None))
    shown = run("shift", "--pairs", "like.jsonl", code=2).stderr
    assert "kept nothing of the pairs it was fitted on. Delete it and run: weaklabel fit --name base" in shown
