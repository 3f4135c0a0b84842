"""What docs/workbench.md shows: its Python runs, its functions and commands exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import weaklabel
from weaklabel.cli.main import COMMANDS

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "workbench.md").read_text(encoding="utf-8")


def test_its_python_runs(capsys: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(compile("\n".join(blocks), "workbench.md", "exec"), {"__name__": "docs"})
    shown = capsys.readouterr().out
    assert "No shift found." in shown
    assert "honest gain" in shown


def test_its_functions_and_commands_exist() -> None:
    rows = re.findall(
        r"^\| [^|]+\? \| `([\w.]+)\([^|]*\| (?:`weaklabel ([\w-]+)[^|]*)?\|$", PAGE, re.MULTILINE
    )
    assert len(rows) == 7
    for function, command in rows:
        assert function.startswith("weaklabel.shift") or function in weaklabel.__all__
        assert command in COMMANDS or not command
