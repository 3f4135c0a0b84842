"""What the page is made of: sections of sentences, tables and pictures. Nothing here knows HTML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from weaklabel.pictures.drawing import Picture

Cells = Sequence[Sequence[str]]


@dataclass(frozen=True)
class Table:
    """A table of text. The first column is flush left, and so are those in `words`."""

    header: Sequence[str]
    rows: Cells
    caption: str = ""
    words: frozenset[int] = frozenset({0})


@dataclass(frozen=True)
class Tile:
    """A number that a reader wants first."""

    value: str
    name: str
    more: str = ""


@dataclass(frozen=True)
class Texts:
    """One text, cut to what a page can hold.

    Attributes:
        title: what it is, such as Prompt or Response A.
        shown: its beginning.
        left_out: characters that are not shown.
    """

    title: str
    shown: str
    left_out: int


@dataclass(frozen=True)
class Dossier:
    """One prompt with its texts and everything that was said of them, such as a disputed pair; `opened` or folded."""

    key: str
    title: str
    facts: Sequence[str]
    texts: Sequence[Texts]
    picture: Picture | None = None
    opened: bool = False


@dataclass(frozen=True)
class Section:
    """A part of the page, its members in the order in which they are shown; empty ones are left out."""

    key: str
    title: str
    intro: str = ""
    tiles: Sequence[Tile] = ()
    tables: Sequence[Table] = ()
    pictures: Sequence[Picture] = ()
    details: Sequence[Table] = ()
    dossiers: Sequence[Dossier] = ()
    notes: Sequence[str] = field(default=())
    warnings: Sequence[str] = ()
