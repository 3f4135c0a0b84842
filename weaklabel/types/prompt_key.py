"""By what two prompts are the same wherever a test part must stay locked: splits, folds, resampling, exports.

One question is copied from place to place: a byte-order mark or a zero-width blank comes along, a tool changes how
accents are stored, somebody writes it in lower case or drops the full stop. Whoever has learned one copy knows the
others, so they must fall on the same side of every split.

Source: compatibility caseless matching, The Unicode Standard, section 3.13, D146; what it leaves out (default
ignorable code points) as in NFKC_Casefold, D145 and UAX 44.
"""

from __future__ import annotations

import re
from typing import Final
from unicodedata import is_normalized, normalize

# Control characters that are no white space, and what is invisible by its nature: format characters, variation
# selectors, fillers, tags.
_CONTROL: Final = re.compile("[\x00-\x08\x0e-\x1b\x7f]")
_INVISIBLE: Final = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_FULL_STOPS: Final = ". 。"


def prompt_key(text: str) -> str:
    """The prompt without what does not show: equal for prompts that look the same.

    Left out: invisible characters, differences of case, of how a character is stored (composed or not, full width or
    not, ligatures) and of white space, and full stops at the end.

    >>> prompt_key("\\ufeffWhat is 2 + 2.") == prompt_key("what  is 2 +\\u200b 2")
    True
    >>> prompt_key("Cafe\\u0301?") == prompt_key("caf\\u00e9?"), prompt_key("Why?") == prompt_key("Why not?")
    (True, False)
    """
    if text.isascii():  # most prompts, many millions of them
        seen = (text if text.isprintable() else _CONTROL.sub("", text)).lower()
        plain = seen.strip() if seen.isprintable() and "  " not in seen else " ".join(seen.split())
    else:
        plain = " ".join(_caseless(_INVISIBLE.sub("", text)).split())
    return plain.rstrip(_FULL_STOPS) or plain or text


def _caseless(text: str) -> str:
    plain = text.casefold()
    if is_normalized("NFKC", plain) and is_normalized("NFKC", text):
        return plain
    once = normalize("NFKC", normalize("NFD", text).casefold())
    return normalize("NFKC", once.casefold())
