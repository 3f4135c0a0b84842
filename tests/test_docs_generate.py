"""What docs/generate.md shows: its options are options, its columns are columns, its Python calls what there is."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import weaklabel
from weaklabel.cli.labels.generate import command
from weaklabel.generation.paired import COLUMNS

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "generate.md").read_text(encoding="utf-8")


def test_every_option_on_the_page_is_one_of_the_command() -> None:
    known = {name for parameter in command.params for name in parameter.opts}
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", PAGE)) <= known


def test_every_column_of_the_file_is_on_the_page() -> None:
    assert not [name for name in COLUMNS.names if f"`{name.removesuffix('_b')}" not in PAGE]


def test_the_python_on_the_page_is_a_call_that_the_function_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    signature, given = inspect.signature(weaklabel.generate_pairs), []

    def called(*args: Any, **settings: Any) -> SimpleNamespace:
        given.append(signature.bind(*args, **settings).arguments)
        return SimpleNamespace()

    monkeypatch.setattr(weaklabel, "generate_pairs", called)
    (block,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(compile(block, "generate.md", "exec"), {"__name__": "docs"})
    assert (given[0]["k"], given[0]["sampling"].seed) == (4, 1)
