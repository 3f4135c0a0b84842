"""What docs/audit.md shows: its Python runs, and its tables name every warning, threshold and figure."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest
from pages import ran, text_of

from weaklabel.stages.audit import WARNINGS, AuditSettings

PAGE = text_of("audit")


@pytest.mark.trains
def test_the_python_on_the_page_runs_and_its_figures_are_explained(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    shown = ran("audit", tmp_path)
    assert re.search(r"\n\naudit +step 0 +step 10 +step 20\n", shown)
    assert (tmp_path / "out" / "audit" / "audit.html").is_file()
    assert not (tmp_path / "out" / "audit" / "first.safetensors").exists()
    told = {
        name for row in re.findall(r"^\| (`[^|]*) \|", PAGE, re.M) for name in re.findall(r"`([^`]+)`", row)
    }
    figures = {line.split()[0] for line in shown.split("\n\n")[1].splitlines()[1:-1]}
    assert figures <= told


def test_every_warning_has_its_row_with_the_default_of_its_setting() -> None:
    rows = dict(re.findall(r"^\| `([\w:<>]+)` \|[^|]*\| `(\w+ = [\d.]+)` \|", PAGE, re.M))
    assert set(rows) == {*WARNINGS, "drift:<lf>"}
    defaults = {each.name: each.default for each in fields(AuditSettings)}
    for row in rows.values():
        name, _, value = row.partition(" = ")
        assert float(value) == defaults[name]


def test_every_warning_says_what_to_do() -> None:
    assert set(re.findall(r"^- `([\w:<>]+)`: ", PAGE, re.M)) == {*WARNINGS, "drift:<lf>"}
