"""Fixtures of the tests of the engine."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest
from steady_lfs import ONE_BAD, STEADY, made_pairs

from weaklabel.lf import load_lfs
from weaklabel.types import Pairs


@pytest.fixture
def pairs() -> Pairs:
    return made_pairs(100)


@pytest.fixture
def lf_file(tmp_path, monkeypatch):
    """A writer of LF files in the working folder: `lf_file("x.py", text) -> Path`."""
    monkeypatch.chdir(tmp_path)

    def write(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(dedent(text))
        return path

    return write


@pytest.fixture
def steady(lf_file):
    """Source of five functions of every kind, one of which fails on two pairs."""
    lf_file("lfs/steady.py", STEADY)
    return "lfs/steady.py"


@pytest.fixture
def with_bad(lf_file, steady):
    """The steady functions around one that misbehaves on the pair p12."""

    def make(act: str):
        lf_file("lfs/bad.py", ONE_BAD.replace("{act}", act))
        return load_lfs("lfs/")

    return make
