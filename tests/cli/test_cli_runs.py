"""The run that a command is about: what it keeps, what the file overrules, who looks and who makes, and the runs there are."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import command_line
import pytest
from command_line import answer
from command_line import printed as run

from weaklabel.artifacts import file_hash
from weaklabel.artifacts.locks import FolderLock
from weaklabel.data.sample import write_sample
from weaklabel.pipeline import runs

TOML = """
[data]
pairs = "data/pairs.jsonl"
gold = "data/gold.jsonl"
[lfs]
use = ["lfs.py"]
[reward]
settings = { n_features = 256 }
"""
LFS = """
from weaklabel import response_scorer

@response_scorer(prefer="less")
def shouts(response):
    return response.count("!")

@response_scorer(prefer="more")
def digits(response):
    return sum(c.isdigit() for c in response)
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project whose run `base` is labelled."""
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        write_sample(folder / "data", n_pairs=160, n_gold=100, seed=3)
        (folder / "weaklabel.toml").write_text(TOML)
        (folder / "lfs.py").write_text(LFS)
        run("label")
        yield folder


@pytest.fixture
def project(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of its own for each test."""
    import shutil

    shutil.copytree(finished, tmp_path / "project")
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "project"


def files(folder: str) -> dict[str, str]:
    return {str(path): file_hash(path) for path in sorted(Path(folder).rglob("*")) if path.is_file()}


# ------------------------------------------------------------------------------------ what is kept, what holds


def test_what_makes_something_keeps_what_it_was_given_and_says_so(project: Path) -> None:
    run("fit", "--model", "majority_vote")
    said = run("label")[1]
    assert (
        'run base keeps labeler.model = "majority_vote". To drop that: weaklabel config --name base --forget'
        in said
    )
    rows = {row["key"]: row for row in answer("config", "--name", "base")["settings"]}
    assert rows["labeler.model"] == {
        "key": "labeler.model",
        "value": "majority_vote",
        "from": "run base (weaklabel fit)",
    }
    assert rows["data.pairs"]["from"] == "weaklabel.toml"


@pytest.mark.parametrize("command", ["fit", "label", "run"])
def test_every_command_takes_the_file_where_it_disagrees_and_says_so(project: Path, command: str) -> None:
    run("fit", "--model", "majority_vote")
    Path("weaklabel.toml").write_text(TOML + '[labeler]\nmodel = "weighted_vote"\n')
    said = run(command)[1]
    assert (
        'run base was given labeler.model = "majority_vote"; weaklabel.toml says "weighted_vote"' not in said
    )
    assert (
        'run base was given labeler.model = "majority_vote"; weaklabel.toml says labeler.model = "weighted_vote", '
        "which is taken."
    ) in said
    assert "fit     weighted_vote" in said


def test_a_commands_own_option_comes_before_the_file_and_the_run(project: Path) -> None:
    run("fit", "--model", "majority_vote")
    Path("weaklabel.toml").write_text(TOML + '[labeler]\nmodel = "weighted_vote"\n')
    said = run("fit", "--model", "dawid_skene")[1]
    assert "majority_vote" not in said
    assert "fit     dawid_skene" in said


def test_run_and_the_single_commands_follow_one_rule(project: Path) -> None:
    run("fit", "--model", "majority_vote")
    assert "fit     majority_vote" in run("run")[1]
    run("run", "--model", "weighted_vote")
    assert "fit     weighted_vote" in run("label")[1]


def test_what_is_forgotten_is_forgotten(project: Path) -> None:
    run("fit", "--model", "majority_vote")
    assert "fit     pair_model" in run("fit", "--forget")[1]
    assert "keeps" not in run("label")[1]
    run("fit", "--model", "majority_vote")
    assert "dropped: labeler.model" in run("config", "--name", "base", "--forget")[1]
    assert "keeps no settings" in run("config", "--name", "base", "--forget")[1]
    assert "--name" in run("config", "--forget", code=2)[1]


def test_a_setting_that_fails_is_not_kept(project: Path) -> None:
    run("fit", "--set", "labeler.model=nope", code=2)
    run("fit", "--set", "labeler.nope=1", code=2)
    assert "keeps" not in run("label")[1]


LOOKERS = ["analyze", "adds", "dependencies", "bias", "threshold", "judges"]


@pytest.mark.parametrize("command", LOOKERS)
def test_what_only_looks_changes_nothing_of_the_run(project: Path, command: str) -> None:
    before = files("runs/base")
    asked = command_line.run(
        command, "--set", "labeler.model=majority_vote", "--set", "data.seed=5", code=None
    )
    assert asked.exit_code in (0, 1), asked.output
    assert files("runs/base") == before
    assert not list(Path(".weaklabel").glob(".look*"))
    assert "unchanged" in run("label")[1]


def test_a_look_with_other_settings_sees_them(project: Path) -> None:
    found = answer("analyze", "--set", 'lfs.use=["lfs.py:digits"]')
    assert [row["lf"] for row in found["lfs"]] == ["digits"]
    assert len(answer("analyze")["lfs"]) == 2


# -------------------------------------------------------------------------------------------- which runs there are


READERS = [
    ("analyze", "--name", "x"),
    ("mistakes", "digits", "--name", "x"),
    ("threshold", "--name", "x"),
    ("status", "--name", "x"),
    ("config", "--name", "x"),
    ("report", "x"),
    ("report", "--name", "x"),
    ("diff", "base", "x"),
    ("shift", "--pairs", "data/pairs.jsonl", "--name", "x"),
    ("reward", "eval", "--name", "x"),
    ("runs", "remove", "x"),
]


