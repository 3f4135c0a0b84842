"""What docs/reading.md shows: its settings are settings, and it names what the code knows."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from weaklabel.config import Config
from weaklabel.data import LAYOUTS
from weaklabel.data.fields.nested import TARGETS
from weaklabel.data.readers.context import PROMPT_NAMES, SYSTEM_NAMES
from weaklabel.data.readers.ranked import LISTS

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "reading.md").read_text(encoding="utf-8")


def section(heading: str) -> str:
    return PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]


@pytest.mark.parametrize("block", re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL))
def test_the_settings_on_the_page_are_accepted(block: str) -> None:
    Config.model_validate(tomllib.loads(block))


def test_every_layout_and_every_list_of_names_stands_on_the_page() -> None:
    assert set(LAYOUTS) == set(re.findall(r"^\| `(\w+)` \|", section("Layouts"), re.M))
    assert all(f"`{name}`" in section("The prompt") for name in PROMPT_NAMES)
    assert all(f"`{name}`" in section("Conversations") for name in SYSTEM_NAMES)
    assert all(f"`{name}`" in section("Layouts") for name in LISTS)


def test_the_names_of_columns_are_those_that_are_taken() -> None:
    named = re.findall(r"`(\w+)`", section("Columns").split("Ours are")[1].split("and any")[0])
    assert set(named) <= TARGETS


def test_every_link_on_the_page_leads_to_a_heading() -> None:
    headings = {
        re.sub(r"[^a-z ]", "", h.lower()).replace(" ", "-") for h in re.findall(r"^#+ (.*)$", PAGE, re.M)
    }
    assert set(re.findall(r"\(#(.*?)\)", PAGE)) <= headings
