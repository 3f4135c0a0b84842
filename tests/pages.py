"""Pages of docs/ as tests read them: their text, their blocks of code, and what their Python prints."""

from __future__ import annotations

import os
import re
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

DOCS = Path(__file__).resolve().parent.parent / "docs"


def text_of(page: str) -> str:
    """The text of `docs/<page>.md`."""
    return (DOCS / f"{page}.md").read_text(encoding="utf-8")


def blocks(page: str, language: str) -> list[str]:
    """The blocks of code of a page in a language."""
    return re.findall(rf"```{language}\n(.*?)```", text_of(page), re.DOTALL)


def ran(page: str, folder: Path) -> str:
    """What the one block of Python on a page prints when it runs in a folder."""
    (block,) = blocks(page, "python")
    before = Path.cwd()
    os.chdir(folder)
    try:
        with redirect_stdout(StringIO()) as said:
            exec(compile(block, f"{page}.md", "exec"), {"__name__": "docs"})
    finally:
        os.chdir(before)
    return said.getvalue()


def first_cells(page: str, head: str) -> set[str]:
    """The words in the first column of the table whose head begins so."""
    table = text_of(page).split(head)[1].split("\n\n")[0]
    return set(re.findall(r"^\| `(\w+)` \|", table, re.M))
