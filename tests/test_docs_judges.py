"""What docs/judges.md shows: its Python runs, its settings are settings."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from weaklabel.config import Config

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "judges.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_the_python_on_the_page_runs_and_says_what_it_claims(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (block,) = blocks("python")
    exec(compile(block, "judges.md", "exec"), {"__name__": "docs"})
    shown = capsys.readouterr().out
    assert "30 of 30 pairs to ask, 60 calls" in shown
    assert "worth +0.50 nats" in shown  # the stand-in's taste for the first place


@pytest.mark.parametrize("block", blocks("toml"))
def test_the_settings_on_the_page_are_accepted(block: str) -> None:
    Config.model_validate(tomllib.loads(block))


def test_every_link_on_the_page_leads_to_a_heading() -> None:
    headings = {
        re.sub(r"[^a-z ]", "", h.lower()).replace(" ", "-") for h in re.findall(r"^#+ (.*)$", PAGE, re.M)
    }
    assert set(re.findall(r"\(#(.*?)\)", PAGE)) <= headings
