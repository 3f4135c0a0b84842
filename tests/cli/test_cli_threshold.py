"""`weaklabel threshold`: a guarantee from locked gold, a refusal with words, and no guarantee without such gold."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from weaklabel.cli.main import main

pytestmark = pytest.mark.same_everywhere


LFS = """
from weaklabel import response_scorer

@response_scorer(prefer="more", min_gap=1)
def steps(response):
    return response.text.count("step")
"""
TOML = "[data]\npairs = 'pairs.jsonl'\n[lfs]\nuse = ['lfs.py']\n"


def write_pairs(n: int, n_ties: int = 0) -> None:
    """More steps win: nearly always where the gap is large, hardly more often than not where it is one."""
    rng = np.random.default_rng(0)
    rows = []
    for i in range(n):
        gap, turned = int(rng.choice([1, 8])), bool(rng.random() < 0.5)
        long, short = "step " * (gap + 1) + str(i), f"step {i}"
        better_is_long = rng.random() < (0.99 if gap == 8 else 0.6)
        gold = "tie" if i < n_ties else "a" if better_is_long != turned else "b"
        a, b = (short, long) if turned else (long, short)
        rows.append({"prompt": f"question {i}", "response_a": a, "response_b": b, "gold": gold})
    Path("pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    Path("lfs.py").write_text(LFS, encoding="utf-8")
    Path("weaklabel.toml").write_text(TOML, encoding="utf-8")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["threshold", *arguments])


def answer(*arguments: str) -> Any:
    return json.loads(run(*arguments, "--json").stdout)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with 600 pairs, half of them in the locked test part."""
    folder = tmp_path_factory.mktemp("threshold")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        write_pairs(600, n_ties=10)
        assert run().exit_code == 0
        yield folder


@pytest.fixture
def project(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(finished)


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_it_keeps_the_pairs_that_are_that_good(project: None) -> None:
    found = answer()
    assert found["found"]["certified"] is True
    assert 0.4 < found["found"]["kept_share"] < 0.6  # the half with the large gap
    assert found["part"] == "test"
    assert found["n_kept_elsewhere"] < found["n_elsewhere"]


def test_a_person_reads_the_curve_the_ground_it_stands_on_and_the_threshold(project: None) -> None:
    done = run()
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["confidence", "at", "least", "kept", "pairs", "accuracy"]
    assert "gold pairs of the locked test part" in done.stdout
    assert "gold ties: left out of the accuracies above, counted as wrong" in done.stdout
    threshold = answer()["found"]["threshold"]
    assert f"confidence at least {threshold:g}: at least 90.0% of the kept pairs are right" in done.stdout
    assert f"--min-confidence {threshold:g}" in done.stdout


def test_the_export_keeps_what_was_certified(project: None) -> None:
    found = answer()
    arguments = [
        "export",
        "--min-confidence",
        str(found["found"]["threshold"]),
        "--format",
        "parquet",
        "--json",
    ]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["exports"]["parquet"]["n_kept"] == found["n_kept_elsewhere"]


def test_a_refusal_says_what_is_lacking_and_exits_1(project: None) -> None:
    done = run("--accuracy", "0.999")
    assert done.exit_code == 1
    assert "no threshold can be certified: " in done.stdout
    assert "--min-confidence" not in done.stdout
    assert answer("--accuracy", "0.999")["found"]["certified"] is False


def test_a_lower_accuracy_keeps_more(project: None) -> None:
    assert answer("--accuracy", "0.7")["found"]["kept_share"] > answer()["found"]["kept_share"]


def test_gold_that_was_fitted_on_is_no_ground_for_a_guarantee(empty: None) -> None:
    write_pairs(60)
    done = run("--test-share", "0")
    assert done.exit_code == 2
    assert "used to fit and to calibrate" in done.stderr
    assert "data.test_share above 0" in done.stderr


def test_without_any_gold_it_asks_for_some(empty: None) -> None:
    write_pairs(30)
    rows = [json.loads(line) for line in Path("pairs.jsonl").read_text(encoding="utf-8").splitlines()]
    text = "".join(json.dumps(row | {"gold": None}) + "\n" for row in rows)
    Path("pairs.jsonl").write_text(text, encoding="utf-8")
    done = run()
    assert done.exit_code == 2
    assert "no pair has gold" in done.stderr


def test_uncalibrated_labels_get_a_guarantee_and_a_warning(project: None) -> None:
    found = answer("--calibration", "none")
    assert found["found"]["certified"] is True
    assert any("not calibrated" in note for note in found["notes"])


@pytest.mark.parametrize(("option", "value"), [("--accuracy", "0.5"), ("--accuracy", "90"), ("--level", "1")])
def test_what_is_no_share_is_refused_before_anything_is_fitted(empty: None, option: str, value: str) -> None:
    done = run(option, value)
    assert done.exit_code == 2
    assert f"Invalid value for '{option}'" in done.stderr
