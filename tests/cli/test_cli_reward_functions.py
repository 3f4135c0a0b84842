"""`weaklabel reward` with the model that reads labeling functions: they are the project's, and nobody else's."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from command_line import answer, run

from weaklabel.data.sample import write_sample

LFS = """
from weaklabel import labeling_function, response_scorer


@response_scorer
def digits(response):
    return sum(c.isdigit() for c in response)


@response_scorer(prefer="less")
def length(response):
    return len(response)


@labeling_function
def thanks(pair):
    a, b = "thank" in pair.response_a, "thank" in pair.response_b
    return -1 if a == b else int(b)
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reward")
    write_sample(folder, n_pairs=300, n_gold=160)
    (folder / "lfs").mkdir()
    (folder / "lfs" / "mine.py").write_text(LFS, encoding="utf-8")
    (folder / "weaklabel.toml").write_text(
        '[data]\npairs = "pairs.jsonl"\ngold = "gold.jsonl"\n[lfs]\nuse = ["lfs/"]\n'
        '[labeler]\nmodel = "majority_vote"\n[export.parquet]\n'
        '[reward]\nmodel = "functions"\nsettings = { n_features = 1024 }\n',
        encoding="utf-8",
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(sys, "path", list(sys.path))
        run("reward", "train")
    return folder


@pytest.fixture(autouse=True)
def inside(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    monkeypatch.setattr(sys, "path", list(sys.path))


def test_the_card_says_what_is_read(project: Path) -> None:
    card = (project / "runs" / "base" / "reward" / "README.md").read_text(encoding="utf-8")
    assert "# Reward model: functions" in card
    assert "- functions that are read: 2" in card
    assert "1 of 3 functions score no single response" in card


def test_a_second_command_reads_it_with_the_functions_of_the_project() -> None:
    assert "reward model" in run("reward", "train").stdout  # made already: it is loaded
    judged = answer("reward", "eval", "runs/base/reward", "--no-linear")
    assert judged
    Path("answers.jsonl").write_text(
        '{"prompt": "q", "response": "1 2 3"}\n{"prompt": "q", "response": "no"}\n'
    )
    assert (
        answer("reward", "score", "runs/base/reward", "answers.jsonl", "--out", "scored.jsonl")["rows"] == 2
    )
    both = run("reward", "compare", "runs/base/labeler", "runs/base/reward")
    assert "runs/base/reward" in both.stdout


def test_a_function_that_changed_is_refused_in_one_line(project: Path) -> None:
    file = project / "lfs" / "mine.py"
    file.write_text(LFS.replace("isdigit", "isupper"), encoding="utf-8")
    try:
        lines = run("reward", "score", "runs/base/reward", "answers.jsonl", "--out", "x.jsonl", code=2).stderr
    finally:
        file.write_text(LFS, encoding="utf-8")
    assert "'digits' changed since the reward model was fitted" in lines.strip().splitlines()[-1]


def test_other_functions_train_the_run_s_model_again(project: Path) -> None:
    file = project / "lfs" / "mine.py"
    before = (project / "runs" / "base" / "reward" / "manifest.json").read_bytes()
    file.write_text(LFS.replace("len(response)", "response.count(' ')"), encoding="utf-8")
    try:
        run("reward", "train")
        assert (project / "runs" / "base" / "reward" / "manifest.json").read_bytes() != before
    finally:
        file.write_text(LFS, encoding="utf-8")


def test_with_a_file_of_pairs_the_linear_one_is_trained() -> None:
    arguments = ("--pairs", "pairs.jsonl", "--gold", "gold.jsonl", "--out", "models/file")
    done = run("reward", "train", *arguments, "--reward-model", "functions")
    assert (
        "--pairs brings no labeling functions, which functions reads: linear is trained instead"
        in done.stderr
    )
    assert "# Reward model: linear" in Path("models/file/README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("setting", ["votes=1", 'lfs=["a"]', 'model="x"', "gold=1"])
def test_what_no_file_can_hold_is_no_setting(setting: str) -> None:
    line = (
        run("reward", "train", "--set", f"reward.settings.{setting}", code=2).stderr.strip().splitlines()[-1]
    )
    assert f"no setting of functions {setting.partition('=')[0]!r}" in line
