"""`weaklabel init`: lay out a project folder."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from weaklabel._terminal import plain_line
from weaklabel._toml import toml_text
from weaklabel.cli._common import FilePath, note
from weaklabel.errors import ConfigError

if TYPE_CHECKING:
    from weaklabel.data.inspect import Found, GoldCount


@click.command("init")
@click.argument("datafile", required=False, type=FilePath())
@click.option("--folder", type=FilePath(file_okay=False), default=Path(), help="Where. Default: here.")
def command(datafile: Path | None, folder: Path) -> None:
    """Lay out a project: weaklabel.toml, lfs/example.py, data/, .gitignore. Nothing is overwritten.

    With DATAFILE its columns are looked at and written into weaklabel.toml.
    """
    from weaklabel.data.inspect import count_gold, look_at

    found = None if datafile is None else look_at(str(datafile))
    gold = None if found is None else count_gold(str(datafile), found)
    files = {
        "weaklabel.toml": _toml(found, gold, datafile, folder),
        "lfs/example.py": EXAMPLE,
        "data/.gitkeep": "",
        ".gitignore": "runs/\n.weaklabel/\n__pycache__/\n",
    }
    standing = [
        name for name in files if (folder / name).exists() and name not in (".gitignore", "data/.gitkeep")
    ]
    if standing:
        raise ConfigError(
            f"{folder / standing[0]} exists already, and init overwrites nothing. Move it away, or choose --folder."
        )
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            note(f"kept     {path} (exists already)")
        else:
            path.write_text(text, encoding="utf-8")
            note(f"wrote    {path}")
    if found is not None:
        _tell(found)
    if gold is not None:
        note(f"locks    {gold} (data.test_share = {gold.test_share})")
    click.echo(
        "Next: look at weaklabel.toml, write into lfs/example.py, then: weaklabel check && weaklabel run"
    )


def _toml(found: Found | None, gold: GoldCount | None, datafile: Path | None, folder: Path) -> str:
    if datafile is None or found is None:
        return TOML.format(pairs='"data/*.jsonl"', columns=COLUMNS_EXAMPLE, share=0.5, locked="")
    path = datafile if datafile.is_absolute() else Path(os.path.relpath(datafile, folder))
    return TOML.format(
        pairs=toml_text(path.as_posix()),
        columns=_toml_lines(found),
        share=0.5 if gold is None else gold.test_share,
        locked="" if gold is None else f":\n                        # {gold}",
    )


def _toml_lines(found: Found) -> str:
    """The lines of `[data]` that read the file."""
    more = f" and {len(found.names) - 12} more" if len(found.names) > 12 else ""
    # A column's name is a stranger's: it must not end the comment.
    has = plain_line(", ".join(found.names[:12])) + more
    lines = [f"# The file has the columns: {has}"] if found.layout is None else []
    if found.layout is not None:
        lines.append(f'layout = "{found.layout}"  # recognised: {has}')
    if found.columns:
        lines.append(f"columns = {_inline(found.columns)}")
    if found.gold_values:
        lines.append(f"gold_values = {_inline(found.gold_values)}")
    return "\n".join([*lines, *(f"# {plain_line(line)}" for line in found.lines)]) + "\n"


def _inline(table: Mapping[str, str]) -> str:
    pairs = (f"{_key(ours)} = {toml_text(theirs)}" for ours, theirs in table.items())
    return f"{{ {', '.join(pairs)} }}"


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) else toml_text(name)


def _tell(found: Found) -> None:
    """What was found, and what is asked, on stderr."""
    named = [f"{ours} = {theirs}" for ours, theirs in found.columns.items() if ours not in found.asked]
    if found.layout or named:
        note(f"found    {', '.join(filter(None, (found.layout and f'layout {found.layout}', *named)))}")
    for role, candidates in found.asked.items():
        ends = "Candidates:" if candidates else "None of them looks like it."
        note(f"asks     which column is {role}? Write it into weaklabel.toml. {ends}")
        for name, sample in candidates:
            note(plain_line(f"           {name}: {sample!r}"))
    for line in found.lines:
        note(plain_line(f"asks     {line}"))


COLUMNS_EXAMPLE: Final = """\
# Common layouts are recognised by themselves. Otherwise say which column is which:
# columns = { prompt = "question", response_a = "ans1", response_b = "ans2" }
"""

TOML: Final = """\
# Settings of this project. `weaklabel config` prints what is in force and where it came from;
# `--set labeler.model=majority_vote` overrides one for a single run.

[data]
pairs = {pairs}
{columns}# Gold: what people said. In the pairs (gold, label, winner), or in a file of its own, joined by id:
# gold = "data/gold.jsonl"
test_share = {share}        # of the gold prompts: locked away, only final figures see them{locked}

[lfs]
use = ["lfs/", "shipped"]
# Scores that the data already holds:
# [[lfs.column]]
# name = "old_reward_model"
# score_a = "rm1"
# score_b = "rm2"

[labeler]
model = "pair_model"    # others: weaklabel list models

[export.trl]
min_confidence = 0.0    # for example 0.8: write only pairs at least this sure

[reward]
model = "functions"     # others: weaklabel list rewards
"""

EXAMPLE: Final = '''\
"""Labeling functions of this project. `weaklabel check` examines them, `weaklabel analyze` scores them on gold.

A labeling function may be wrong; it should be right more often than not, and cheap. Two kinds:

- a response scorer gives one response a number; the response with more (or less) of it wins. It cannot depend
  on which response stands first, and it remembers by how much it differs. Prefer this kind.
- a labeling function sees the whole pair and votes.
"""

from weaklabel import ABSTAIN, PREFER_A, PREFER_B, labeling_function, response_scorer


@response_scorer(prefer="more", min_gap=2)  # a difference below 2 lines abstains
def more_lines(response):
    """Prefer the response with more lines: it is probably better structured."""
    return len(response.lines)


@response_scorer(prefer="less")
def fewer_apologies(response):
    """Prefer the response that apologises less."""
    return sum(response.words.count(word) for word in ("sorry", "apologize", "apologise", "unfortunately"))


@labeling_function
def ends_properly(pair):
    """Prefer the response that ends with a full stop. Abstains when both do, or neither does."""
    a, b = (text.rstrip().endswith((".", "!", "?")) for text in (pair.response_a, pair.response_b))
    if a == b:
        return ABSTAIN
    return PREFER_B if b else PREFER_A
'''
