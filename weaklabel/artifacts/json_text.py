"""JSON as text: lines that stay lines for every reader, and parsing whose failures are all `ValueError`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, Final

# JSON escapes what is below a blank. These end a line for `str.splitlines` and for editors (U+0085, U+2028, U+2029),
# or cannot be written as UTF-8 (half a character: a lone surrogate).
_ESCAPED: Final = re.compile("[\x85\u2028\u2029\ud800-\udfff]")


def json_text(value: Any, **settings: Any) -> str:
    """`value` as JSON in UTF-8 as it is; characters that end a line elsewhere are escaped, which means the same.

    Args:
        value: JSON values; NaN and infinity are refused, because JSON has neither.
        **settings: of `json.dumps`: `indent`, `sort_keys`, `default`.

    Raises:
        ValueError: NaN, infinity, or lists nested too deeply.

    >>> print(json_text({"text": "one\u2028two \u00e9"}))
    {"text": "one\\u2028two é"}
    """
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, **settings)
    except RecursionError:
        raise ValueError("it is nested too deeply for JSON") from None
    return _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def json_line(value: Any, **settings: Any) -> str:
    """`json_text` with the line's end: how every JSONL file of ours is written."""
    return json_text(value, **settings) + "\n"


def parse_json(text: str | bytes, parse_constant: Callable[[str], Any] | None = None) -> Any:
    """`json.loads` of what somebody else wrote.

    Args:
        text: the JSON.
        parse_constant: called with "NaN", "Infinity" or "-Infinity". Default: the float.

    Raises:
        ValueError: no JSON, no UTF-8, nested too deeply, or a number of too many digits.

    >>> parse_json("[" * 100_000)
    Traceback (most recent call last):
    ValueError: it is nested too deeply
    """
    try:
        return json.loads(text, parse_constant=parse_constant)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
