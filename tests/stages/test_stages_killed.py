"""Every stage: its promises, and the same files from everywhere, after a kill at any moment, or a full disk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from killed_stages import AUDITED, BEGUN, CHECKPOINT, KilledStage, assert_same, write_data

from weaklabel.cli.main import main
from weaklabel.stages.checks import STAGE_CHECKS
from weaklabel.stages.registry import STAGES

pytestmark = pytest.mark.trains

TRAINING: dict[str, Any] = {
    "from_scratch": "tiny",
    "max_steps": 4,
    "save_steps": 2,
    "groups_per_batch": 4,
    "learning_rate": 1e-3,
    "max_length": 64,
}
AUDIT: dict[str, Any] = {"max_new_tokens": 8, "audit_prompts": 4}

KILLED: dict[str, KilledStage] = {
    "sft": KilledStage({"kind": "sft", "data": "sums.jsonl", "audit": AUDIT, **TRAINING}),
    "dpo": KilledStage(
        {"kind": "dpo", "data": "pairs.jsonl", "audit": AUDIT, **TRAINING},
        places={
            "after the reference": ("round-00.part/scratch/training/reference/*.parquet", 0.0),
            "in the middle of a checkpoint": CHECKPOINT,
            "in the audit": AUDITED,
        },
    ),
    "hindsight": KilledStage(
        {"kind": "hindsight", "data": "pairs.jsonl", "audit": AUDIT, **TRAINING}
        | {"max_length": 128, "template": "questions", "link_dropout": 0.1}
    ),
    "evaluator": KilledStage(
        {"kind": "evaluator", "data": "pairs.jsonl", **TRAINING, "max_length": 128},
        places={
            "at the start": BEGUN,
            "in the middle of a checkpoint": CHECKPOINT,
            "in a later checkpoint": ("round-00.part/scratch/training/checkpoint-4", 0.0),
        },
        less={"max_steps": 1, "save_steps": None},
    ),
    "best_of": KilledStage(
        {"kind": "best_of", "data": "prompts.jsonl", "from_scratch": "tiny", "num_generations": 4}
        | {
            "comparer": "checks.py:length",
            "held_out": "checks.py:vowels",
            "batch_size": 4,
            "max_new_tokens": 6,
        },
        places={
            "at the first samples": ("round-00.part/scratch/samples/*.jsonl", 0.0),
            "at later samples": ("round-00.part/scratch/samples/*.jsonl", 0.1),
            "at the last samples": ("round-00.part/scratch/samples/*.jsonl", 0.3),
        },
        files=("*",),
        less={"num_generations": 2},
    ),
    "proxy": KilledStage(
        {
            "kind": "proxy",
            "data": "prompts.jsonl",
            "expert": "checks.py:vowels",
            "queries": 24,
            "query_batch": 12,
        }
        | {"acquisition": "coreset", "num_generations": 4, "max_new_tokens": 6, "batch_size": 16}
        | {"num_rounds": 2, "audit": {"audit_prompts": 4}}
        | TRAINING,
        places={
            "when the first answers are kept": ("answers/*.jsonl", 0.0),
            "when the evaluation model stands": ("round-00.part/evaluator/manifest.json", 0.0),
            "in the policy of the second round": ("round-01.part/scratch/training-*/checkpoint-2", 0.0),
        },
        files=("answers.jsonl", "pairs.parquet", "samples.jsonl", "curve.*", "scores.*"),
        less={
            "max_steps": 1,
            "save_steps": None,
            "audit": False,
            "queries": 4,
            "query_batch": None,
            "num_rounds": 1,
        },
    ),
    "superhf": KilledStage(
        {"kind": "superhf", "data": "prompts.jsonl", "from_scratch": "tiny", "superbatch_size": 4}
        | {
            "comparer": "checks.py:vowels",
            "held_out": "checks.py:length",
            "beta": 0.1,
            "audit": {"audit_prompts": 4},
        }
        | {"prompt_accumulation_steps": 6, "minibatch_size": 3, "max_new_tokens": 6, "max_length": 48}
        | {"save_steps": 2, "learning_rate": 1e-3},
        places={
            "in the first superbatch": ("round-00.part/superbatches.jsonl", 0.0),
            "in the middle of a checkpoint": CHECKPOINT,
            "in the audit": AUDITED,
        },
        files=("superbatches.jsonl",),
    ),
    "ilr": KilledStage(
        {"kind": "ilr", "data": "copies.jsonl", "comparer": "checks.py:length", "truth": "checks.py:is_right"}
        | TRAINING
        | {"max_steps": 2, "save_steps": 1, "groups_per_batch": 8, "max_length": 48, "audit": False}
        | {"num_rounds": 2, "alpha": 0.5, "proposals": {"max_new_tokens": 4, "temperature": 1.0}}
        | {"samples": {"max_new_tokens": 4, "num_generations": 2}},
        places={
            "in the first training": ("round-00.part/scratch/training/checkpoint-1", 0.0),
            "between two folds": ("round-01.part/scratch/proposals/fold-0.json", 0.0),
            "when labels are settled": ("round-02.part/labels.jsonl", 0.0),
        },
        files=("labels.jsonl", "decisions.jsonl"),
        less={"num_rounds": 1, "max_steps": 1, "save_steps": None, "agree": "exact"},
    ),
}
PLACES = [
    pytest.param(kind, place, id=f"{kind} {place}") for kind, each in KILLED.items() for place in each.places
]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def undisturbed(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a stage that nobody killed, by its kind; each is carried out once."""
    made: dict[str, Path] = {}

    def folder_of(kind: str) -> Path:
        if kind not in made:
            folder = tmp_path_factory.mktemp("undisturbed") / kind
            KILLED[kind].to_the_end(data, folder)
            made[kind] = folder
        return made[kind]

    return folder_of


