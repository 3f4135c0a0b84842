"""What docs/ilr.md shows: its Python runs, its TOML is read, and its table names every arm."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from weaklabel.stages.refinement.arms import ARMS
from weaklabel.stages.registry import StageTable

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "ilr.md").read_text(encoding="utf-8")


@pytest.mark.trains
def test_the_python_on_the_page_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    monkeypatch.chdir(tmp_path)
    (block,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(compile(block, "ilr.md", "exec"), {"__name__": "docs"})
    assert re.search(r"^ilr +round 0 +round 1\n", capsys.readouterr().out)
    assert (tmp_path / "out" / "ilr" / "round-01" / "labels.jsonl").is_file()


def test_the_table_of_settings_is_one_of_a_stage() -> None:
    (block,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    (table,) = tomllib.loads(block)["stage"]
    assert StageTable.of(table).kind == "ilr"


def test_every_arm_has_its_row() -> None:
    assert set(re.findall(r"^\| `(\w+)` \|", PAGE.split("| `arm` |")[1], re.M)) == set(ARMS)
