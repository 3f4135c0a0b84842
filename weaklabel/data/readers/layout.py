"""`Layout`: a way in which people store pairs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from weaklabel.data.readers.base import Draft, Row
from weaklabel.data.readers.gold_rule import GoldRule


@dataclass(frozen=True, slots=True)
class Layout:
    """A way in which people store pairs.

    Attributes:
        name: what `layout=` and `--layout` call it.
        needs: the columns it needs, in words, for messages.
        matches: `(column names, first rows) -> bool`, whether a file looks like this.
        read: (row, how gold is read) -> its pairs; raises `RowProblem` or `GoldProblem`.
        redraws: True where the source's order tells which response is better, so that it must be redrawn.
        missing: column names -> the needed columns that are not there.
    """

    name: str
    needs: str
    matches: Callable[[frozenset[str], Sequence[Row]], bool]
    read: Callable[[Row, GoldRule], list[Draft]]
    missing: Callable[[frozenset[str]], list[str]]
    redraws: bool = False


def needs_all(*names: str) -> Callable[[frozenset[str]], list[str]]:
    """A `Layout.missing` for columns that all must be there."""
    return lambda columns: [name for name in names if name not in columns]
