"""What docs/dpo.md shows: its Python runs, its TOML is read, and its table names every loss."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from weaklabel.stages.registry import StageTable
from weaklabel.training.losses import LOSSES

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "dpo.md").read_text(encoding="utf-8")


@pytest.mark.trains
def test_the_python_on_the_page_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    monkeypatch.chdir(tmp_path)
    (block,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(compile(block, "dpo.md", "exec"), {"__name__": "docs"})
    assert re.search(r"^dpo +round 0\ncomparisons +", capsys.readouterr().out)


def test_the_table_of_settings_is_one_of_a_stage() -> None:
    (block,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    (table,) = tomllib.loads(block)["stage"]
    assert StageTable.of(table).kind == "dpo"


def test_every_loss_has_its_row() -> None:
    assert set(re.findall(r"^\| `(\w+)` \|", PAGE.split("## The losses")[1], re.M)) == {*LOSSES, "loss_type"}
