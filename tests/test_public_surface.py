"""The front door: sorted, equal to what is visible, and cheap to open."""

from __future__ import annotations

import subprocess
import sys

import pytest

import weaklabel

HEAVY = ("torch", "sklearn", "pandas", "polars", "scipy", "pyarrow", "numpy", "snorkel", "datasets", "click")


def test_all_names_and_visible_names_are_the_same() -> None:
    assert dir(weaklabel) == sorted(weaklabel.__all__)


@pytest.mark.parametrize("name", weaklabel.__all__)
def test_every_name_of_the_front_door_opens(name: str) -> None:
    assert getattr(weaklabel, name) is not None


def test_an_earlier_name_is_an_attribute_error_that_names_the_new_one() -> None:
    with pytest.raises(AttributeError, match="what_each_adds is called added_value now"):
        _ = weaklabel.what_each_adds


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="No weaklabel attribute aply"):
        _ = weaklabel.aply  # type: ignore[attr-defined]


@pytest.mark.parametrize("module", ["weaklabel", "weaklabel.cli.main"])
def test_opening_the_door_imports_nothing_heavy(module: str) -> None:
    heavy = [name for name in HEAVY if not (module.endswith("main") and name == "click")]
    code = f"import sys, {module}; print([m for m in {heavy!r} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_labelling_needs_neither_torch_nor_the_optional_packages() -> None:
    code = (
        "import sys, weaklabel as wl\n"
        "[getattr(wl, name) for name in wl.__all__]\n"
        "print([m for m in ('torch', 'snorkel', 'datasets', 'transformers', 'trl') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
