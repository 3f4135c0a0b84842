"""The stage `evaluator`: built pairs, gold or labels in, a comparer out; the contract; the same files from three sides."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from made_pairs import made_pairs

import weaklabel as wl
from weaklabel.cli.main import main
from weaklabel.comparers import open_comparer
from weaklabel.comparers.checker import Checker
from weaklabel.comparers.evaluator import Evaluator
from weaklabel.data.asked.demonstrations import read_demonstrations
from weaklabel.errors import ArtifactError, ConfigError, DataError, NotCalibratedError
from weaklabel.stages.checks import STAGE_CHECKS, check_a_round_that_was_cut_off_ends_the_same
from weaklabel.stages.evaluators.settings import EvaluatorSettings
from weaklabel.stages.evaluators.stage import EvaluatorStage, ToBuild
from weaklabel.stages.registry import StageTable
from weaklabel.types import Pairs

pytestmark = pytest.mark.trains

CHECKS = """
def is_right(prompt, response):
    return response.strip().rstrip(".") == str(int(prompt.split()[3]) + 1)
"""
TINY: dict[str, Any] = {
    "from_scratch": "tiny",
    "max_steps": 6,
    "save_steps": 3,
    "groups_per_batch": 4,
    "learning_rate": 1e-3,
    "max_length": 128,
}
ANSWERS: dict[str, Any] = {
    "max_steps": 20,
    "save_steps": 10,
    "learning_rate": 3e-3,
    "groups_per_batch": 10,
    "max_new_tokens": 6,
    "max_length": 64,
}


def rows(n: int = 24) -> list[dict[str, str]]:
    return [
        {"prompt": f"Which digit follows {i % 9} in row {i}?", "completion": f"{i % 9 + 1}."}
        for i in range(n)
    ]


def some_pairs(n: int = 40, test: int = 8) -> Pairs:
    texts = [(f"kind {i}", f"rude {i}") if i % 2 else (f"rude {i}", f"kind {i}") for i in range(n)]
    gold = ["a" if i % 2 else "b" for i in range(n)]
    return made_pairs(texts, gold=gold, part=["dev"] * (n - test) + ["test"] * test)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "checks.py").write_text(CHECKS)
    (folder / "demos.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows()))
    monkeypatch.chdir(folder)
    return folder


def built_stage(project: Path) -> EvaluatorStage:
    found = read_demonstrations(str(project / "demos.jsonl"))
    checker = Checker.named("checks.py:is_right")
    settings = EvaluatorSettings(**TINY, checker="checks.py:is_right", answers=ANSWERS)
    return EvaluatorStage(settings, ToBuild(found, checker))


@pytest.mark.parametrize(
    "check",
    [
        check
        if check is check_a_round_that_was_cut_off_ends_the_same
        else pytest.param(check, marks=pytest.mark.slow)
        for check in STAGE_CHECKS
    ],
    ids=lambda check: check.__name__,
)
def test_it_keeps_the_contract_when_it_builds_its_pairs(check: Any, project: Path, tmp_path: Path) -> None:
    check(lambda: built_stage(project), tmp_path / "stage")


def test_the_three_sides_give_the_same_files_and_the_model_is_a_comparer(
    project: Path, tmp_path: Path
) -> None:
    python = wl.stages.evaluator(
        "demos.jsonl", output_dir=tmp_path / "python", checker="checks.py:is_right", answers=ANSWERS, **TINY
    )
    lines = [
        "[lfs]",
        "use = []",
        "[[stage]]",
        'kind = "evaluator"',
        'data = "demos.jsonl"',
        'checker = "checks.py:is_right"',
    ]
    lines += [f"{name} = {json.dumps(value)}" for name, value in TINY.items()]
    lines += ["[stage.answers]", *(f"{name} = {json.dumps(value)}" for name, value in ANSWERS.items())]
    (project / "weaklabel.toml").write_text("\n".join(lines) + "\n")
    main(["evaluator"], standalone_mode=False)
    (project / "weaklabel.toml").write_text("[lfs]\nuse = []\n")
    sets = [f"stage.{k}={v}" for k, v in TINY.items() if k != "from_scratch"]
    sets += [f"stage.answers.{k}={v}" for k, v in ANSWERS.items()]
    words = ["evaluator", "--name", "other"]
    words += ["--from-scratch", "tiny", "--data", "demos.jsonl", "--checker", "checks.py:is_right"]
    main([*words, *(text for each in sets for text in ("--set", each))], standalone_mode=False)
    folders = [tmp_path / "python", project / "runs/base/evaluator", project / "runs/other/evaluator"]
    told = [(folder / "rounds.json").read_bytes() for folder in folders]
    assert told[0] == told[1] == told[2]
    pairs = some_pairs()
    answers = [open_comparer(str(folder / "round-00/model")).compare(pairs) for folder in folders]
    assert np.abs(answers[0] - answers[1]).max() < 1e-6
    assert np.abs(answers[0] - answers[2]).max() < 1e-6
    built = pq.read_table(python.rounds[0].folder / "pairs.parquet")
    assert set(built["made_as"].to_pylist()) <= {
        "reference over right",
        "right over wrong",
        "reference over wrong",
    }
    figures = python.rounds[0].figures
    assert figures["judged by"] == "held-out gold"
    assert figures["built: prompts"] == 24
    assert 0 <= figures["accuracy"] <= 1
    assert figures["ece"] >= 0


def test_a_function_in_python_is_a_checker_too(tmp_path: Path) -> None:
    def is_right(prompt: str, response: str) -> bool:
        return response.strip().rstrip(".") == str(int(prompt.split()[3]) + 1)

    result = wl.stages.evaluator(rows(12), output_dir=tmp_path, checker=is_right, answers=ANSWERS, **TINY)
    assert isinstance(wl.load(result.model), Evaluator)
    with pytest.raises(DataError, match="a checker needs demonstrations, not pairs"):
        wl.stages.evaluator(some_pairs(), output_dir=tmp_path, checker=is_right, **TINY)


def test_gold_teaches_and_the_test_part_judges_both_orders(tmp_path: Path) -> None:
    result = wl.stages.evaluator(
        some_pairs(120, 40), output_dir=tmp_path, **TINY | {"max_steps": 100, "save_steps": 20}
    )
    figures = result.rounds[0].figures
    assert (figures["judged by"], figures["judged pairs"], figures["left out"]) == ("test gold", 40, 40)
    assert figures["accuracy"] > 0.9
    assert figures["accuracy low"] <= figures["accuracy"] <= figures["accuracy high"]
    assert 0.8 < figures["accuracy of one order"] <= 1
    assert 0.2 < figures["shown first"] < 0.8
    assert "accuracy of one order" in str(result)


def test_labels_teach_and_uncalibrated_ones_are_refused(tmp_path: Path) -> None:
    pairs = some_pairs()
    votes = wl.load_lfs("shipped:length", "shipped:structure")
    labels = wl.fit(votes, pairs, model="majority_vote").label(pairs)
    result = wl.stages.evaluator(labels, output_dir=tmp_path / "a", **TINY)
    assert result.rounds[0].figures["judged by"] == "test gold"
    bare = made_pairs([(f"a {i}", f"b b {i}") for i in range(20)], part="pool")
    loose = wl.fit(votes, bare, model="majority_vote").label(bare)
    with pytest.raises(NotCalibratedError, match="evaluator: the labels were never calibrated"):
        wl.stages.evaluator(loose, output_dir=tmp_path / "b", **TINY)
    allowed = wl.stages.evaluator(loose, output_dir=tmp_path / "b", allow_uncalibrated=True, **TINY)
    assert "no gold was held out" in str(allowed)


def test_another_checker_or_base_is_another_stage(project: Path, tmp_path: Path) -> None:
    def run() -> Any:
        return wl.stages.evaluator(
            "demos.jsonl", output_dir=tmp_path / "out", checker="checks.py:is_right", answers=ANSWERS, **TINY
        )

    run()
    (project / "checks.py").write_text(CHECKS.replace("+ 1)", "+ 2)"))
    with pytest.raises(ArtifactError, match=r"inputs.checker differ"):
        run()


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"eval_data": "x.jsonl"}, "eval_data is set, which is for models that write"),
        ({"audit": True}, "audit is set"),
        ({"answers": {"max_steps": 3}}, "answers is set without checker"),
        ({"checker": "a:b", "answers": {"temperatur": 1}}, "temperatur"),
        ({"held_out_shar": 0.1}, "held_out_shar"),
    ],
)
def test_settings_that_make_no_sense_are_one_line(table: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        StageTable.of({"kind": "evaluator", "from_scratch": "tiny"} | table)


def test_nothing_to_learn_from_is_one_line() -> None:
    from weaklabel.stages.materials import Materials

    settings = EvaluatorSettings(from_scratch="tiny")
    with pytest.raises(ConfigError, match="there is nothing to learn from"):
        EvaluatorStage.of(settings, Materials())
    with pytest.raises(ConfigError, match="a checker needs demonstrations"):
        EvaluatorStage.of(EvaluatorSettings(from_scratch="tiny", checker="a:b"), Materials())
