"""What a shell may complete, asked as a shell asks it."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from weaklabel.cli.main import main


def offered(*typed: str) -> list[str]:
    *before, last = typed
    complete = ShellComplete(main, {}, "weaklabel", "_WEAKLABEL_COMPLETE")
    return [item.value for item in complete.get_completions(before, last) if item.type == "plain"]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "weaklabel.toml").write_text('[lfs]\nuse = ["lfs.py"]\n')
    (tmp_path / "lfs.py").write_text(
        "from weaklabel.lf import threshold_scorer\n"
        "longer = threshold_scorer('longer', 'n_chars')\nlists = threshold_scorer('lists', 'n_list_items')\n"
    )
    for name in ("base", "better", "empty"):
        (tmp_path / "runs" / name).mkdir(parents=True)
    for name in ("base", "better"):
        (tmp_path / "runs" / name / "read.json").write_text("{}")
    return tmp_path


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        (["mis"], ["mistakes"]),
        (["fit", "--name", "b"], ["base", "better"]),
        (["diff", "base", "be"], ["better"]),
        (["report", ""], ["base", "better"]),
        (["mistakes", "lo"], ["longer"]),
        (["tune", "longer", "l"], ["lists", "longer"]),
        (["fit", "--model", "pair"], ["pair_model"]),
        (["fit", "--calibration", "n"], ["none"]),
        (["export", "--format", "t"], ["trl", "trl_kto"]),
        (["apply", "--lfs", "shipped:mt"], ["shipped:mt_bench"]),
        (["reward", "train", "--reward-model", "lin"], ["linear"]),
        (["rule", "WL117"], ["WL117"]),
    ],
    ids=lambda value: " ".join(value),
)
def test_names_are_completed(project: Path, typed: list[str], found: list[str]) -> None:
    assert offered(*typed) == found


def test_sources_are_files_too(project: Path) -> None:
    complete = ShellComplete(main, {}, "weaklabel", "_WEAKLABEL_COMPLETE")
    assert "file" in {item.type for item in complete.get_completions(["apply", "--lfs"], "lf")}


def test_what_cannot_be_found_out_completes_to_nothing(project: Path) -> None:
    (project / "lfs.py").write_text("1 / 0\n")
    assert offered("mistakes", "") == []
    (project / "weaklabel.toml").write_text("[lfs\n")
    assert offered("mistakes", "") == offered("fit", "--name", "") == []
