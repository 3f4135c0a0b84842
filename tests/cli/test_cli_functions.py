"""Labeling functions that misbehave, through the commands."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from weaklabel.cli.main import main
from weaklabel.data.sample import write_sample

LOUD = """
from weaklabel import response_scorer
print("loading")

@response_scorer(min_gap=1)
def loud(response):
    print("scoring")
    return len(response)
"""
HANGS = """
from weaklabel import labeling_function

@labeling_function
def hangs(pair):
    while True:
        pass
"""
SNORKEL = """
class Old:
    def __init__(self, f):
        self.name, self._f = f.__name__, f
    def __call__(self, x):
        return self._f(x)

@Old
def asks_first(x):
    return 1 if len(x.response_a) % 2 else -1
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    write_sample(tmp_path, n_pairs=200, n_gold=150)
    (tmp_path / "weaklabel.toml").write_text(
        '[data]\npairs = "pairs.jsonl"\ngold = "gold.jsonl"\n[lfs]\nuse = ["lfs.py"]\n'
    )
    return tmp_path


def run(*arguments: str) -> Any:
    return CliRunner().invoke(main, list(arguments))


@pytest.mark.parametrize("command", [["check"], ["apply"], ["analyze"], ["list", "--lfs", "lfs.py"]])
def test_what_a_function_prints_stays_out_of_the_results(project: Path, command: list[str]) -> None:
    (project / "lfs.py").write_text(LOUD)
    done = run(*command, "--json")
    assert "loading" in done.stderr
    assert json.loads(done.stdout)


def test_a_hanging_function_is_a_finding(project: Path) -> None:
    (project / "lfs.py").write_text(HANGS)
    done = run("check", "--time-limit", "0.2", "--json")
    assert done.exit_code == 1
    assert [finding["code"] for finding in json.loads(done.stdout)["findings"]] == ["WL115"]


def test_explore_shows_as_many_clues_as_asked_for(project: Path) -> None:
    rows = [
        sum(line.startswith("scorer") for line in run("explore", "--top", str(top)).stdout.splitlines())
        for top in (3, 20)
    ]
    assert rows == [3, 20]


def test_apply_says_how_often_a_snorkel_function_votes_on_the_position(project: Path) -> None:
    (project / "by_position.py").write_text(SNORKEL)
    toml = project / "weaklabel.toml"
    toml.write_text(
        toml.read_text().replace(
            'use = ["lfs.py"]',
            'use = []\n[[lfs.snorkel]]\nuse = "by_position.py:asks_first"\nvotes = {1 = "a", 2 = "b"}',
        )
    )
    done = run("apply")
    assert "asks_first: 100% of its votes do not turn round with the pair" in done.stderr
