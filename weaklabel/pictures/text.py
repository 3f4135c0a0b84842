"""Text of models and of users, made harmless to show: no character may hide, reorder or cut what stands beside it.

Escaping for HTML is the template's and the drawing's work; here it is decided what the reader gets to see.

Source: Boucher & Anderson, "Trojan Source" (2021), for the attack.
"""

from __future__ import annotations

from typing import Final
from unicodedata import combining, east_asian_width

from weaklabel._terminal import neutral as neutral

_NARROW: Final = 4.5
_WIDEST: Final = 11.5


def cut(text: str, limit: int) -> tuple[str, int]:
    """The neutral text's first `limit` characters, and how many of its characters are not shown.

    >>> cut("abcdef", 4), cut("abc", 4)
    (('abcd', 2), ('abc', 0))
    """
    # A text of a gigabyte need not be searched to its end to show its beginning.
    head = neutral(text[: limit + 1])
    shown = head[:limit] if len(text) > limit or len(head) > limit else head
    return shown, max(0, len(text) - limit) if len(text) > limit else len(head) - len(shown)


def name(text: str, limit: int = 28) -> str:
    """A label of one line: white space folded, the middle of a long one left out, its end being what tells it apart.

    >>> name("labeling_functions.length.prefers_longer", 20)
    'labelin…efers_longer'
    """
    line = " ".join(neutral(text).split())
    if len(line) <= limit:
        return line
    front = (limit - 1) * 2 // 5
    return f"{line[:front]}…{line[len(line) - (limit - 1 - front) :]}"


def fitted(text: str, width: float) -> str:
    """As `name`, with as many characters as fit into `width` pixels at the pictures' small size.

    >>> fitted("prefers_longer_responses", 100), fitted("illicit", 100)
    ('prefe…esponses', 'illicit')
    """
    longest = int(width / _NARROW)
    return next(
        (found for limit in range(longest, 3, -1) if width_of(found := name(text, limit)) <= width),
        name(text, 3),
    )


def width_of(line: str) -> float:
    """About how wide a line is, in pixels at the pictures' small size, in DejaVu Sans, the widest of the usual fonts."""
    return sum(_letter(c) for c in line)


def _letter(c: str) -> float:
    if combining(c):
        return 0.0
    if c in "mwMW…@%&+=<>" or east_asian_width(c) in "WF":
        return _WIDEST
    if c in " iljtfr.,:;'|!()[]-":
        return _NARROW
    return 8.5 if c.isupper() else 7.0


def beginning(text: str, limit: int = 80) -> str:
    """The start of a text as one line.

    >>> beginning("Write a poem\\nabout rain.", 15)
    'Write a poem a…'
    """
    line = " ".join(neutral(text[: 20 * limit]).split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"
