"""Stages that are carried out in a process of their own, and killed: where a file appears, or at any moment."""

from __future__ import annotations

import json
import os
import random
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import numpy as np
from forked import Forked

import weaklabel as wl
from weaklabel.cli.main import main
from weaklabel.stages.contract import Stage
from weaklabel.stages.materials import Materials
from weaklabel.stages.registry import StageTable

TRIES = 5
Place = tuple[str, float]
"""A file that says how far a stage is, and seconds after it is there."""
BEGUN: Place = ("round-00.part/round.json", 0.1)
CHECKPOINT: Place = ("round-00.part/scratch/training/checkpoint-2", 0.0)
AUDITED: Place = ("round-00.part/audit/samples/step-4.jsonl", 0.02)


@dataclass(frozen=True)
class KilledStage:
    """A stage that a second or two carry out.

    Attributes:
        table: as `[[stage]]` has it. Paths are those of `write_data`.
        places: name -> where it is killed.
        files: of every round, that a kill changes no byte of, as patterns; `rounds.json` and the weights are always compared.
        less: settings of the promises of every stage, which carry it out a dozen times.
    """

    table: Mapping[str, Any]
    places: Mapping[str, Place] = field(
        default_factory=lambda: {
            "at the start": BEGUN,
            "in the middle of a checkpoint": CHECKPOINT,
            "in the audit": AUDITED,
        }
    )
    files: tuple[str, ...] = ()
    less: Mapping[str, Any] = field(
        default_factory=lambda: {"max_steps": 1, "save_steps": None, "audit": False}
    )

    def make(self) -> Stage:
        """The stage with less to do, in the folder of the data."""
        return StageTable.of(self.table | self.less).stage(Materials())

    @property
    def toml(self) -> str:
        """A project that has it as its only stage."""
        flat = {name: value for name, value in self.table.items() if not isinstance(value, dict)}
        inner = {name: value for name, value in self.table.items() if isinstance(value, dict)}
        lines = ["[lfs]", "use = []", "[[stage]]", *map(_line, flat.items())]
        for name, table in inner.items():
            lines += [f"[stage.{name}]", *map(_line, table.items())]
        return "\n".join(lines) + "\n"

    @property
    def words(self) -> list[str]:
        """The command, with an option for what has one and `--set` for the rest."""
        name = self.table["kind"].replace("_", "-")
        command = main.get_command(click.Context(main), name)
        assert command is not None
        options = {text for each in command.params for text in each.opts}
        words = [name]
        for key, value in self.table.items():
            option = f"--{key.replace('_', '-')}"
            if option in options:
                words += [option, str(value)]
            elif key != "kind":
                words += [text for each in _sets(f"stage.{key}", value) for text in ("--set", each)]
        return words

    def start(self, data: Path, folder: Path, largest_file: int | None = None) -> Forked:
        """At work; files that grow beyond `largest_file` bytes cannot be written."""
        return Forked(_carried_out, dict(self.table), data, folder, largest_file=largest_file)

    def to_the_end(self, data: Path, folder: Path) -> None:
        with self.start(data, folder) as process:
            status, said = process.end()
        assert status == 0, said

    def killed_at(self, data: Path, folder: Path, place: Place) -> None:
        """Killed there. Where the machine was too slow to kill it before its rounds were whole, it is tried again."""
        seen, pause = place
        for _ in range(TRIES):
            with self.start(data, folder) as process:
                until = time.monotonic() + 120
                while not _is_there(folder, seen) and not process.ended and time.monotonic() < until:
                    time.sleep(0.002)
                time.sleep(pause)
            if any(folder.glob("*.part")):
                return
            shutil.rmtree(folder, ignore_errors=True)
        raise AssertionError(f"{seen} was never seen before the stage had ended, in {TRIES} tries.")

    def killed_many_times(self, data: Path, folder: Path, undisturbed: Path, times: int = 20) -> None:
        """Killed at `times` random moments, each time in a folder of its own, and carried out again."""
        draw = random.Random(0)
        began = time.monotonic()
        self.to_the_end(data, folder / "first")
        lasted = time.monotonic() - began
        for number in range(times):
            place = folder / f"{number}"
            with self.start(data, place):
                time.sleep(draw.uniform(0, 1) * lasted)
            self.to_the_end(data, place)
            assert_same(place, undisturbed, self.files)


