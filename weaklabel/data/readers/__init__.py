"""Every layout people store pairs in, and how to tell which one a file has.

A new layout is one file here and one line in `LAYOUTS`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from weaklabel.data.readers.base import Draft, GoldProblem, Row, RowProblem
from weaklabel.data.readers.canonical import CANONICAL_LAYOUT
from weaklabel.data.readers.implicit import TRL_IMPLICIT
from weaklabel.data.readers.layout import Layout
from weaklabel.data.readers.mt_bench import MT_BENCH
from weaklabel.data.readers.preference import HH, SWIFT, TRL, ULTRAFEEDBACK
from weaklabel.data.readers.ranked import RANKED
from weaklabel.data.readers.single import (
    OneResponseError,
    is_message_tree,
    list_of_responses,
    single_response,
)
from weaklabel.errors import LayoutError

__all__ = ["LAYOUTS", "Draft", "GoldProblem", "Layout", "Row", "RowProblem", "detect_layout"]

# In the order in which they are tried: the more a layout asks for, the earlier it stands.
LAYOUTS: Final[dict[str, Layout]] = {
    layout.name: layout
    for layout in (MT_BENCH, CANONICAL_LAYOUT, HH, ULTRAFEEDBACK, TRL, SWIFT, RANKED, TRL_IMPLICIT)
}


def detect_layout(columns: Iterable[str], rows: Sequence[Row] = (), file: str = "the table") -> Layout:
    """The layout that a file has, from its column names and first rows.

    Raises:
        LayoutError: when none fits; names the columns found and what each layout needs, or says that a row holds one
            response.

    >>> detect_layout(["prompt", "response_a", "response_b", "label"]).name
    'canonical'
    >>> detect_layout(["prompt", "chosen", "rejected"]).name
    'trl'
    """
    names = frozenset(columns)
    for layout in LAYOUTS.values():
        if layout.matches(names, rows):
            return layout
    if several := list_of_responses(names, rows):
        raise LayoutError(
            f"{file}: column {several!r} holds lists of responses. Name it with --columns responses={several}, and what ranks "
            "them as ratings=... or ranks=... (columns={...} in Python); of two of which the first is better, write columns "
            "chosen and rejected."
        )
    if is_message_tree(names):
        raise OneResponseError(
            f"{file}: each row holds one message of a tree of conversations, and a pair needs a prompt and two responses. "
            "Collect the replies to a message into one row: prompt, responses = [...], ranks = [...]."
        )
    if one := single_response(names, rows):
        raise OneResponseError(
            f"{file}: each row holds one response, in column {one!r}, and a pair needs two. Put the responses of a prompt "
            "into one row, as a list: prompt, responses = [...], ratings = [...] (or ranks); or name two columns with "
            "--columns response_a=...,response_b=... (columns={...} in Python)."
        )
    known = "; ".join(f"{layout.name} ({layout.needs})" for layout in LAYOUTS.values())
    raise LayoutError(
        f"{file}: no layout recognises the columns {listed(names)}. Known: {known}. "
        "Name yours with --columns prompt=...,response_a=...,response_b=... (columns={...} in Python)."
    )


def check_layout(layout: Layout, columns: Iterable[str], file: str) -> None:
    """Whether a layout that the user named finds its columns.

    Raises:
        LayoutError: names the missing columns, those found, and `--columns`.
    """
    names = frozenset(columns)
    if missing := layout.missing(names):
        raise LayoutError(
            f"{file}: layout {layout.name!r} needs the column {missing[0]!r}. Found: {listed(names)}. "
            f"Say which column it is with --columns {missing[0]}=..., or choose another --layout."
        )


def listed(names: Iterable[str]) -> str:
    """Names in order, cut to twelve with a count."""
    ordered = sorted(map(str, names))
    more = f" and {len(ordered) - 12} more" if len(ordered) > 12 else ""
    return (", ".join(ordered[:12]) or "none") + more
