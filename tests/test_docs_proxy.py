"""What docs/proxy.md shows: its Python runs, and its TOML is read."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from weaklabel.stages.proxy.settings import ProxySettings
from weaklabel.stages.registry import StageTable

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "proxy.md").read_text(encoding="utf-8")


@pytest.mark.trains
def test_the_python_on_the_page_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    monkeypatch.chdir(tmp_path)
    (block,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(compile(block, "proxy.md", "exec"), {"__name__": "docs"})
    assert re.search(r"^proxy +round 0\n", capsys.readouterr().out)
    assert (tmp_path / "out" / "proxy" / "round-00" / "answers.jsonl").is_file()


def test_the_table_of_settings_is_one_of_a_stage_and_says_the_defaults() -> None:
    (block,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    (table,) = tomllib.loads(block)["stage"]
    settings = StageTable.of(table).settings
    assert isinstance(settings, ProxySettings)
    plain = ProxySettings(from_scratch="tiny")
    for name in ("num_generations", "queries", "evaluator"):
        assert getattr(settings, name) == getattr(plain, name)
    assert plain.acquisition == "random"