@pytest.mark.parametrize("arguments", READERS, ids=" ".join)
def test_a_run_that_does_not_exist_is_an_error_that_names_those_that_do(
    project: Path, arguments: tuple[str, ...]
) -> None:
    (project / "runs" / "empty").mkdir()
    said = run(*arguments, code=2)[1]
    assert "error: no run 'x'; there are: base. Make one with: weaklabel run --name x" in said
    assert not Path("runs/x").exists()


def test_runs_lists_them_at_a_glance(project: Path) -> None:
    run("read", "--name", "read_only")
    [base, other] = answer("runs")
    assert (base["name"], base["n_pairs"], base["n_lfs"], base["model"]) == ("base", 160, 2, "pair_model")
    assert 0.3 < base["accuracy"] < 1
    assert base["bytes"] == sum(Path(name).stat().st_size for name in files("runs/base"))
    assert (other["name"], other["n_pairs"], other["model"], other["accuracy"]) == (
        "read_only",
        160,
        None,
        None,
    )
    shown = run("runs")[0]
    assert [word for word in shown.split() if word in ("base", "read_only", "pair_model")] == [
        "base",
        "pair_model",
        "read_only",
    ]


def test_a_project_without_runs_says_how_to_make_one(project: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "no runs yet" in run("runs")[0]
    assert "holds none yet" in run("status", "--name", "x", code=2)[1]


def test_a_run_is_removed_and_its_votes_stay(project: Path) -> None:
    votes = files(".weaklabel/votes")
    assert "removed run base" in run("runs", "remove", "base")[0]
    assert os.listdir("runs") == []
    assert files(".weaklabel/votes") == votes


# ------------------------------------------------------------------------------------------------- one writer


def test_a_second_writer_ends_in_one_line_that_names_the_first(project: Path, monkeypatch) -> None:
    monkeypatch.setattr("weaklabel.pipeline.run.PATIENCE", 0.0)
    with FolderLock(Path("runs/base")):
        said = run("fit", "--model", "majority_vote", code=2)[1]
        assert f"process {os.getpid()}" in said
        assert "--wait" in said
        assert "unchanged" in run("label")[1]  # what is fresh can be read meanwhile
        assert "is being written by" in run("runs", "remove", "base", code=2)[1]
    run("fit", "--model", "majority_vote")


def test_who_waits_says_so_and_goes_on(project: Path, monkeypatch) -> None:
    holder = FolderLock(Path("runs/base")).__enter__()
    # The first look at who holds it is the moment at which the holder ends.
    ended = []

    def describe(text: str) -> None:
        if "waiting for" in text and not ended:
            ended.append(text)
            holder.__exit__(None, None, None)

    monkeypatch.setattr("weaklabel.cli._runs.note", describe)
    run("fit", "--model", "majority_vote", "--wait")
    assert len(ended) == 1


# -------------------------------------------------------------------------------------- reward models of a run


def test_a_reward_model_of_other_settings_stands_beside_the_runs_own(project: Path) -> None:
    run("reward", "train")
    own = files("runs/base/reward")
    out, err = run("reward", "train", "--set", "reward.settings.n_features=128")
    assert "reward model: runs/base/reward-functions" in out
    assert "to replace that: --replace" in err
    assert files("runs/base/reward") == own
    assert files("runs/base/reward-functions") != own
    assert "keeps" not in run("label")[1]
    run("reward", "train", "--set", "reward.settings.n_features=128", "--replace")
    assert files("runs/base/reward") != own


def test_the_first_reward_model_of_a_run_is_its_own(project: Path) -> None:
    Path("weaklabel.toml").write_text(TOML.partition("[reward]")[0])
    out = run("reward", "train", "--set", "reward.settings.n_features=128")[0]
    assert out.endswith("reward model: runs/base/reward\n")
    assert "keeps reward.settings.n_features = 128" in run("reward", "eval")[1]


def test_how_votes_are_worked_out_is_no_setting_of_the_run(project: Path) -> None:
    run("apply", "--workers", "1", "--max-fault-share", "0.5")
    assert "run base keeps lfs.max_fault_share = 0.5. To drop" in run("label")[1]


def test_settings_are_kept_before_another_command_can_take_the_run(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[bool] = []
    real = runs.keep_settings

    def keep(run: Any, *given: Any, **named: Any) -> None:
        held.append(run.lock.is_held)
        real(run, *given, **named)

    monkeypatch.setattr(runs, "keep_settings", keep)
    run("fit", "--name", "late", "--set", "labeler.model=majority_vote")
    assert held == [True]


def test_a_run_with_an_edited_manifest_is_listed_without_what_it_said(project: Path) -> None:
    for step, counts in (("read", {"pairs": "x"}), ("fit", {"out_of_fold": "zz"})):
        path = Path("runs/base") / f"{step}.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"counts": counts}))
    (listed,) = (each for each in answer("runs") if each["name"] == "base")
    assert (listed["n_pairs"], listed["accuracy"]) == (None, None)
    assert "base" in run("runs")[0]


def test_a_setting_that_a_run_keeps_and_that_is_not_allowed_is_blamed_on_the_run(project: Path) -> None:
    run("fit", "--name", "kept", "--set", "labeler.model=majority_vote")
    path = Path("runs/kept/settings.json")
    path.write_text(path.read_text().replace('"labeler.model"', '"labeler.modle"'))
    told = run("config", "--name", "kept", code=2)[1]
    assert "run kept (weaklabel fit)" in told
