"""Text from elsewhere (names, ids, columns, messages) on a terminal or a page: shown, never obeyed.

Sources: the characters are those of Unicode TR 36 (bidirectional controls) and TR 51 (tag characters); for the attack,
Boucher & Anderson, "Trojan Source" (2021).
"""

from __future__ import annotations

import json
import logging
import re
from typing import Final

ACTING: Final = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ufffe\uffff\ud800-\udfff\U000e0000-\U000e007f"
)
"""Characters that act instead of showing, as the inside of a regular expression's class: C0 and C1 controls but tab
and line feed; bidirectional controls and marks; zero-width space, word joiner and the invisible operators; soft hyphen;
line and paragraph separators; interlinear marks; byte-order mark; tag characters; what is no character at all. Joiners
(U+200C, U+200D) stay: Persian and emoji need them."""

_ACTING: Final = re.compile(f"[{ACTING}]")
# Accents piled on one letter paint over the lines above and below; no script needs more than a few.
_PILE: Final = re.compile(
    "([\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff]{4})[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff]+"
)
_ACTING_IN_A_LINE: Final = re.compile(f"[\t\n{ACTING}]")


def plain_text(text: str) -> str:
    r"""`text` with every acting character written out; line feeds and tabs stay.

    >>> plain_text("\x1b[31mred\x07\n")
    '\\x1b[31mred\\x07\n'
    """
    return _ACTING.sub(_escape, text)


def plain_line(text: str) -> str:
    r"""The same on one line: names, ids and messages, which must not look like two.

    >>> plain_line("a\nb")
    'a\\nb'
    """
    return _ACTING_IN_A_LINE.sub(_escape, text)


def neutral(text: str) -> str:
    r"""The text with every character that acts instead of showing written out as `⟨U+....⟩`.

    Line ends of all kinds become `\n`; tab and line feed stay. Idempotent.

    >>> neutral("pay \u202e001\u202c now\r\n")
    'pay ⟨U+202E⟩001⟨U+202C⟩ now\n'
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return _PILE.sub(r"\1", _ACTING.sub(lambda found: f"⟨U+{ord(found[0]):04X}⟩", lines))


def plain_json(text: str) -> str:
    """JSON that means the same, without an acting character: they can stand in texts and names alone."""
    return _ACTING.sub(lambda found: json.dumps(found[0])[1:-1], text)


def one_line(text: str, limit: int) -> str:
    """`text` on one line of at most `limit` characters, its middle left out: beginnings and ends tell most.

    >>> one_line("a\\n\\nb" + "c" * 20, 12)
    'a b ... cccc'
    """
    folded = re.sub(r"\s+", " ", plain_text(text)).strip()
    if len(folded) <= limit:
        return folded
    tail = max(0, (limit - 5) // 3 * 2 if limit < 40 else (limit - 5) // 4)
    return f"{folded[: limit - 5 - tail]} ... {folded[len(folded) - tail :]}" if tail else folded[:limit]


def logger() -> logging.Logger:
    """The logger of the package, whose lines hold nothing that a terminal would obey."""
    found = logging.getLogger("weaklabel")
    if _made_plain not in found.filters:
        found.addFilter(_made_plain)
    return found


def _made_plain(record: logging.LogRecord) -> bool:
    record.msg, record.args = plain_line(record.getMessage()), ()
    return True


def _escape(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")
