"""The pictures of the docs are those that the code draws today."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_the_pictures_of_the_docs_are_up_to_date() -> None:
    drawn = runpy.run_path(str(DOCS / "make_pictures.py"))["draw"]()
    assert {file.stem for file in (DOCS / "pictures").glob("*.svg")} == set(drawn)
    for name, picture in drawn.items():
        kept = (DOCS / "pictures" / f"{name}.svg").read_text(encoding="utf-8")
        assert kept == picture.svg() + "\n", f"run: python docs/make_pictures.py ({name} changed)"


def test_the_pictures_show_what_the_page_says_of_them() -> None:
    drawn = runpy.run_path(str(DOCS / "make_pictures.py"))["draw"]()
    inside = {
        name: int(re.findall(r"(\d+) of them", drawn[name].description)[0])
        for name in ("boasting", "repaired", "echoes_believed", "echoes_discounted")
    }
    assert inside["boasting"] <= 5
    assert inside["repaired"] >= 8
    assert inside["echoes_believed"] == 0
    assert inside["echoes_discounted"] >= 3
    assert {row[0] for row in drawn["gold_curves"].rows} == {"MT-Bench", "UltraFeedback", "HH-RLHF"}
    lengths = {"words", "characters", "distinct_words", "sentences"}
    together = {frozenset(row[:2]) for row in drawn["err_together"].rows}
    assert {frozenset((a, b)) for a in lengths for b in lengths - {a}} <= together


def test_every_picture_that_a_page_shows_is_there() -> None:
    for page in DOCS.glob("*.md"):
        for target in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
            assert (DOCS / target).exists(), f"{page.name} shows {target}"
