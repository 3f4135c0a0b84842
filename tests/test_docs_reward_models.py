"""What docs/reward_models.md shows: its Python runs, its settings are settings, its commands and options exist."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path

import click
import pytest

from weaklabel.cli.labels.reward import command
from weaklabel.config import Config
from weaklabel.reward import REWARD_MODELS

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "reward_models.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def lines() -> list[str]:
    return [line.partition("#")[0] for block in blocks("sh") for line in block.splitlines()]


def test_the_python_on_the_page_runs_and_says_what_it_claims(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (block,) = blocks("python")
    exec(compile(block, "reward_models.md", "exec"), {"__name__": "docs"})
    shown = capsys.readouterr().out
    assert shown.startswith("[ True]")
    assert "60 more pairs were left out: gold of their prompts was used to fit." in shown
    assert "](reliability.svg)" in Path("models/first/README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("block", blocks("toml"))
def test_the_settings_on_the_page_are_accepted(block: str) -> None:
    assert Config.model_validate(tomllib.loads(block)).reward.model in REWARD_MODELS


@pytest.mark.parametrize("line", lines())
def test_every_command_and_option_on_the_page_exists(line: str) -> None:
    _, group, name, *arguments = shlex.split(line)
    assert group == "reward"
    found = command.commands[name]
    known = {option for p in found.params if isinstance(p, click.Option) for option in p.opts}
    assert {a for a in arguments if a.startswith("--")} <= known


def test_every_model_has_its_row() -> None:
    assert set(re.findall(r"^\| `([\w-]+)` \|", PAGE, re.M)) == set(REWARD_MODELS)
