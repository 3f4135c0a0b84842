"""Two commands on one run, interleaved by force: what is kept is what the settings ask for, or nothing is."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from weaklabel.artifacts import locks
from weaklabel.config import load_config
from weaklabel.errors import ArtifactError, BusyError
from weaklabel.pipeline import Run
from weaklabel.pipeline.steps import read as read_step

LFS = """
from weaklabel import response_scorer

@response_scorer
def longer(response):
    return len(response)
"""


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("lfs.py").write_text(LFS)
    for name in "xy":
        rows = [
            {"id": f"{name}{i}", "prompt": f"q {i}", "response_a": "a", "response_b": "bb"} for i in range(4)
        ]
        Path(f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def run_of(name: str, **settings: Any) -> Run:
    """The run on one of the two files; it waits for nobody."""
    found = Run(load_config(options={"data.pairs": f"{name}.jsonl", "lfs.use": ["lfs.py"]}), **settings)
    found.lock.patience = 0.0
    return found


def in_the_middle(monkeypatch: pytest.MonkeyPatch, act: Callable[[], None]) -> None:
    """Have `act` happen once, after pairs were written and before their step has come to its end."""
    convert, done = read_step.convert_pairs, list[bool]()

    def interleaved(*arguments: Any, **settings: Any) -> Any:
        written = convert(*arguments, **settings)
        if not done:
            done.append(True)
            act()
        return written

    monkeypatch.setattr(read_step, "convert_pairs", interleaved)


def ids(run: Run) -> list[str]:
    return run.pairs.table["id"].to_pylist()


def test_a_second_run_cannot_write_while_the_first_does(monkeypatch) -> None:
    def intrude() -> None:
        with pytest.raises(BusyError, match="is being written by"):
            run_of("y").votes  # noqa: B018

    in_the_middle(monkeypatch, intrude)
    assert ids(run_of("x")) == ["x0", "x1", "x2", "x3"]


def test_without_locks_the_wrong_pairs_are_never_kept(monkeypatch) -> None:
    def none(*_: object) -> None:
        raise OSError(errno.ENOLCK, "no locks available")

    monkeypatch.setattr(locks.fcntl, "flock", none)
    in_the_middle(monkeypatch, lambda: run_of("y").plan.read.ensure())
    run_of("x").plan.read.ensure()
    # Today's pairs.parquet is whichever was put there last; its manifest says of which bytes it speaks.
    assert ids(run_of("x")) == ["x0", "x1", "x2", "x3"]
    assert ids(run_of("y")) == ["y0", "y1", "y2", "y3"]
    assert run_of("x").votes.ids == ("x0", "x1", "x2", "x3")


def test_a_run_whose_pairs_were_replaced_under_it_says_so_and_makes_nothing_of_them() -> None:
    first = run_of("x")
    first.plan.read.ensure()
    run_of("y").plan.read.ensure()
    with pytest.raises(ArtifactError, match=r"pairs.parquet was changed by another command"):
        first.votes  # noqa: B018
    assert not Path("runs/base/apply.json").exists()
    assert run_of("x").votes.ids == ("x0", "x1", "x2", "x3")


def test_a_run_in_python_leaves_the_folder_free_between_its_steps() -> None:
    first = run_of("x")
    assert ids(first) == ["x0", "x1", "x2", "x3"]
    assert not first.lock.is_held
    assert ids(run_of("y")) == ["y0", "y1", "y2", "y3"]


def test_a_command_keeps_the_folder_until_it_ends() -> None:
    from contextlib import ExitStack

    with ExitStack() as command:
        first = run_of("x", until=command)
        first.plan.read.ensure()
        assert first.lock.is_held
        with pytest.raises(BusyError):
            run_of("y").plan.read.ensure()
    assert ids(run_of("y")) == ["y0", "y1", "y2", "y3"]


def test_who_was_stopped_in_the_middle_is_named_to_the_next(monkeypatch) -> None:
    told: list[str] = []
    run_of("x").plan.read.ensure()
    about = locks.Holder(1, "elsewhere", "weaklabel fit", "12:00:00")
    Path("runs/base/.lock").write_text(json.dumps(vars(about)))
    run_of("y", on_note=told.append).plan.read.ensure()
    assert told == [
        "'weaklabel fit' (process 1 on elsewhere, since 12:00:00) ended in the middle of writing runs/base; "
        "what is whole is kept"
    ]


@pytest.mark.parametrize("forgotten", ["votes.parquet", "labels.parquet", "labeler/labeler.json"])
def test_damaged_votes_of_a_finished_run_are_computed_again_by_who_finds_them(forgotten, caplog) -> None:
    before = run_of("x").labels_file.path.read_bytes()
    damaged = next(Path(".weaklabel/votes").rglob("*.parquet"))
    raw = bytearray(damaged.read_bytes())
    raw[len(raw) // 2] ^= 4
    damaged.write_bytes(raw)
    Path("runs/base", forgotten).unlink()
    again = run_of("x")
    assert again.labels_file.path.read_bytes() == before
    assert again.stored.shard(again.file, 0).L.tolist() == [[1]] * 4
    assert f"{damaged} is damaged" in caplog.text
