"""`weaklabel reward`: train from a run and from files, eval, score, compare."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from command_line import answer, run

from weaklabel.data.sample import write_sample
from weaklabel.reward import load_reward

FAST = ("--set", "reward.settings.n_features=1024")


def refused(*arguments: str) -> str:
    lines = run(*arguments, code=2).stderr.strip().splitlines()
    assert lines[-1].startswith("error: ")
    return str(lines[-1])


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reward")
    write_sample(folder, n_pairs=400, n_gold=160)
    (folder / "weaklabel.toml").write_text(
        '[data]\npairs = "pairs.jsonl"\ngold = "gold.jsonl"\n[lfs]\nuse = ["shipped:length"]\n'
        '[labeler]\nmodel = "majority_vote"\n[export.parquet]\n[reward]\nsettings = { n_features = 1024 }\n',
        encoding="utf-8",
    )
    patch = pytest.MonkeyPatch()
    patch.chdir(folder)
    run("export")
    run("reward", "train")
    run("reward", "train", "--pairs", "pairs.jsonl", "--gold", "gold.jsonl", "--out", "models/gold", *FAST)
    patch.undo()
    return folder


@pytest.fixture(autouse=True)
def inside(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    monkeypatch.setattr(sys, "path", list(sys.path))


def test_a_trained_model_has_a_card_with_its_held_out_reliability(project: Path) -> None:
    for folder, name in (
        (project / "runs" / "base" / "reward", "functions"),
        (project / "models" / "gold", "linear"),
    ):
        card = (folder / "README.md").read_text(encoding="utf-8")
        assert f"# Reward model: {name}" in card
        assert "- pairs that it was given to learn from: " in card
        assert "](reliability.svg)" in card
        assert (folder / "reliability.svg").read_text().startswith("<svg")
        assert load_reward(folder).n_gold_ > 0


def test_training_from_a_file_keeps_a_share_of_its_gold_for_figures(project: Path) -> None:
    found = answer(
        "reward", "train", "--pairs", "pairs.jsonl", "--gold", "gold.jsonl", "--out", "models/half",
        "--test-share", "0.5", *FAST
    )  # fmt: skip
    assert found["evaluation"]["n_in_sample"] == 0
    assert 60 <= found["evaluation"]["n_pairs"] <= 100
    assert found["model"] == "linear"


def test_training_from_an_export_learns_its_beliefs() -> None:
    found = answer(
        "reward", "train", "--pairs", "runs/base/export/parquet/pairs.parquet", "--out", "models/soft", *FAST
    )
    # The export holds no test prompts: its dev gold stays dev, and nothing is measured.
    assert found["evaluation"] is None
    assert "Nothing: no held-out gold" in Path("models/soft/README.md").read_text()


def test_eval_without_a_model_judges_the_runs_own_on_its_held_out_gold() -> None:
    found = answer("reward", "eval")
    assert {"reward model", "linear, out of fold", "longer_response"} == set(found["figures"])
    assert found["n_in_sample"] == found["left_out"] == 0
    assert found["consistency"]["reward model"] == {"same": 1.0, "largest_gap": 0.0}


def test_eval_on_a_file_leaves_out_what_the_model_was_fitted_to() -> None:
    found = answer(
        "reward", "eval", "models/gold", "--pairs", "pairs.jsonl", "--gold", "gold.jsonl", "--no-linear"
    )
    assert found["left_out"] > 0
    assert found["left_out"] + found["n_pairs"] == 160
    assert set(found["figures"]) == {"models/gold", "longer_response"}


def test_eval_reports_rewardbench_sections_of_a_file(tmp_path: Path) -> None:
    rows = [
        {"prompt": f"q{i}", "chosen": "a much longer answer", "rejected": "no", "subset": s}
        for i, s in enumerate(["hep-go", "math-prm", "donotanswer"])
    ]
    path = tmp_path / "bench.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = answer("reward", "eval", "models/gold", "--pairs", str(path))
    assert set(found["sections"]["models/gold"]) == {"Reasoning", "Safety", "overall"}
    assert found["sections"]["longer_response"]["overall"]["value"] == 1.0
    assert (
        "section (accuracy, weighted as RewardBench)"
        in run("reward", "eval", "models/gold", "--pairs", str(path)).stdout
    )


def test_eval_ranks_candidates(tmp_path: Path) -> None:
    path = tmp_path / "many.jsonl"
    path.write_text(json.dumps({"prompt": "q", "chosen": "one two three", "rejected": ["x", "y"]}) + "\n")
    found = answer("reward", "eval", "models/gold", "--best-of", str(path))
    assert set(found["figures"]) == {"models/gold", "longer_response", "random choice"}
    assert found["figures"]["random choice"]["value"] == pytest.approx(1 / 3)
    assert "random choice" in run("reward", "eval", "models/gold", "--best-of", str(path)).stdout


def test_compare_puts_a_labeler_beside_reward_models_with_paired_differences() -> None:
    found = answer("reward", "compare", "runs/base/labeler", "runs/base/reward", "models/gold")
    assert list(found["figures"])[:3] == ["runs/base/labeler", "runs/base/reward", "models/gold"]
    assert set(found["differences"]) >= {"runs/base/reward", "models/gold"}
    assert found["n_in_sample"] == 0
    shown = run("reward", "compare", "runs/base/reward", "models/gold").stdout
    assert "accuracy - runs/base/reward" in shown


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_score_adds_a_column_of_rewards(tmp_path: Path, ending: str) -> None:
    source, target = tmp_path / "in.jsonl", tmp_path / f"out.{ending}"
    source.write_text('{"prompt": "q", "response": "yes", "k": 7}\n')
    assert answer("reward", "score", "models/gold", str(source), "--out", str(target))["rows"] == 1
    (row,) = pq.read_table(target).to_pylist() if ending == "parquet" else [json.loads(target.read_text())]
    assert row == {
        "prompt": "q",
        "response": "yes",
        "k": 7,
        "reward": load_reward("models/gold").score(["q"], ["yes"])[0],
    }


def test_commands_work_from_a_folder_below_the_project(
    monkeypatch: pytest.MonkeyPatch, project: Path
) -> None:
    (project / "below").mkdir(exist_ok=True)
    monkeypatch.chdir(project / "below")
    found = answer("reward", "compare", "../runs/base/labeler", "../models/gold")
    assert found["n_pairs"] > 0
    run("reward", "train", "--pairs", "../pairs.jsonl", "--gold", "../gold.jsonl", "--out", "here", *FAST)
    assert (project / "below" / "here" / "manifest.json").is_file()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["train", "--pairs", "pairs.jsonl"], "--out is missing"),
        (["train", "--out", "x"], "leave --out away"),
        (["train", "--test-share", ".1"], "--test-share belongs to --pairs"),
        (["train", "--gold", "gold.jsonl"], "describe a file. Name it with --pairs"),
        (["train", "--reward-model", "linaer"], "no reward model 'linaer'"),
        (["train", "--reward-model", "linear", "--from-scratch", "tiny"], "Give one of them"),
        (["train", "--pairs", "none.jsonl", "--out", "x"], "none.jsonl"),
        (["eval", "nowhere"], "nowhere holds no labeler, reward model or evaluator"),
        (["eval", "models/gold", "--pairs", "pairs.jsonl"], "has gold"),
        (["eval", "models/gold", "--pairs", "pairs.jsonl", "--best-of", "x"], "one at a time"),
        (["eval", "--length-tag", "longer"], "no column 'longer' of length tags"),
        (["compare", "models/gold"], "Name two or more models"),
        (["score", "runs/base/labeler", "pairs.jsonl", "--out", "x.jsonl"], "scores no single responses"),
        (["score", "models/gold", "pairs.jsonl", "--out", "x.jsonl"], "no column 'response'"),
        (["score", "models/gold", "pairs.jsonl", "--out", "x.txt"], "'.txt'. Allowed: .parquet, .jsonl"),
    ],
)
def test_mistakes_are_one_line_and_exit_2(arguments: list[str], said: str) -> None:
    assert said in refused("reward", *arguments)
    assert not Path("x").exists()


@pytest.mark.parametrize("out", ["lfs", "gold.jsonl/model", "taken"])
def test_a_target_that_cannot_be_written_is_refused_before_anything_is_trained(
    out: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("lfs").mkdir(exist_ok=True)
    Path("lfs/mine.py").touch()
    Path("taken").touch()
    monkeypatch.setattr("weaklabel.reward.train_reward", lambda *a, **k: pytest.fail("it trained"))
    refused("reward", "train", "--pairs", "pairs.jsonl", "--gold", "gold.jsonl", "--out", out)
    assert Path("lfs/mine.py").exists()


def test_pairs_that_teach_nothing_are_counted() -> None:
    done = run(
        "reward", "train", "--pairs", "pairs.jsonl", "--gold", "gold.jsonl", "--out", "models/c", *FAST
    )
    assert "pairs have neither gold nor a belief that counts, and taught nothing" in done.stderr


def test_one_folder_spelled_twice_is_compared_with_itself_by_nobody() -> None:
    assert "each once" in refused("reward", "compare", "models/gold", "models/gold/", "--pairs", "gold.jsonl")


def test_a_file_is_not_replaced_by_its_own_scores(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_text('{"prompt": "q", "response": "r"}\n')
    assert "is the file that is read" in refused(
        "reward", "score", "models/gold", str(path), "--out", str(path)
    )
    assert path.read_text() == '{"prompt": "q", "response": "r"}\n'


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        (
            "n_feature=5",
            "no setting of linear 'n_feature'. Known: l2, n_features, n_folds, seed. Did you mean",
        ),
        ("l2=strong", "linear: l2 is 'strong'. Allowed: a number."),
        ("n_folds=2.5", "linear: n_folds is 2.5. Allowed: a whole number."),
    ],
)
def test_a_wrong_setting_is_named(setting: str, said: str) -> None:
    arguments = ("--pairs", "pairs.jsonl", "--gold", "gold.jsonl", "--out", "models/no")
    assert said in refused("reward", "train", *arguments, "--set", f"reward.settings.{setting}")
    assert not Path("models/no").exists()


def test_a_locked_part_without_gold_gives_no_figures(tmp_path: Path) -> None:
    path = tmp_path / "soft.jsonl"
    rows = [
        {
            "prompt": f"q{i}",
            "response_a": "no",
            "response_b": "yes",
            "p": 0.9,
            "part": "test" if i < 3 else "pool",
        }
        for i in range(8)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert (
        answer("reward", "train", "--pairs", str(path), "--out", "models/locked", *FAST)["evaluation"] is None
    )
