"""The English Snowball stemmer of `snowballstemmer`, in half the time.

Most of that time goes into finding which of some endings a word has: the package compares letter by letter, in Python.
Here endings stand by their last letter, the longest first. What is done with an ending stays the package's.
"""

from __future__ import annotations

from typing import Any

# The pure-Python class is named: with PyStemmer installed, stemmer() would give a C object whose version decides the stems.
from snowballstemmer.english_stemmer import EnglishStemmer


class Stemmer(EnglishStemmer):  # type: ignore[misc]
    """The package's stemmer with another search for endings, and for beginnings."""

    current: str
    cursor: int
    limit: int
    limit_backward: int

    def __init__(self) -> None:
        super().__init__()
        # Letter -> length, text and number of each part, for one of the lists of parts that the class keeps; and the
        # number of the part that is empty, 0 where the list has none.
        self._listed: dict[int, tuple[dict[str, list[tuple[int, str, int]]], int]] = {}

    def find_among_b(self, parts: list[Any]) -> int:
        """The number of the longest part that ends at the cursor, which moves before it; 0 where none does."""
        by_letter, empty = self._listed.get(id(parts)) or self._list(parts, -1)
        text, end, first = self.current, self.cursor, self.limit_backward
        if end > first:
            for size, part, number in by_letter.get(text[end - 1], ()):
                if end - size >= first and text.startswith(part, end - size):
                    self.cursor = end - size
                    return number
        return empty

    def find_among(self, parts: list[Any]) -> int:
        """The number of the longest part that begins at the cursor, which moves behind it; 0 where none does."""
        by_letter, empty = self._listed.get(id(parts)) or self._list(parts, 0)
        text, start, last = self.current, self.cursor, self.limit
        if start < last:
            for size, part, number in by_letter.get(text[start], ()):
                if start + size <= last and text.startswith(part, start):
                    self.cursor = start + size
                    return number
        return empty

    def _list(self, parts: list[Any], at: int) -> tuple[dict[str, list[tuple[int, str, int]]], int]:
        by_letter: dict[str, list[tuple[int, str, int]]] = {}
        for part in sorted(parts, key=lambda part: -len(part.s)):
            by_letter.setdefault(part.s[at] if part.s else "", []).append((len(part.s), part.s, part.result))
        ((_, _, empty),) = by_letter.pop("", [(0, "", 0)])
        self._listed[id(parts)] = by_letter, empty
        return by_letter, empty
