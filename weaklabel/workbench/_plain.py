"""Text of strangers on a terminal: what would move its cursor, colour it or reorder it is shown, not obeyed."""

from __future__ import annotations

import re
from typing import Final

# C0 and C1 controls but tab and line feed, and the marks that turn the direction of writing or hide themselves.
_DANGEROUS: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)


def plain(text: str) -> str:
    r"""`text` with every control character written out, line breaks and tabs kept.

    >>> plain("\x1b[31mred\x07")
    '\\x1b[31mred\\x07'
    """
    return _DANGEROUS.sub(_written, text)


def one_line(text: str, limit: int) -> str:
    """`text` on one line of at most `limit` characters, its middle left out: beginnings and ends tell most.

    >>> one_line("a\\n\\nb" + "c" * 20, 12)
    'a b ... cccc'
    """
    folded = re.sub(r"\s+", " ", plain(text)).strip()
    if len(folded) <= limit:
        return folded
    tail = max(0, (limit - 5) // 3 * 2 if limit < 40 else (limit - 5) // 4)
    return f"{folded[: limit - 5 - tail]} ... {folded[len(folded) - tail :]}" if tail else folded[:limit]


def _written(found: re.Match[str]) -> str:
    code = ord(found.group())
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
