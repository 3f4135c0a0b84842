"""`columns`: our names -> the user's, which may be dotted and reach into objects and lists.

`question.full_text` is the text in an object, `answers.0.text` that of the first object in a list, and `answers.text`
the list of all their texts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import pyarrow as pa

from weaklabel.data.blocks import Block
from weaklabel.data.fields.decode import opened
from weaklabel.data.fields.roles import MARKS, sibling
from weaklabel.data.readers.base import CANONICAL_NAMES, GOLD_COLUMNS, is_missing
from weaklabel.errors import ConfigError, LayoutError, UnknownNameError
from weaklabel.types.messages import looks_like_messages

FILL_IN: Final = "FILL IN"
TARGETS: Final = (
    CANONICAL_NAMES
    | set(GOLD_COLUMNS)
    | {
        "prompt_input",
        "system",
        "chosen",
        "rejected",
        "score_chosen",
        "score_rejected",
        "conversation_a",
        "conversation_b",
        "turn",
        "responses",
        "ratings",
        "ranks",
        "gold_a",
        "gold_b",
        "gold_tie",
    }
)
"""What a column can be; beside these any name that ends in `_a` or `_b`."""


def check_columns(columns: Mapping[str, str], found: Sequence[str] = ()) -> None:
    """Whether `columns` gives columns to names of ours, each to one.

    Args:
        columns: ours -> theirs.
        found: the columns of the file, by which exchanged sides are recognised.

    Raises:
        UnknownNameError: a name that is not ours.
        ConfigError: a column that is two things at once, sides that are exchanged, or a place that is left to fill in.
    """
    left = [ours for ours, theirs in columns.items() if theirs == FILL_IN]
    if left:
        raise ConfigError(
            f"columns still says {FILL_IN!r} for {' and '.join(left)}. Write the names of your columns there, in "
            f"weaklabel.toml or with --columns {left[0]}=...{_among(found)}"
        )
    _check_sides(columns)
    sides = columns.get("response_a", ""), columns.get("response_b", "")
    if told := better_and_worse(*sides) or better_and_worse(*sides[::-1]):
        raise ConfigError(
            f"columns has response_a={sides[0]} and response_b={sides[1]}, so the better answer would always stand on the same "
            f"side and nothing would be gold. Write chosen={told[0]} and rejected={told[1]}."
        )
    for ours, theirs in columns.items():
        if _is_target(ours):
            continue
        if _is_target(theirs) or ours in found:
            raise ConfigError(
                f"columns has {ours}={theirs}, and {ours!r} is not a name of ours. The name of ours comes first: write "
                f"{theirs}={ours}."
            )
        raise UnknownNameError.for_name("column", ours, TARGETS)
    check_distinct(columns)


def check_distinct(columns: Mapping[str, str]) -> None:
    """Raises ConfigError where one column is two things at once."""
    ours_of: dict[str, str] = {}
    for ours, theirs in columns.items():
        if ours_of.setdefault(theirs, ours) != ours:
            raise ConfigError(
                f"columns gives {theirs!r} both as {ours_of[theirs]} and as {ours}. Name two columns."
            )


def _check_sides(columns: Mapping[str, str]) -> None:
    """Raises ConfigError where columns exchange the sides: verdicts such as "A" would be read the wrong way round."""
    for ours, theirs in columns.items():
        other = f"{ours[:-1]}b"
        # Of ranks, where 1 is best, gold_a is the other side's on purpose.
        if not ours.endswith("_a") or other not in columns or ours == "gold_a":
            continue
        if any(sibling(theirs, second, first) == columns[other] for first, second in MARKS):
            raise ConfigError(
                f"columns has {ours}={theirs} and {other}={columns[other]}, which exchanges the sides: a verdict such as 'A' would "
                f"mean the other one. Write {ours}={columns[other]} and {other}={theirs}."
            )
    if better_and_worse(columns.get("rejected", ""), columns.get("chosen", "")):
        raise ConfigError(
            f"columns has chosen={columns['chosen']} and rejected={columns['rejected']}, which exchanges the better answer and the "
            f"worse. Write chosen={columns['rejected']} and rejected={columns['chosen']}."
        )


_BETTER: Final = frozenset(
    [
        "chosen",
        "accepted",
        "preferred",
        "good",
        "better",
        "best",
        "positive",
        "pos",
        "win",
        "winner",
        "winning",
        "j",
    ]
)
_WORSE: Final = frozenset(
    [
        "rejected",
        "dispreferred",
        "unpreferred",
        "bad",
        "worse",
        "worst",
        "negative",
        "neg",
        "lose",
        "loser",
        "losing",
        "k",
    ]
)


def better_and_worse(first: str, second: str) -> tuple[str, str] | None:
    """The two names, if they say that the first is the better answer and the second the worse; None otherwise.

    >>> better_and_worse("best_answer", "worst_answer"), better_and_worse("preferred_output", "non_preferred_output")
    (('best_answer', 'worst_answer'), ('preferred_output', 'non_preferred_output'))
    >>> better_and_worse("answer_1", "answer_2")
    """
    one, two = (
        re.findall(r"[a-z]+|\d+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower())
        for name in (first, second)
    )
    if two[:1] in (["non"], ["not"], ["un"], ["dis"]) and two[1:] == one and _BETTER & {*one}:
        return first, second
    unlike = [pair for pair in zip(one, two, strict=False) if pair[0] != pair[1]]
    if len(one) == len(two) and len(unlike) == 1 and unlike[0][0] in _BETTER and unlike[0][1] in _WORSE:
        return first, second
    return None


def _is_target(name: str) -> bool:
    return name in TARGETS or name.endswith(("_a", "_b"))


def _among(found: Sequence[str]) -> str:
    return f". The file has: {', '.join(found)}." if found else "."


def with_columns(block: Block, columns: Mapping[str, str], strict: bool = True) -> Block:
    """The block with `columns` (ours -> theirs) applied; a column of ours that is displaced keeps its data.

    What a dotted name reaches becomes a column beside the one that it reaches into.

    Raises:
        LayoutError: when a column named is not there, unless `strict` is False (a later block of JSON lines may lack
            what earlier ones had).
    """
    if not columns:
        return block
    found = block.columns
    nested = {
        ours: theirs for ours, theirs in columns.items() if theirs not in found and _root(theirs, found)
    }
    absent = [theirs for theirs in columns.values() if _root(theirs, found) is None]
    if absent and strict and len(block.lines):
        raise LayoutError(
            f"{block.file}: there is no column {absent[0]!r}. Found: {', '.join(names_within(block))}. "
            "Correct --columns (columns={...} in Python)."
        )
    new = {theirs: ours for ours, theirs in columns.items()}
    names = {n: new.get(n, _displaced(n, found) if n in columns else n) for n in found}
    reached = {ours: _reached(block, theirs, strict) for ours, theirs in nested.items()}
    if isinstance(block.data, pa.Table):
        return replace(block, data=_appended(block.data.rename_columns([names[n] for n in found]), reached))
    rows = [{names[n]: value for n, value in row.items()} for row in block.data]
    for ours, values in reached.items():
        for row, value in zip(rows, values, strict=True):
            row[ours] = value
    return replace(block, data=rows)


def _appended(table: pa.Table, columns: Mapping[str, list[Any]]) -> Any:
    try:
        for name, values in columns.items():
            table = table.append_column(name, pa.array(values))
        return table
    except (pa.ArrowException, OverflowError, TypeError):  # values of several types: row by row
        rows = zip(table.to_pylist(), *columns.values(), strict=True)
        return [{**row, **dict(zip(columns, values, strict=True))} for row, *values in rows]


def _root(path: str, names: Iterable[str]) -> str | None:
    """The longest of the names that a path begins with: names of columns and keys may hold dots themselves."""
    return max((n for n in names if path == n or path.startswith(f"{n}.")), key=len, default=None)


def _displaced(name: str, found: Sequence[str]) -> str:
    while name in found:
        name = f"source_{name}"
    return name


def _reached(block: Block, path: str, strict: bool) -> list[Any]:
    root = _root(path, block.columns)
    data = block.data.select([root]) if isinstance(block.data, pa.Table) else block.data
    values = [reach(row, path) for row in replace(block, data=data).rows()]
    if strict and values and all(value is None for value in values):
        raise LayoutError(
            f"{block.file}: {path!r} reaches nothing in any row. Found: {', '.join(names_within(block))}. Correct "
            "--columns (columns={...} in Python)."
        )
    return values


def reach(row: Any, path: str) -> Any:
    """What a dotted name reaches in a row; None where there is nothing. Objects that stand there as text are opened.

    >>> row = {"answers": [{"text": "x"}, {"text": "y"}]}
    >>> reach(row, "answers.1.text"), reach(row, "answers.text"), reach(row, "answers.n.text")
    ('y', ['x', 'y'], None)
    """
    if not path:
        return None if is_missing(row) else row
    row = opened(row)
    if isinstance(row, Mapping):
        key = _root(path, map(str, row))
        return None if key is None else reach(row.get(key), path[len(key) + 1 :])
    if not isinstance(row, list | tuple):
        return None
    step, _, rest = path.partition(".")
    if step.isdecimal():
        return reach(row[int(step)], rest) if int(step) < len(row) else None
    values = [reach(item, path) for item in row]
    return values if any(value is not None for value in values) else None


def names_within(block: Block) -> list[str]:
    """The names of the columns and, dotted, of the texts and numbers in objects that they hold, as the first rows have them."""
    found: dict[str, None] = {}
    for row in block.rows(5):
        for name, value in row.items():
            found[name] = None
            found |= dict.fromkeys(_inner(name, value))
    return [*found][:40]


def _inner(name: str, value: Any) -> Iterable[str]:
    value = opened(value)
    if isinstance(value, list | tuple) and value and isinstance(value[0], Mapping):
        value = value[0]
    if isinstance(value, Mapping):
        cells = [k for k, inner in value.items() if isinstance(inner, str | int | float) or _is_spoken(inner)]
        yield from (f"{name}.{key}" for key in cells)


def _is_spoken(value: object) -> bool:
    return isinstance(value, list) and looks_like_messages(value)
