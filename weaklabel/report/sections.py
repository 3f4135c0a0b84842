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
    """One text of a pair, cut to what a page can hold.

    Attributes:
        title: Prompt, Response A or Response B.
        shown: its beginning.
        left_out: characters that are not shown.
    """

    title: str
    shown: str
    left_out: int


@dataclass(frozen=True)
class Dossier:
    """One disputed pair with everything that was said of it."""

    key: str
    title: str
    facts: Sequence[str]
    texts: Sequence[Texts]
    picture: Picture


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
    warning: str = ""
