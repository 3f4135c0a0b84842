"""How results show themselves: a bounded `repr` for terminals, and ten rows with a summary for notebooks.

A result is a `Shown`, a dataclass among them made with `repr=False`, and says in `_sketch` what stands in its table.
Whatever it holds, its `repr` fits on a screen; every text from elsewhere is cut, made plain and escaped here.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, fields, is_dataclass
from itertools import islice
from typing import Any, Final

from weaklabel._tables import html_table
from weaklabel._terminal import neutral, one_line, plain_text

ROWS: Final = 10
"""Rows of a table in a notebook."""
LINES: Final = 24
WIDTH: Final = 160
"""Lines and characters a line of a `repr`, one screen."""
CELL: Final = 120
COLUMNS: Final = 12
_ITEMS: Final = 3
# Prices and code hold dollar signs, which notebooks would typeset as formulas.
_AS_IT_IS: Final = "tex2jax_ignore mathjax_ignore"


@dataclass(frozen=True, slots=True)
class Sketch:
    """What a notebook shows of a result.

    Attributes:
        summary: a few lines of text.
        header: of its table; no table where it is empty.
        rows: the first ones at least, a cell per column.
        total: how many rows there are; None where `rows` are all.
        left: columns that stand flush left, the rest right.
        as_set: the summary's lines are set for a terminal, in columns.
    """

    summary: str
    header: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    total: int | None = None
    left: int = 1
    as_set: bool = False


class Shown:
    """A result that shows itself, however much it holds.

    >>> @dataclass(frozen=True, repr=False)
    ... class Found(Shown):
    ...     names: tuple[str, ...]
    >>> Found(("a", "b", "c", "d"))
    Found(names=('a', 'b', 'c', ... 4 in all))
    >>> Found(("<b>",))._repr_html_().count("&lt;b&gt;")
    1
    """

    __slots__ = ()

    def __repr__(self) -> str:
        if type(self).__str__ is not object.__str__:
            return screen(str(self))
        values = ", ".join(f"{name}={brief(value)}" for name, value in self._values())
        return screen(f"{type(self).__name__}({values})", WIDTH * LINES // 2)

    def _repr_html_(self) -> str:
        return html_of(self._sketch())

    def _sketch(self) -> Sketch:
        """Its own text where it has one, else a row per field."""
        if type(self).__str__ is not object.__str__:
            return Sketch(str(self), as_set=True)
        return self._fields(type(self).__name__)

    def _fields(self, summary: str) -> Sketch:
        """A row per field, with the beginning of its value."""
        rows = [(name, brief(value, CELL)) for name, value in self._values()]
        return Sketch(summary, ("", "value") if rows else (), rows, left=2)

    def _values(self) -> list[tuple[str, Any]]:
        """What it is made of, by name; the fields of a dataclass."""
        if not is_dataclass(self):
            return []
        return [(field.name, getattr(self, field.name)) for field in fields(self) if field.repr]


def html_of(sketch: Sketch) -> str:
    """A sketch as HTML: the summary, at most `ROWS` rows and `COLUMNS` columns, and how many more there are."""
    summary = html.escape(screen(neutral(sketch.summary), 2 * WIDTH))
    if sketch.as_set:
        parts = [f"<pre>{summary}</pre>"]
    else:
        parts = [f"<p>{line}</p>" for line in summary.split("\n") if line]
    total = len(sketch.rows) if sketch.total is None else sketch.total
    if sketch.header:
        header, *rows = (
            [short_text(cell) for cell in row[:COLUMNS]] for row in (sketch.header, *sketch.rows[:ROWS])
        )
        parts.append(html_table(header, rows, left=sketch.left))
    hidden = {"row": total - min(ROWS, len(sketch.rows)), "column": len(sketch.header) - COLUMNS}
    more = [f"{n:,} more {what}{'s' if n > 1 else ''}" for what, n in hidden.items() if n > 0]
    if more:
        parts.append(f"<p>... and {', '.join(more)}</p>")
    return f'<div class="{_AS_IT_IS}">{"".join(parts)}</div>'


def screen(text: str, width: int = WIDTH) -> str:
    r"""The text's first lines as plain text, as many and as wide as a screen holds, with a word about the rest.

    >>> screen("a\n" * 40).splitlines()[-1]
    '... 17 more lines; print() shows all'
    """
    lines = text.rstrip("\n").split("\n")
    shown = lines if len(lines) <= LINES else lines[: LINES - 1]
    rest = [f"... {len(lines) - len(shown)} more lines; print() shows all"] if len(lines) > LINES else []
    return "\n".join([*(_cut(line, width) for line in shown), *rest])


def short_text(text: str, limit: int = CELL) -> str:
    """A text of any length as a cell: one line of at most `limit` characters, its middle left out."""
    ends = text if len(text) <= 8 * limit else f"{text[: 4 * limit]}{text[-4 * limit :]}"
    return one_line(neutral(ends), limit)


def brief(value: Any, limit: int = 80) -> str:
    """A value in at most `limit` characters: the beginning of a text, the first of many items, the shape of an array.

    >>> brief({"a": 1}), brief(range(9)), brief([1.5, None])
    ("{'a': 1}", 'range(0, 9)', '[1.5, None]')
    """
    shape = getattr(value, "shape", None)
    if isinstance(value, str):
        said = repr(value[: limit + 1])  # one more than fits, so that the cut shows
    elif isinstance(shape, tuple) and shape:
        said = f"{getattr(value, 'dtype', type(value).__name__)} {shape}"
    elif isinstance(value, Mapping):
        shown = [f"{brief(key, limit)}: {brief(item, limit)}" for key, item in islice(value.items(), _ITEMS)]
        said = _among("{}", shown, len(value))
    elif isinstance(value, list | tuple) and type(value).__repr__ in (list.__repr__, tuple.__repr__):
        brackets = "[]" if isinstance(value, list) else "()"
        said = _among(brackets, [brief(item, limit) for item in value[:_ITEMS]], len(value))
    elif isinstance(value, Set):
        said = _among("{}", [brief(item, limit) for item in islice(value, _ITEMS)], len(value))
    else:
        said = repr(value).partition("\n")[0]
    return _cut(said, limit)


def _among(brackets: str, shown: Sequence[str], total: int) -> str:
    rest = [f"... {total} in all"] if total > len(shown) else []
    comma = "," if brackets == "()" and total == 1 else ""
    return f"{brackets[0]}{', '.join([*shown, *rest])}{comma}{brackets[1]}"


def _cut(line: str, width: int) -> str:
    plain = plain_text(line[: width + 1])
    return plain if len(line) <= width and len(plain) <= 8 * width else f"{plain[: width - 4]} ..."
