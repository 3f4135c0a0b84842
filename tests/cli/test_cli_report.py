"""`weaklabel report`: one file per run, whatever state the run is in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from command_line import run

from weaklabel.data.sample import write_sample

LFS = """
from weaklabel import response_scorer

@response_scorer(prefer="less")
def shouts(response):
    return response.count("!")

@response_scorer(prefer="more")
def lines(response):
    return len(response.lines)

@response_scorer(prefer="more")
def digits(response):
    return sum(c.isdigit() for c in response)
"""


def call(*arguments: str) -> Result:
    return run(*arguments, code=None)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project with gold, after `run`."""
    folder = tmp_path_factory.mktemp("project")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr("weaklabel.pipeline.figures.snorkel_is_installed", lambda: False)
        write_sample(folder / "data", n_pairs=240, n_gold=120, seed=3)
        (folder / "lfs.py").write_text(LFS, encoding="utf-8")
        toml = '[data]\npairs = "data/pairs.jsonl"\ngold = "data/gold.jsonl"\n[lfs]\nuse = ["lfs.py"]\n'
        (folder / "weaklabel.toml").write_text(
            toml + "[reward]\nsettings = { n_features = 1024 }\n", encoding="utf-8"
        )
        assert call("run").exit_code == 0
        yield folder


@pytest.fixture(autouse=True)
def inside(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    monkeypatch.setattr("weaklabel.pipeline.figures.snorkel_is_installed", lambda: False)


def test_the_page_of_a_finished_run_has_every_part() -> None:
    result = call("report")
    assert result.stdout.split(" (")[0].endswith("runs/base/report.html")
    text = Path("runs/base/report.html").read_text(encoding="utf-8")
    for words in (
        "longer response",
        "our labels (the label model itself)",
        "reward model: gold only",
        "Reliability",
    ):
        assert words in text
    for missing in ("was not looked for", "Not looked for"):
        assert missing not in text


def test_the_figures_of_the_runs_table_are_those_on_the_page() -> None:
    call("report")
    text = Path("runs/base/report.html").read_text(encoding="utf-8")
    rows: list[dict[str, Any]] = json.loads(Path("runs/base/report.json").read_text(encoding="utf-8"))["rows"]
    (row,) = (r for r in rows if r["arm"] == "reward model: gold only" and r["metric"] == "nll")
    assert f"{row['value']:.3f} [{row['low']:.3f}, {row['high']:.3f}]".replace("0.", ".") in text


def test_a_run_that_was_never_finished_is_labelled_first_and_its_page_says_what_is_missing() -> None:
    call("read", "--name", "fresh")
    result = call("report", "fresh", "--json")
    found = json.loads(result.stdout)
    assert found["run"] == "fresh"
    assert "weaklabel run" in Path(found["path"]).read_text(encoding="utf-8")
    assert not Path("runs/fresh/report.json").exists()


def test_out_counts_from_where_the_command_was_called(monkeypatch: pytest.MonkeyPatch, project: Path) -> None:
    (project / "sub").mkdir(exist_ok=True)
    monkeypatch.chdir(project / "sub")
    call("report", "base", "--out", "deep/page.html")
    assert (project / "sub/deep/page.html").stat().st_size == json.loads(
        call("report", "--out", "deep/page.html", "--json").stdout
    )["bytes"]


def test_open_shows_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    monkeypatch.setattr("click.launch", shown.append)
    call("report", "--open")
    assert [uri.startswith("file:///") and uri.endswith("runs/base/report.html") for uri in shown] == [True]


def test_a_run_without_gold_has_a_page() -> None:
    toml = '[data]\npairs = "data/pairs.jsonl"\n[lfs]\nuse = ["lfs.py"]\n'
    Path("bare.toml").write_text(toml, encoding="utf-8")
    call("read", "--name", "bare", "--config", "bare.toml")
    result = call("report", "bare", "--config", "bare.toml")
    assert result.exit_code == 0, result.output
    text = Path("runs/bare/report.html").read_text(encoding="utf-8")
    assert "No gold in the dev part" in text
    assert "never calibrated" in text


def test_two_names_for_the_run_are_a_mistake_of_one_line() -> None:
    result = call("report", "one", "--name", "two")
    assert result.exit_code == 2
    assert "two runs are named" in result.stderr


def test_a_folder_in_the_place_of_the_file_is_a_mistake_of_one_line() -> None:
    Path("folder.html").mkdir(exist_ok=True)
    result = call("report", "--out", "folder.html")
    assert result.exit_code == 2
    assert "folder.html" in result.stderr