def assert_same(one: Path, other: Path, files: tuple[str, ...] = ()) -> None:
    """The same rounds and figures in two folders, the same bytes of `files`, and weights that are the same but for rounding.

    Args:
        one, other: what a stage left.
        files: of every round, as patterns.
    """
    assert (one / "rounds.json").read_bytes() == (other / "rounds.json").read_bytes()
    rounds = [sorted(path.name for path in each.glob("round-*")) for each in (one, other)]
    assert rounds[0] == rounds[1]
    for name in rounds[0]:
        assert_same_round(one / name, other / name, files)


def assert_same_round(one: Path, other: Path, files: tuple[str, ...] = ()) -> None:
    """The same bytes of `files`, which are patterns, and weights that are the same but for rounding."""
    from safetensors.numpy import load_file

    for pattern in files:
        ours, theirs = (
            {path.name: path.read_bytes() for path in each.glob(pattern)} for each in (one, other)
        )
        assert ours
        assert ours == theirs
    if not (other / "model").is_dir():
        return
    ours, theirs = (load_file(each / "model" / "model.safetensors") for each in (one, other))
    assert ours.keys() == theirs.keys()
    assert max(float(np.abs(ours[name] - theirs[name]).max()) for name in ours) <= 1e-6


def _carried_out(table: Mapping[str, Any], data: Path, folder: Path) -> None:
    """By the function that Python calls."""
    os.chdir(data)
    given = dict(table)
    kind, learned = given.pop("kind"), given.pop("data")
    getattr(wl.stages, kind)(learned, output_dir=folder, **given)


def _line(item: tuple[str, Any]) -> str:
    return f"{item[0]} = {json.dumps(item[1])}"


def _sets(key: str, value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for name, each in value.items() for text in _sets(f"{key}.{name}", each)]
    return [f"{key}={json.dumps(value)}"]


def _is_there(folder: Path, seen: str) -> bool:
    return any(path.is_dir() or path.stat().st_size for path in folder.glob(seen))


# ---------------------------------------------------------------------------------------- what they learn
CHECKS = """
def length(prompt, response):
    return len(response)

def vowels(prompt, response):
    return sum(letter in "aeiou" for letter in response)

def is_right(prompt, response):
    return response == prompt.replace("?", "")
"""


def write_data(folder: Path) -> Path:
    """A folder with demonstrations, pairs with gold, prompts, and functions that compare."""
    draw = random.Random(0)
    words = ["adding", "one", "number", "to", "the", "other", "gives", "their", "sum", "in", "the", "end"]
    sums = [
        {
            "prompt": f"What is {k} + {k % 7}?",
            "completion": f"{k + k % 7}, {' '.join(draw.choices(words, k=4))}.",
        }
        for k in range(40)
    ]
    copies = [
        {"prompt": f"{k}{k}?", "completion": f"{k}{k}" if k % 2 else "no", "pinned": k == 4}
        for k in range(16)
    ]
    _write(folder / "sums.jsonl", sums)
    _write(folder / "copies.jsonl", copies)
    _write(folder / "pairs.jsonl", [_pair(k, draw) for k in range(48)])
    _write(folder / "prompts.jsonl", [{"prompt": f"Say something about number {k}."} for k in range(24)])
    (folder / "checks.py").write_text(CHECKS, encoding="utf-8")
    return folder


def _pair(k: int, draw: random.Random) -> dict[str, str]:
    """The better response is "yes" or "no" by whether the number is odd."""
    gold = draw.choice("ab")
    right, wrong = ("yes", "no") if k % 2 else ("no", "yes")
    a, b = (right, wrong) if gold == "a" else (wrong, right)
    return {"id": f"p{k}", "prompt": f"Is {k} odd?", "response_a": a, "response_b": b, "gold": gold}


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