def test_every_stage_is_here() -> None:
    assert KILLED.keys() == STAGES.keys()


@pytest.mark.parametrize(("kind", "place"), PLACES)
def test_a_killed_stage_ends_with_the_same_files(
    kind: str, place: str, data: Path, undisturbed: Callable[[str], Path], tmp_path: Path
) -> None:
    stage, folder = KILLED[kind], tmp_path / kind
    stage.killed_at(data, folder, stage.places[place])
    stage.to_the_end(data, folder)
    assert_same(folder, undisturbed(kind), stage.files)


@pytest.mark.parametrize("written", ["toml", "command line"])
@pytest.mark.parametrize("kind", KILLED)
def test_the_command_gives_the_files_that_python_gives(
    kind: str,
    written: str,
    undisturbed: Callable[[str], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stage, project = KILLED[kind], write_data(tmp_path)
    text = stage.toml if written == "toml" else "[lfs]\nuse = []\n"
    (project / "weaklabel.toml").write_text(text, encoding="utf-8")
    monkeypatch.chdir(project)
    main(stage.words[:1] if written == "toml" else stage.words, standalone_mode=False)
    assert_same(project / "runs" / "base" / kind, undisturbed(kind), stage.files)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KILLED)
def test_a_stage_that_is_killed_twenty_times_ends_with_the_same_files(
    kind: str, data: Path, undisturbed: Callable[[str], Path], tmp_path: Path
) -> None:
    KILLED[kind].killed_many_times(data, tmp_path, undisturbed(kind))


@pytest.mark.parametrize(
    "size", [pytest.param(3_000, marks=pytest.mark.slow), 200_000], ids=["a small file", "the weights"]
)
def test_a_full_disk_is_one_line_and_the_same_command_goes_on(
    size: int, data: Path, undisturbed: Callable[[str], Path], tmp_path: Path
) -> None:
    stage, folder = KILLED["sft"], tmp_path / "sft"
    with stage.start(data, folder, largest_file=size) as process:
        status, said = process.end()
    assert status != 0
    last = said.strip().splitlines()[-1]
    assert "Error" in last
    assert "could not be" in last or "File too large" in last, said
    stage.to_the_end(data, folder)
    assert_same(folder, undisturbed("sft"))


@pytest.mark.parametrize("check", STAGE_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("kind", KILLED)
def test_every_promise_of_a_stage_is_kept(
    kind: str, check: Any, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(data)
    check(KILLED[kind].make, tmp_path)
