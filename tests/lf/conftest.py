"""Fixtures of the tests of labeling functions."""

from __future__ import annotations

import sys

import pytest

from weaklabel.text import lexicons
from weaklabel.text.features import FEATURES


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(lexicons, "STOP_WORDS", lexicons.STOP_WORDS)  # a case adds to them
    yield tmp_path
    FEATURES.pop("n_of_test", None)
