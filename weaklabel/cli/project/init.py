"""`weaklabel init`: lay out a project folder."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click

from weaklabel.cli._common import note
from weaklabel.errors import ConfigError, LayoutError

# What people call the prompt, first match wins; compared without case.
_PROMPTS: Final = ("prompt", "question", "instruction", "query", "input", "context")
# A response column: one of these words with a mark of its side, before or behind ("ans1", "model_a_answer").
_RESPONSE: Final = re.compile(r"response|answer|ans|output|completion|resp|reply|candidate|generation")
_SIDES: Final = (("a", "b"), ("1", "2"), ("0", "1"))
_PROBE: Final = 50


@dataclass(frozen=True)
class Found:
    """What a look into a data file told: its layout, if any, and the columns to name."""

    layout: str | None
    columns: Mapping[str, str]
    unknown: tuple[str, ...]
    names: tuple[str, ...]


@click.command("init")
@click.argument("datafile", required=False, type=click.Path(path_type=Path))
@click.option(
    "--folder", type=click.Path(path_type=Path, file_okay=False), default=Path(), help="Where. Default: here."
)
def command(datafile: Path | None, folder: Path) -> None:
    """Lay out a project: weaklabel.toml, lfs/example.py, data/, .gitignore. Nothing is overwritten.

    With DATAFILE its columns are looked at and written into weaklabel.toml.
    """
    files = {
        "weaklabel.toml": _toml(datafile, folder),
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
    click.echo(
        "Next: look at weaklabel.toml, write into lfs/example.py, then: weaklabel check && weaklabel run"
    )


def look_at(datafile: Path) -> Found:
    """The layout of a data file, or a guess at its columns.

    Raises:
        DataError: the file does not exist, is empty or cannot be read.
    """
    from weaklabel.data import detect_layout
    from weaklabel.data.sources import open_source
    from weaklabel.errors import DataError

    rows: list[dict[str, Any]] = []
    names: list[str] = []
    for block in open_source(str(datafile))[0].blocks():
        rows, names = block.rows(_PROBE), block.columns
        if rows:
            break
    if not rows:
        raise DataError(f"{datafile} holds no rows. Name a file with one pair per row.")
    try:
        return Found(detect_layout(names, rows, str(datafile)).name, {}, (), tuple(names))
    except LayoutError:
        columns = _guess(names)
        unknown = tuple(ours for ours in ("prompt", "response_a", "response_b") if ours not in columns)
        return Found(None, columns, unknown, tuple(names))


def _guess(names: Sequence[str]) -> dict[str, str]:
    """The columns that can be told by their names. The two responses are named together or not at all: half a
    guess invites the user to fill in the other half the wrong way round, and gold would be read inverted.

    >>> _guess(["question", "answer_1", "answer_2", "key"])
    {'prompt': 'question', 'response_a': 'answer_1', 'response_b': 'answer_2'}
    """
    lower = {name.lower(): name for name in names}
    prompt = next((lower[guess] for guess in _PROMPTS if guess in lower), None)
    found = {} if prompt is None else {"prompt": prompt}
    for first, second in _SIDES:
        pairs = {(lower[n], lower[other]) for n in lower if (other := _other_side(n, first, second)) in lower}
        if len(pairs) == 1:
            (a, b) = next(iter(pairs))
            return found | {"response_a": a, "response_b": b}
    return found


def _other_side(name: str, first: str, second: str) -> str | None:
    """The name of the other response's column, where `name` is one response's and carries the mark `first`.

    >>> _other_side("model_a_answer", "a", "b"), _other_side("ans1", "1", "2"), _other_side("data", "a", "b")
    ('model_b_answer', 'ans2', None)
    """
    if not _RESPONSE.search(name):
        return None
    mark = first if first.isdigit() else rf"(?<![a-z]){first}"
    turned, count = re.subn(rf"{mark}(?![a-z0-9])", second, name)
    return turned if count == 1 else None


def _toml(datafile: Path | None, folder: Path) -> str:
    if datafile is None:
        return TOML.format(pairs=json.dumps("data/*.jsonl"), columns=COLUMNS_EXAMPLE)
    found = look_at(datafile)
    path = datafile if datafile.is_absolute() else Path(os.path.relpath(datafile, folder))
    pairs = json.dumps(path.as_posix())
    return TOML.format(pairs=pairs, columns=_columns(found))


def _columns(found: Found) -> str:
    if found.layout is not None:
        more = f" and {len(found.names) - 12} more" if len(found.names) > 12 else ""
        seen = f"# recognised: {', '.join(found.names[:12])}{more}"
        return f"layout = {json.dumps(found.layout)}  {seen}\n"
    pairs = [f"{ours} = {json.dumps(theirs)}" for ours, theirs in found.columns.items()]
    todo = [f'{ours} = "FILL IN"' for ours in found.unknown]
    head = f"# The file has the columns: {', '.join(found.names)}\n"
    return f"{head}columns = {{ {', '.join([*pairs, *todo])} }}\n"


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
test_share = 0.5        # of the gold prompts: locked away, only final figures see them

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
model = "linear"
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
