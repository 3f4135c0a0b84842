"""docs/architecture.md says what the code is: its table of rooms, and the drawing made from the imports."""

from __future__ import annotations

import runpy
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DRAWN = runpy.run_path(str(ROOT / "docs" / "draw_architecture.py"))


def test_the_drawing_is_what_the_imports_give_today() -> None:
    kept = (ROOT / "docs" / "architecture.svg").read_text(encoding="utf-8")
    drawn = DRAWN["drawing"](DRAWN["floors"](), DRAWN["imports_between_rooms"]())
    assert kept == drawn, "run: python docs/draw_architecture.py"


def test_the_table_names_every_room_once() -> None:
    named = [room for floor in DRAWN["floors"]() for room in floor]
    there = {
        path.stem
        for path in (ROOT / "weaklabel").iterdir()
        if path.name not in ("__init__.py", "shipped", "__pycache__")
        and (path.suffix == ".py" or path.is_dir())
    }
    assert sorted(named) == sorted(there)


def test_an_arrow_that_others_imply_is_left_out() -> None:
    assert DRAWN["reduced"]({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == [("a", "b"), ("b", "c")]
