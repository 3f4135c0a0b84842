"""Fixtures of labelled pairs for the export tests."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from made_labels import build_labels

from weaklabel.types import Labels


@pytest.fixture
def make_labels() -> Callable[..., Labels]:
    return build_labels


@pytest.fixture
def labels() -> Labels:
    return build_labels()
