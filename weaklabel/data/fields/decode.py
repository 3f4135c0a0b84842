"""Lists and objects that a file holds as text: JSON, or the `repr` of Python values that tables saved as CSV hold.

Whether a column is decoded is settled once, by its first values: an answer may well be a JSON list, and stays text.
"""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal, TypeGuard

from weaklabel.types.messages import looks_like_messages

Kind = Literal["messages", "strings", "list"]
"""What the text of a column holds: a conversation or one message, a list of texts, any list."""

LONGEST: Final = 4 << 20
DEEPEST: Final = 50
_MESSAGES: Final = re.compile(r"""\s*\[?\s*\{\s*(['"])(?:role|from|content|value|tool_calls)\1\s*:""")
_STRINGS: Final = re.compile(r"""\s*\[\s*(?:['"]|None\b|null\b)""")
# What stands between quotation marks has no depth.
_NESTING: Final = re.compile(
    r""""[^"\\]*(?:\\.[^"\\]*)*"|'[^'\\]*(?:\\.[^'\\]*)*'|[\[{(]|[\]})]""", re.DOTALL
)


def decode(text: str) -> Any:
    """The value that a JSON text, or else a Python literal, holds. Nothing in it is run.

    Raises:
        ValueError: it is neither, longer than 4 MB or nested deeper than 50; says which.

    >>> decode('["x", null]'), decode("[{'role': 'user', 'content': None}]")
    (['x', None], [{'role': 'user', 'content': None}])
    """
    if len(text) > LONGEST:
        raise ValueError(f"longer than {LONGEST >> 20} MB")
    if _depth(text) > DEEPEST:
        raise ValueError(f"nested deeper than {DEEPEST}")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    if _has_neighbours(text):
        raise ValueError("texts without a comma between them, as arrays are printed")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of "1and" or "\\d": this is data, and nobody's program
            return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        raise ValueError("neither JSON nor a Python literal") from None


def _has_neighbours(text: str) -> bool:
    """Whether two quoted texts follow each other, which Python reads as one and who printed an array meant as two."""
    end = -1
    for match in _NESTING.finditer(text):
        if match[0][0] in "\"'":
            if end >= 0 and not text[end : match.start()].strip():
                return True
            end = match.end()
        else:
            end = -1
    return False


def _depth(text: str) -> int:
    depth = deepest = 0
    for match in _NESTING.finditer(text):
        if (mark := match[0]) in "[{(":
            depth += 1
            deepest = max(deepest, depth)
        elif mark in "]})":
            depth -= 1
    return deepest


def kind_of(values: Iterable[object]) -> Kind | None:
    """What the texts among some values of a column hold; None where they are to be taken as they stand.

    Messages: most texts begin as messages do. Strings: every text is a list of texts, or was one before it was printed.

    >>> kind_of(['[{"role": "user"', None]), kind_of(["['x', 'y']", '["z"]']), kind_of(["[1] see below", "x"])
    ('messages', 'strings', None)
    """
    texts = [value for value in values if isinstance(value, str) and value.strip()]
    if not texts:
        return None
    if 2 * sum(_begins_as_messages(text) for text in texts) > len(texts):
        return "messages"
    return "strings" if all(map(_looks_like_texts, texts)) else None


def _looks_like_texts(text: str) -> bool:
    if not (_STRINGS.match(text) and text.rstrip().endswith("]")):
        return False
    found = _or_none(text)
    return found is None or is_texts(found)


def _begins_as_messages(text: str) -> bool:
    if not _MESSAGES.match(text):
        return False
    found = _or_none(text)
    return found is None or looks_like_messages(found)  # what cannot be decoded is refused, not taken as text


def _or_none(text: str) -> Any:
    try:
        return decode(text)
    except ValueError:
        return None


def is_texts(value: object) -> bool:
    """Whether a value is a list of texts, some of which may be missing."""
    return (
        isinstance(value, list)
        and any(isinstance(item, str) for item in value)
        and all(item is None or isinstance(item, str) for item in value)
    )


def lengths(values: Iterable[object]) -> set[int]:
    """How many texts the lists among some values hold, be they lists or the text of one; 0 for what cannot be decoded."""
    found = (_or_none(value) if isinstance(value, str) else value for value in values if value != "")
    return {len(value) if isinstance(value, list) else 0 for value in found}


def decoded(value: object, kind: Kind) -> Any:
    """A cell of a column of that kind: decoded where it is the text of a list or an object, else as it is.

    Raises:
        ValueError: it looks like one and is not.
    """
    if not isinstance(value, str) or value.lstrip()[:1] not in ("[", "{"):
        return value
    found = decode(value)
    right = looks_like_messages(found) if kind == "messages" else isinstance(found, Sequence)
    if not right and found != []:
        raise ValueError(f"a {type(found).__name__}, not {'messages' if kind == 'messages' else 'a list'}")
    return found


def opened(value: object) -> Any:
    """What a cell holds: of a text that is a list or an object that list or object, of all else itself."""
    if not isinstance(value, str) or value.lstrip()[:1] not in ("{", "["):
        return value
    try:
        return decode(value)
    except ValueError:
        return value


def leaves(value: object, depth: int = 8) -> Iterator[tuple[str, Any]]:
    """Dotted name and value of every cell in lists and objects; of a list only its first item is looked at.

    >>> list(leaves([{"value": {"selected": "left", "by": [3, 4]}}]))
    [('0.value.selected', 'left'), ('0.value.by.0', 3)]
    """
    value = opened(value)
    inner = value.items() if isinstance(value, Mapping) else [("0", value[0])] if is_list(value) else ()
    for key, item in inner if depth else ():
        found = opened(item)
        if isinstance(found, Mapping) or is_list(found):
            yield from ((f"{key}.{path}", cell) for path, cell in leaves(found, depth - 1))
        else:
            yield str(key), item


def is_list(value: object) -> TypeGuard[Sequence[Any]]:
    """Whether there is a first item."""
    return isinstance(value, list | tuple) and bool(value)
