"""Runs in processes of their own: two that share the work, one that is killed."""

from __future__ import annotations

import json
import random
import signal
import socket
import time
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from forked import Forked  # noqa: E402
from safetensors.torch import load_file  # noqa: E402
from trained_apart import in_a_process, run, run_dpo  # noqa: E402

from weaklabel.training.runs.checkpoints import last_checkpoint  # noqa: E402

pytestmark = pytest.mark.trains


def start(folder: Path, settings: dict[str, Any], **environment: str) -> Forked:
    return Forked(in_a_process, folder, settings, environment)


def furthest(model: Any, weights: dict[str, Any]) -> float:
    own = model.state_dict()
    assert set(own) == set(weights)
    return max(float((own[name] - weights[name]).abs().max()) for name in own)


@pytest.mark.parametrize(("dpo", "alone"), [(False, run), (True, run_dpo)], ids=["scorer", "dpo"])
def test_two_processes_give_the_model_of_one(dpo: bool, alone: Any, tmp_path: Path) -> None:
    settings = {"dropout": 0.0, "groups_per_batch": 4, "num_train_epochs": 2}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2"}
    both = [
        start(tmp_path / "two", settings | {"dpo": dpo}, RANK=rank, LOCAL_RANK=rank, **shared)
        for rank in ("0", "1")
    ]
    one, done = alone(tmp_path / "one", gradient_accumulation_steps=2, **settings)
    ended = [process.end() for process in both]
    assert [status for status, _ in ended] == [0, 0], ended
    assert furthest(one, load_file(tmp_path / "two" / "model" / "model.safetensors")) < 1e-5
    log = [json.loads(line) for line in (tmp_path / "two" / "log.jsonl").read_text().splitlines()]
    assert done.losses[0][1] != pytest.approx(done.losses[-1][1], abs=1e-2)  # it has learned something
    assert [x["loss"] for x in log if "loss" in x] == pytest.approx([x[1] for x in done.losses], abs=1e-5)
    assert [x["eval_nll"] for x in log if "eval_nll" in x] == pytest.approx(
        [x[1] for x in done.checks], abs=1e-5
    )


@pytest.mark.slow
def test_a_run_of_dpo_that_is_killed_twenty_times_ends_with_the_same_weights(tmp_path: Path) -> None:
    settings = {"dropout": 0.2, "groups_per_batch": 2, "num_train_epochs": 6, "save_steps": 3}
    began = time.monotonic()
    assert start(tmp_path / "timed", settings | {"dpo": True}).end()[0] == 0
    lasted = time.monotonic() - began
    undisturbed, whole = run_dpo(tmp_path / "undisturbed", **settings)
    draw, resumed = random.Random(0), []
    for number in range(20):
        folder = tmp_path / f"{number}"
        process = start(folder, settings | {"dpo": True})
        time.sleep(draw.uniform(0.0, 1.0) * lasted)
        process.kill()
        continued, rest = run_dpo(folder, **settings)
        resumed.append(rest.resumed)
        assert furthest(continued, undisturbed.state_dict()) < 1e-6
        assert rest.lines[-1]["step"] == whole.steps
    assert len(set(resumed)) > 5, resumed  # kills fell at many places


def test_a_killed_run_continues_to_the_weights_of_an_undisturbed_one(tmp_path: Path) -> None:
    settings = {
        "dropout": 0.2,
        "groups_per_batch": 2,
        "num_train_epochs": 3,
        "gradient_accumulation_steps": 2,
        "save_steps": 5,
    }
    process = start(tmp_path / "killed", settings)
    deadline = time.monotonic() + 120
    while not (tmp_path / "killed" / "checkpoint-15").exists() and time.monotonic() < deadline:
        time.sleep(0.01)  # in the second of three epochs
    assert process.kill() == -signal.SIGKILL
    undisturbed, whole = run(tmp_path / "undisturbed", **settings)
    continued, rest = run(tmp_path / "killed", **settings)
    assert rest.resumed is not None
    assert 10 <= rest.resumed < whole.steps
    assert [loss for _, loss, _ in rest.losses] == pytest.approx([x[1] for x in whole.losses], abs=1e-6)
    assert furthest(continued, undisturbed.state_dict()) < 1e-6
    lines = [json.loads(line) for line in (tmp_path / "killed" / "log.jsonl").read_text().splitlines()]
    assert [x["step"] for x in lines if "loss" in x] == list(range(1, whole.steps + 1))


def test_a_torn_checkpoint_is_passed_over_and_removed(tmp_path: Path) -> None:
    settings = {"dropout": 0.2, "groups_per_batch": 8, "save_steps": 2}
    undisturbed, whole = run(tmp_path / "run", **settings)
    state = tmp_path / "run" / "checkpoint-6" / "trainer_state.json"
    state.write_text(state.read_text()[:100])
    assert last_checkpoint(tmp_path / "run") == tmp_path / "run" / "checkpoint-4"
    continued, rest = run(tmp_path / "run", **settings)
    assert (rest.resumed, rest.steps) == (4, whole.steps)
    assert furthest(continued, undisturbed.state_dict()) < 1e-6
