"""What the README shows is what happens."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import zstandard

from weaklabel.cli.main import COMMANDS
from weaklabel.data.sample import write_sample

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files that the example names."""
    monkeypatch.chdir(tmp_path)
    paths = write_sample(tmp_path, n_pairs=240, n_gold=120, seed=3)
    (tmp_path / "data").mkdir()
    packed = zstandard.compress(paths.pairs.read_bytes())
    (tmp_path / "data" / "pairs.jsonl.zst").write_bytes(packed)
    paths.gold.rename(tmp_path / "data" / "gold.jsonl")
    (tmp_path / "lfs").mkdir()
    lf = "from weaklabel import response_scorer\n\n@response_scorer\ndef digits(response):\n    return sum(map(str.isdigit, response))\n"
    (tmp_path / "lfs" / "mine.py").write_text(lf, encoding="utf-8")
    return tmp_path


def test_the_example_runs_as_written(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    assert len(example.strip().splitlines()) <= 20
    exec(compile(example, "README.md", "exec"), {"__name__": "readme"})
    assert "longer_response" in capsys.readouterr().out
    assert (project / "out/trl/train.jsonl").is_file()


def test_every_command_that_is_shown_exists() -> None:
    shown = set(
        re.findall(r"^weaklabel (\w+)|&& weaklabel (\w+)|`weaklabel (\w+)`", README, flags=re.MULTILINE)
    )
    names = {name for groups in shown for name in groups if name}
    assert names
    assert names <= set(COMMANDS)


def test_every_extra_that_is_shown_exists() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for named in re.findall(r"\.\[([\w,]+)\]", README):
        assert set(named.split(",")) <= set(project["optional-dependencies"])


def test_every_path_of_the_annotated_tree_exists() -> None:
    tree = README.partition("## The tree")[2].partition("\nAdding")[0]
    inside = True
    for line in tree.splitlines():
        names = re.findall(r"[\w.]+(?:/|\.py)(?=\s)", line[:38] + " ")
        inside = line.startswith("      ") if names else inside
        for name in names:
            folder = ROOT / "weaklabel" if inside and name != "weaklabel/" else ROOT
            assert (folder / name).exists(), name
