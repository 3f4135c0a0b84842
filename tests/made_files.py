"""Files of labeling functions, and a working folder that leaves nothing behind."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent

import pytest

ONE = """
    from weaklabel.lf import response_scorer

    @response_scorer
    def {name}(response):
        "Counts characters."
        return len(response)
"""


def write(path: Path, text: str = ONE, **values: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dedent(text.format(**values) if values else text))
    return path


@contextmanager
def working_folder(path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The working folder, with `sys.path` and the imported modules put back afterwards."""
    monkeypatch.chdir(path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield path
    for name in set(sys.modules) - before:
        if str(path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]
