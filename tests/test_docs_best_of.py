"""What docs/best_of.md shows: its Python runs, its TOML is read, and its tables name every file and every spread."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import get_args

import pytest

from weaklabel.stages.best_of.settings import Spread
from weaklabel.stages.registry import StageTable

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "best_of.md").read_text(encoding="utf-8")


@pytest.mark.trains
def test_the_python_on_the_page_runs_and_writes_the_files_of_its_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    monkeypatch.chdir(tmp_path)
    (block,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(compile(block, "best_of.md", "exec"), {"__name__": "docs"})
    assert re.search(r"^best_of +round 0\n", capsys.readouterr().out)
    folder = tmp_path / "out" / "best_of" / "round-00"
    rows = re.findall(r"^\| (`[^|]+`) \|", PAGE.split("| file of the round |")[1].split("\n\n")[0], re.M)
    told = {name for row in rows for name in re.findall(r"`([^`]+)`", row)}
    assert told == {path.name for path in folder.iterdir()} - {"round.json"}


def test_the_table_of_settings_is_one_of_a_stage() -> None:
    (block,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    (table,) = tomllib.loads(block)["stage"]
    assert StageTable.of(table).kind == "best_of"


def test_every_spread_has_its_row() -> None:
    rows = PAGE.split("| `spread` |")[1].split("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", rows, re.M)) == set(get_args(Spread))
