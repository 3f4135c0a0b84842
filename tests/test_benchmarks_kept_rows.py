"""Rows of a kept result that a run did not measure again: where they stand, and what is said of their age."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    for name in ("_kept_rows", "_figures"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    import _kept_rows

    return _kept_rows


def test_rows_not_measured_again_stay_and_differences_to_them_are_of_the_figures(
    rows: Any, tmp_path: Path
) -> None:
    from _figures import Figures

    old, new = Figures("made", ()), Figures("made", ())
    old.add("set", "auto", "nll", 0.5, 0.4, 0.6)
    old.add("set", "peer", "nll", 0.75, 0.7, 0.8)
    old.add("set: auto less", "best peer in nll: peer", "nll", -0.25, -0.3, -0.2)
    old.save(tmp_path / "kept.json")
    new.add("another", "auto", "nll", 0.1)
    new.add("set", "auto", "nll", 0.625)
    kept = rows.keep_rows(new, tmp_path / "kept.json")
    rows.renew_differences(new, "auto", kept)
    found = [(row.case, row.arm, row.value, row.low) for row in new.rows]
    assert found == [
        ("set", "auto", 0.625, None),
        ("set", "peer", 0.75, 0.7),
        ("set: auto less", "best peer in nll: peer", -0.125, None),
        ("another", "auto", 0.1, None),
    ]
    saved = json.loads(json.dumps(new.as_dict()))["earlier"]
    assert saved["renewed"] == ["auto"]
    assert "only rows of auto are of that date" in rows.told(saved, saved["versions"])
