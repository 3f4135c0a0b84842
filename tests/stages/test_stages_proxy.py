"""The stage `proxy` as a whole: labels that teach first, other hands' responses, rounds, references, what stands on the disk."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import pyarrow.parquet as pq

import weaklabel as wl
from weaklabel.errors import (
    ArgumentError,
    ConfigError,
    DataError,
    NotCalibratedError,
    WaitingError,
)
from weaklabel.reward import load_reward
from weaklabel.stages.contract import StageResult
from weaklabel.stages.materials import Materials
from weaklabel.stages.proxy.settings import ProxySettings
from weaklabel.stages.proxy.stage import Proxy

pytestmark = pytest.mark.trains

SETTINGS: dict[str, Any] = {
    "from_scratch": "tiny",
    "queries": 12,
    "num_generations": 4,
    "max_new_tokens": 6,
    "batch_size": 64,
    "max_steps": 1,
    "max_length": 48,
    "learning_rate": 1e-3,
    "audit": False,
}


FUNCTIONS = """
import weaklabel as wl

@wl.response_scorer()
def vowels(response):
    return sum(letter in "aeiou" for letter in str(response))
"""


def vowels(prompt: str, response: str) -> float:
    return sum(letter in "aeiou" for letter in response)


def stars(prompt: str, response: str) -> float:
    return min(vowels(prompt, response), 5)


def prompts(n: int = 16) -> list[dict[str, str]]:
    return [{"prompt": f"Say something about number {k}."} for k in range(n)]


def pairs_with_gold(n: int = 60) -> list[dict[str, str]]:
    """Responses of another hand, with gold for every second pair."""
    rows = []
    for k in range(n):
        a, b = f"An idea about area {k}", f"Tsk, hmm, {k}"
        rows.append({"id": f"o{k}", "prompt": f"Tell me of place {k}.", "response_a": a, "response_b": b})
        rows[-1] |= {"gold": "a"} if k % 2 else {}
    return rows


def carried(folder: Path, given: Any = None, **more: Any) -> StageResult:
    return wl.stages.proxy(
        prompts() if given is None else given, output_dir=folder, **{"expert": vowels} | SETTINGS | more
    )


def lines(folder: Path, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / name).read_text().splitlines()]


@pytest.fixture(scope="module")
def two_rounds(tmp_path_factory: pytest.TempPathFactory) -> StageResult:
    return carried(tmp_path_factory.mktemp("two") / "proxy", num_rounds=2, held_out=stars, queries=24)


def test_a_round_asks_new_questions_of_the_new_policy_and_keeps_the_old_answers(
    two_rounds: StageResult,
) -> None:
    first, second = (made.folder for made in two_rounds.rounds)
    asked = [{row["key"] for row in lines(folder, "answers.jsonl")} for folder in (first, second)]
    assert not asked[0] & asked[1]
    assert [row["round"] for row in lines(second, "answers.jsonl")] == [1] * 24
    assert [made.figures["answers"] for made in two_rounds.rounds] == [24, 48]
    assert [made.figures["pairs paid"] for made in two_rounds.rounds] == [24, 48]
    samples = [
        {(row["prompt"], row["response"]) for row in lines(folder, "samples.jsonl")}
        for folder in (first, second)
    ]
    assert samples[0] != samples[1]
    for folder, said in ((first, {0}), (second, {0, 1})):
        table = pq.read_table(folder / "pairs.parquet").to_pylist()
        assert {row["round"] for row in table if row["labelled_by"] == "expert"} == said
    for row in lines(second, "answers.jsonl"):
        assert (row["response_a"] in {r for _, r in samples[1]}) or (
            row["response_b"] in {r for _, r in samples[1]}
        )


def test_what_it_leaves_is_what_other_commands_take(two_rounds: StageResult, tmp_path: Path) -> None:
    last = two_rounds.rounds[-1].folder
    reward = load_reward(last / "evaluator")
    scored = [row for row in lines(last, "samples.jsonl") if "score" in row]
    again = reward.score([row["prompt"] for row in scored], [row["response"] for row in scored])
    assert np.allclose(again, [row["score"] for row in scored], rtol=1e-5)
    wl.stages.dpo(
        str(last / "pairs.parquet"), output_dir=tmp_path / "dpo", from_scratch="tiny", max_steps=1, max_length=48,
        audit=False, allow_uncalibrated=True,
    )  # fmt: skip
    wl.stages.best_of(
        prompts(4), output_dir=tmp_path / "best", comparer=str(last / "evaluator"), from_scratch="tiny",
        num_generations=2, max_new_tokens=4,
    )  # fmt: skip
    for name in ("curve.svg", "scores.svg", "README.md"):
        assert (last / name).exists() or (last / "model" / name).exists()


def test_how_often_labelled_pairs_are_right_by_somebody_else_is_told(two_rounds: StageResult) -> None:
    made = two_rounds.rounds[0]
    table = pq.read_table(made.folder / "pairs.parquet").to_pylist()
    gaps = [
        stars(row["prompt"], row["response_b"]) - stars(row["prompt"], row["response_a"]) for row in table
    ]
    figures = made.figures
    assert (
        0
        <= figures["held-out agreement low"]
        <= figures["held-out agreement"]
        <= figures["held-out agreement high"]
        <= 1
    )
    assert len(gaps) == figures["pairs learned"]
    assert figures["pairs per answer"] == pytest.approx(
        figures["pairs by the evaluation model"] / 24, rel=1e-5
    )


def test_labels_of_people_and_of_functions_teach_first(tmp_path: Path) -> None:
    data = tmp_path / "seed.jsonl"
    rows = [row | ({} if "gold" in row else {"p": 0.2, "calibrated": True}) for row in pairs_with_gold()]
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    counts = {}
    for which in ("gold", "weak", "both", "none"):
        result = carried(tmp_path / which, seed_data=str(data), seed_labels=which, queries=4)
        counts[which] = load_reward(result.rounds[0].folder / "evaluator").n_gold_
        beliefs = [row["belief"] for row in lines(result.rounds[0].folder, "answers.jsonl")]
        assert all((belief is None) == (which == "none") for belief in beliefs)
        assert ("told apart" in result.rounds[0].figures) == (which != "none")
    assert counts["gold"] == counts["both"] > counts["weak"] == counts["none"]


def test_weak_labels_that_were_never_calibrated_are_refused(tmp_path: Path) -> None:
    rows = [row | {"p": 0.2, "calibrated": False} for row in pairs_with_gold()]
    (tmp_path / "seed.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(NotCalibratedError):
        carried(tmp_path / "a", seed_data=str(tmp_path / "seed.jsonl"))
    carried(tmp_path / "b", seed_data=str(tmp_path / "seed.jsonl"), seed_labels="gold")


@pytest.mark.parametrize("unit", ["pairs", "responses"])
def test_responses_of_other_hands_can_be_asked_about(unit: str, tmp_path: Path) -> None:
    data = tmp_path / "other.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in pairs_with_gold()))
    expert = vowels if unit == "pairs" else stars
    result = carried(
        tmp_path / "off", off_policy_data=str(data), unit=unit, expert=expert, queries=30, learn="proxy"
    )
    made = result.rounds[0]
    rows = lines(made.folder, "answers.jsonl")
    assert {row["origin"] for row in rows} == {"off_policy"}
    assert {row["prompt"].split()[0] for row in rows} == {"Tell"}
    table = pq.read_table(made.folder / "pairs.parquet").to_pylist()
    assert {row["prompt"].split()[0] for row in table} == {"Say"}
    assert made.figures["told apart"] > 0.9


def test_the_experts_answers_alone_can_be_learned(tmp_path: Path) -> None:
    result = carried(tmp_path / "answers", learn="answers")
    table = pq.read_table(result.rounds[0].folder / "pairs.parquet").to_pylist()
    assert {row["labelled_by"] for row in table} == {"expert"}
    assert len(table) == 12


def test_an_evaluation_model_can_begin_with_the_policy(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="a policy from scratch has no folder before its first round"):
        carried(tmp_path / "a", evaluator="transformer", evaluator_settings={"base": "policy"})
    base = wl.stages.sft(
        [{"prompt": row["prompt"], "completion": "An idea"} for row in prompts()],
        output_dir=tmp_path / "sft", from_scratch="tiny", max_steps=1, max_length=48, audit=False,
    )  # fmt: skip
    result = carried(
        tmp_path / "b",
        from_scratch=None,
        model=str(base.model),
        evaluator="transformer",
        evaluator_settings={"base": "policy", "max_steps": 1, "max_length": 48},
        embedding="policy",
        acquisition="coreset",
    )
    assert load_reward(result.rounds[0].folder / "evaluator").name == "transformer"
    # Folders that settings name within others are found from the project's folder, and known by their files.
    shutil.copytree(base.model, tmp_path / "copy")
    chosen = ProxySettings(
        model=str(base.model), evaluator="transformer", embedding="policy:copy", audit=False,
        evaluator_settings={"base": "copy"},
    )  # fmt: skip
    materials = Materials(source=prompts(), resolve=lambda name: str(tmp_path / name))
    stage = Proxy.of(chosen, materials, expert=vowels)
    assert stage.inputs["model of embedding"] == stage.inputs["model of base"] == stage.inputs["model"]
    assert "copy" not in json.dumps(stage.settings)


def test_functions_can_be_the_evaluation_model(tmp_path: Path) -> None:
    (tmp_path / "functions.py").write_text(FUNCTIONS)
    lfs = wl.load_lfs(str(tmp_path / "functions.py"))
    result = carried(tmp_path / "f", evaluator="functions", lfs=lfs)
    assert load_reward(result.rounds[0].folder / "evaluator", lfs).name == "functions"
    with pytest.raises(
        ConfigError, match="evaluator 'functions' reads labeling functions, and there are none"
    ):
        carried(tmp_path / "g", evaluator="functions")


def test_gold_that_nothing_learns_judges(tmp_path: Path) -> None:
    data = tmp_path / "gold.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in pairs_with_gold() if "gold" in row))
    result = carried(tmp_path / "p", eval_data=str(data), queries=20)
    assert 0 <= result.rounds[0].figures["evaluation accuracy"] <= 1
    assert any("30 pairs of eval_data" in note for note in result.notes)


@pytest.mark.parametrize(
    ("start_from", "reference"), [("base", "initial"), ("previous", "initial"), ("base", "previous")]
)
def test_rounds_start_from_and_are_held_to_what_is_said(
    start_from: str, reference: str, tmp_path: Path
) -> None:
    result = carried(tmp_path / "p", num_rounds=2, start_from=start_from, reference=reference, queries=6)
    assert len(result.rounds) == 2


def test_people_are_waited_for_and_the_same_command_goes_on(tmp_path: Path) -> None:
    file = tmp_path / "q.jsonl"
    with pytest.raises(WaitingError, match="12 of 12"):
        carried(tmp_path / "p", expert=f"people:{file}")
    asked = [json.loads(line) for line in file.read_text().splitlines()]
    file.write_text("".join(json.dumps(line | {"answer": "first"}) + "\n" for line in asked))
    result = carried(tmp_path / "p", expert=f"people:{file}")
    assert result.rounds[0].figures["questions"] == 12
    asked = [json.loads(line) for line in file.read_text().splitlines()]
    contradicting = asked[0] | {"answer": "second"}
    file.write_text("".join(json.dumps(line) + "\n" for line in [*asked, contradicting]))
    with pytest.raises(DataError, match="has two answers that differ"):
        carried(tmp_path / "r", expert=f"people:{file}")


@pytest.mark.parametrize(
    ("more", "error", "said"),
    [
        ({"expert": None}, ConfigError, "proxy: there is no expert"),
        ({"expert": 5}, ArgumentError, "expert"),
        (
            {"acquisition": "disagreement"},
            ConfigError,
            "holds the evaluation model against what made the labels",
        ),
        ({"seed_labels": "weak"}, ConfigError, 'seed_labels is "weak", and there are no labels'),
        ({"max_new_tokens": 0}, ConfigError, "max_new_tokens"),
    ],
)
def test_what_does_not_fit_is_one_line(more: dict[str, Any], error: type, said: str, tmp_path: Path) -> None:
    with pytest.raises(error, match=said) as told:
        carried(tmp_path / "p", **more)
    assert "\n" not in str(told.value)


def test_questions_that_are_all_too_dear_leave_the_labels_or_nothing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="proxy: nothing was asked, and there are no labels"):
        carried(tmp_path / "a", min_gain=0.9)
    data = tmp_path / "seed.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in pairs_with_gold() if "gold" in row))
    made = carried(tmp_path / "b", min_gain=0.9, seed_data=str(data)).rounds[0]
    assert (made.figures["questions"], made.figures["pairs per answer"]) == (0, None)
    assert made.figures["pairs by the evaluation model"] == made.figures["pairs learned"]


def test_a_pool_of_one_prompt_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the pool has 1 prompt"):
        carried(tmp_path / "p", prompts(1))


def test_a_budget_may_be_raised_after_a_kill_in_the_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = sys.modules[wl.stages.proxy.__module__]

    def killed(*given: Any, **more: Any) -> None:
        raise DataError("killed")

    with monkeypatch.context() as patched:
        patched.setattr(stage, "end_round", killed)
        with pytest.raises(DataError, match="killed"):
            carried(tmp_path / "p", budget={"pairs": 5})
    first = {row["key"] for row in lines(tmp_path / "p" / "round-00.part", "answers.jsonl")}
    made = carried(tmp_path / "p", budget={"pairs": 9}).rounds[0]
    assert len(first) == 5
    assert first < {row["key"] for row in lines(made.folder, "answers.jsonl")}
    assert made.figures["pairs paid"] == 9
