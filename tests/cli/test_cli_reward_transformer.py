"""`weaklabel reward` and `weaklabel run` with a transformer: chosen by one word, a size, or a folder."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from command_line import answer, run

pytest.importorskip("torch")
pytest.importorskip("transformers")

from weaklabel.data.sample import write_sample
from weaklabel.reward import load_reward

pytestmark = pytest.mark.trains

FAST = (
    "--set", "reward.settings.max_steps=2", "--set", "reward.settings.max_length=32",
    "--set", "reward.settings.n_folds=0",
)  # fmt: skip
FILE = ("--pairs", "pairs.jsonl", "--gold", "gold.jsonl")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("transformer")
    write_sample(folder, n_pairs=160, n_gold=100)
    patch = pytest.MonkeyPatch()
    patch.chdir(folder)
    answer("reward", "train", *FILE, "--out", "scratch", "--from-scratch", "tiny", *FAST)
    patch.undo()
    return folder


@pytest.fixture(autouse=True)
def inside(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    monkeypatch.setattr(sys, "path", list(sys.path))


def test_a_model_from_scratch_is_saved_with_a_card_that_says_how_it_was_calibrated() -> None:
    card = Path("scratch/README.md").read_text()
    assert "# Reward model: transformer" in card
    assert "- calibration: temperature on 40 gold pairs of prompts that trained nothing" in card
    assert "- truncated: " in card
    assert "](reliability.svg)" in card
    assert Path("scratch/model.safetensors").is_file()


def test_a_folder_is_trained_further_and_stands_beside_a_linear_model_taught_the_same() -> None:
    found = answer("reward", "train", *FILE, "--out", "further", "--reward-model", "./scratch", *FAST)
    assert found["model"] == "transformer"
    assert {"reward model", "linear", "longer_response"} == set(found["evaluation"]["figures"])
    before, after = load_reward("scratch"), load_reward("further")
    assert not np.array_equal(before.score(["q"], ["yes"]), after.score(["q"], ["yes"]))


def test_it_is_judged_antisymmetric_and_compared_with_another() -> None:
    found = answer("reward", "compare", "scratch", "scratch/../scratch", *FILE)
    assert found["consistency"]["scratch"] == {"same": 1.0, "largest_gap": 0.0}
    assert found["left_out"] > 0
    assert found["differences"]["scratch/../scratch"]["nll"]["value"] == 0.0


def test_a_run_that_was_killed_behind_the_training_goes_on_from_its_checkpoint(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = (
        "--pairs",
        "pairs.jsonl",
        "--gold",
        "gold.jsonl",
        "--lfs",
        "shipped:length",
        "--name",
        "killed",
    )
    answer("label", *options, "--model", "majority_vote")
    train = ("reward", "train", "--name", "killed", "--from-scratch", "tiny", *FAST)
    with monkeypatch.context() as patch:
        patch.setattr("weaklabel.report.card.model_card", lambda *a, **k: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            answer(*train)
    folder = project / "runs" / "killed"
    assert list((folder / "training").rglob("checkpoint-2"))
    trained = []
    monkeypatch.setattr(
        "weaklabel.training.trainer.WeightedTrainer.training_step", lambda *a, **k: trained.append(1)
    )
    answer(*train)
    assert trained == []
    assert (folder / "reward" / "model.safetensors").is_file()
    assert not (folder / "training").exists()


def refused(*arguments: str) -> str:
    return run(*arguments, code=2).stderr


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("epochs=5", "error: training: there is no setting 'epochs'. Write num_train_epochs.\n"),
        (
            "loss_type=bradley_terry",
            "error: the loss 'bradley_terry' is called 'sigmoid' now. Write that name.\n",
        ),
    ],
)
def test_an_earlier_name_is_one_line_that_names_the_new_one(setting: str, said: str, project: Path) -> None:
    train = ("reward", "train", *FILE, "--out", "no")
    assert refused(*train, "--from-scratch", "tiny", "--set", f"reward.settings.{setting}") == said
    name, _, value = setting.partition("=")
    (project / "weaklabel.toml").write_text(
        f'[reward]\nmodel = "transformer"\nsettings = {{ from_scratch = "tiny", {name} = "{value}" }}\n'
    )
    try:
        assert refused(*train) == said
    finally:
        (project / "weaklabel.toml").unlink()
    assert not Path("no").exists()


def test_a_run_switches_by_the_name_of_the_model(project: Path) -> None:
    (project / "weaklabel.toml").write_text(
        '[data]\npairs = "pairs.jsonl"\ngold = "gold.jsonl"\n[lfs]\nuse = ["shipped:length"]\n'
        '[labeler]\nmodel = "majority_vote"\n[reward]\nmodel = "transformer"\n'
        'settings = { from_scratch = "tiny", max_steps = 1, max_length = 32, n_folds = 0 }\n',
        encoding="utf-8",
    )
    try:
        arms = {row["arm"] for row in answer("run")["rows"]}
        assert "reward model: + our labels" in arms
        assert (project / "runs" / "base" / "reward" / "model.safetensors").is_file()
        assert "reward model" in answer("reward", "eval")["figures"]
    finally:
        (project / "weaklabel.toml").unlink()
