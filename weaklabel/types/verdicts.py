"""Verdicts as data holds them: which values are one value, which words everybody understands, and maps of one's own.

Gold, judge columns and crowd votes all read verdicts through this file.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from numbers import Real
from typing import Any, Final

import numpy as np

from weaklabel.errors import ConfigError

A, B, TIE, NOTHING = "a", "b", "tie", ""
"""What a verdict means: the first or the second response is better, neither is, or nothing was said."""

PLACES: Final = ("left", "right", "first", "second")
"""Words that name a place: verdicts, but which response stands there only a person knows."""

_NUMBER: Final = re.compile(r"[+-]?(?:0|[1-9]\d*)(?:\.\d+)?", re.ASCII)  # "01" and "1e3" may be names
_BOUND: Final = re.compile(rf"([<>]) ?({_NUMBER.pattern})", re.ASCII)
_EVEN: Final = re.compile(r"\b(?:neither|both|none|equal|same|similar|tied?|draw)\b", re.IGNORECASE)
_SCALE: Final = 3  # more numbers than this, or numbers further apart, are a scale
_MARKS: Final = " \t\r\n*_`'\"()[]{}.:!"
_WORDS: Final = {
    "a": A,
    "b": B,
    "tie": TIE,
    "tied": TIE,
    "draw": TIE,
    "equal": TIE,
    "tie inconsistent": TIE,
    "tie bothbad": TIE,
    "tie both bad": TIE,
    "bothbad": TIE,
    "both bad": TIE,
    "": NOTHING,
    "unknown": NOTHING,
    "nan": NOTHING,
    "null": NOTHING,
    "n/a": NOTHING,
}
_NOUNS: Final = "response|answer|assistant|model|output|completion|candidate|option|summary|reply"
_SIDE: Final = re.compile(rf"(?:(?:{_NOUNS}) )?([ab])(?: (?:is better|wins|won))?")
_COMPARED: Final = re.compile(r"([ab]) ?(>{1,3}|<{1,3}|={1,3}|~) ?([ab])")


def verdict_key(value: object) -> str:
    """A value as the text by which it is looked up: 1, 1.0, "1" and "1.0" are one value, and so are True and "true".

    >>> verdict_key(1.0), verdict_key(" 1.0 "), verdict_key(True), verdict_key("A>>B")
    ('1', '1', 'true', 'A>>B')
    """
    if isinstance(value, bool | np.bool_):
        return str(bool(value)).lower()
    text = str(value).strip()
    if text in ("True", "False"):
        return text.lower()
    if isinstance(value, Real) or _NUMBER.fullmatch(text):
        number = float(text)
        if number.is_integer() and abs(number) < 2**53:
            return str(int(number))
        return repr(number) if math.isfinite(number) and abs(number) < 2**53 else text
    return text


def number_in(key: str) -> float | None:
    """The number that a key is; None where it is not one."""
    return float(key) if _NUMBER.fullmatch(key) else None


def word_verdict(key: str) -> str | None:
    """What a word says that everybody reads alike: "a", "b", "tie", "" for nothing; None for all others.

    Numbers, and words that name a place ("left", "first"), say different things in different files.

    >>> word_verdict("[[A]]"), word_verdict("Response B"), word_verdict("B>>A"), word_verdict("tie (bothbad)")
    ('a', 'b', 'b', 'tie')
    >>> word_verdict("left"), word_verdict("1"), word_verdict("neither")
    (None, None, None)
    """
    if key.strip().casefold() == "[[c]]":  # a tie where judges answer [[A]] or [[B]]
        return TIE
    bare = " ".join(re.sub(r"[_\-()\[\]]+", " ", key.casefold()).split()).strip(_MARKS)
    if bare in _WORDS:
        return _WORDS[bare]
    if side := _SIDE.fullmatch(bare):
        return side[1]
    compared = _COMPARED.fullmatch(" ".join(key.casefold().strip(_MARKS).split()))
    if compared is None or compared[1] == compared[3]:
        return None
    if compared[2][0] in "=~":
        return TIE
    return compared[1] if compared[2][0] == ">" else compared[3]


def keyed(meanings: Mapping[Any, str], allowed: Sequence[str]) -> dict[str, str]:
    """A map of values with its keys as `verdict_key` has them.

    Raises:
        ValueError: a meaning that is not allowed, none at all, or one value with two meanings; what follows the name of
            the setting.
    """
    odd = [meaning for meaning in meanings.values() if meaning not in allowed]
    if odd or not meanings:
        said = ", ".join(meaning or "'' (nothing)" for meaning in allowed)
        raise ValueError(f"maps to {odd[0] if odd else 'nothing'!r}. Allowed: {said}.")
    found: dict[str, str] = {}
    for value, meaning in meanings.items():
        key = verdict_key(value)
        if found.setdefault(key, meaning) != meaning:
            raise ValueError(f"maps {key!r} both to {found[key]!r} and to {meaning!r}. Give it one meaning.")
    return found


class VerdictMap:
    """What the values of a file mean as gold, as a user writes it.

    Values compare by `verdict_key`, and without case where that leaves one meaning.

    Args:
        meanings: value -> "a", "b", "tie" or "" (says nothing). Keys such as "<0" and ">4.5" stand for all numbers
            below or above one that have no entry of their own.

    Raises:
        ConfigError: a meaning that is not allowed, or one value with two meanings.

    >>> coded = VerdictMap({"1": "a", "A>>B": "a", "<0": "b"})
    >>> coded.meaning(1.0), coded.meaning("a>>b"), coded.meaning(-2), coded.meaning(0)
    ('a', 'a', 'b', None)
    """

    def __init__(self, meanings: Mapping[Any, str]) -> None:
        try:
            self.meanings = keyed(meanings, (A, B, TIE, NOTHING))
        except ValueError as error:
            raise ConfigError(f"gold_values {error}") from None
        caseless: dict[str, set[str]] = {}
        for key, meaning in self.meanings.items():
            caseless.setdefault(key.casefold(), set()).add(meaning)
        self._caseless = {key: min(found) for key, found in caseless.items() if len(found) == 1}
        numbers = [number for key in self.meanings if (number := number_in(key)) is not None]
        self._bounds = _bounds(self.meanings)
        by_sign = any(limit == 0 for _, limit, _ in self._bounds)
        self.has_numbers = bool(self._bounds) or bool(numbers)
        """Whether it says what numbers mean; then a number that it lacks has no meaning."""
        self.is_signed = by_sign or (any(n < 0 for n in numbers) and any(n > 0 for n in numbers))
        """Whether numbers are strengths of a preference, whose size says how strong it is."""

    def meaning(self, value: object) -> str | None:
        """What a value means; None where the map does not say."""
        key = verdict_key(value)
        found = self.meanings.get(key, self._caseless.get(key.casefold()))
        number = number_in(key)
        if found is None and number is not None:
            for mark, limit, meaning in self._bounds:
                if number < limit if mark == "<" else number > limit:
                    return meaning
        return found


def _bounds(meanings: Mapping[str, str]) -> list[tuple[str, float, str]]:
    """The keys for all numbers below or above one: mark, number and meaning; ConfigError where two could hold."""
    found = [
        (b[1], float(b[2]), meaning) for key, meaning in meanings.items() if (b := _BOUND.fullmatch(key))
    ]
    marks = [mark for mark, _, _ in found]
    limits = {mark: limit for mark, limit, _ in found}
    if len(marks) > len(limits) or limits.get("<", -math.inf) > limits.get(">", math.inf):
        shown = ", ".join(f"{mark}{limit:g}" for mark, limit, _ in found)
        raise ConfigError(
            f"gold_values has {shown}, which overlap. Allowed: one key with < and one with >, such as '<4.5' and '>4.5'."
        )
    return found


def suggested(keys: Iterable[str]) -> str:
    """A `gold_values` for values whose meaning is not known, for a user to correct.

    >>> suggested(["1", "0"]), suggested(["-2", "0", "3"])
    ('{ "0" = "a", "1" = "b" }', '{ "<0" = "a", "0" = "tie", ">0" = "b" }')
    >>> suggested(["2", "7", "8", "1"])
    '{ "<4.5" = "a", ">4.5" = "b" }'
    >>> suggested(["0.1", "0.3"])
    '{ "<0.2" = "a", ">0.2" = "b" }'
    """
    found = set(keys)
    numbers = {key: number for key in found if (number := number_in(key)) is not None}
    if any(number < 0 for number in numbers.values()) and len(numbers) > 1:
        return '{ "<0" = "a", "0" = "tie", ">0" = "b" }'
    least, most = min(numbers.values(), default=0.0), max(numbers.values(), default=0.0)
    if len(numbers) == len(found) > 1 and (
        len(found) > _SCALE or most - least >= _SCALE or any(not n.is_integer() for n in numbers.values())
    ):
        middle = verdict_key(round((least + most) / 2, 6))
        tie = f' "{middle}" = "tie",' if middle in found else ""
        return f'{{ "<{middle}" = "a",{tie} ">{middle}" = "b" }}'
    if ties := [key for key in found if _EVEN.search(key)]:
        sided = suggested(found - {*ties})[2:-2] if found - {*ties} else ""
        both = ", ".join(f'{json.dumps(key[:40], ensure_ascii=False)} = "tie"' for key in sorted(ties))
        return "{ " + ", ".join(filter(None, (sided, both))) + " }"
    ordered = sorted(found, key=lambda key: (key not in numbers, numbers.get(key, 0.0), key))
    shown = [
        f"{json.dumps(key[:40], ensure_ascii=False)} = {json.dumps(meaning)}"
        for key, meaning in zip(ordered[:4], (A, B, TIE, NOTHING), strict=False)
    ]
    return "{ " + ", ".join([*shown, *(["..."] if len(ordered) > 4 else [])]) + " }"
