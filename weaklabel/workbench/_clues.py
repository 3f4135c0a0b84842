"""What `explore` looks for in a response, and in which of two it is found."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Any, Final

import numpy as np

from weaklabel.text.features import words
from weaklabel.types import Pair, Text

_FLAGS: Final = re.MULTILINE | re.IGNORECASE  # as pattern_scorer compiles them

PATTERNS: Final = {
    name: re.compile(pattern, _FLAGS)
    for name, pattern in {
        "bullet list": r"^\s*[-*•]\s+\S",
        "numbered list": r"^\s*\d+[.)]\s+\S",
        "heading": r"^#{1,6}\s+\S",
        "bold": r"\*\*[^*\n]+\*\*",
        "code fence": r"^\s*```",
        "inline code": r"`[^`\n]+`",
        "table": r"^\s*\|.*\|\s*$",
        "link": r"https?://\S+",
        "citation mark": r"\[\d+\]",
        "number": r"\d",
        "percentage": r"\d\s?%",
        "money": r"[$€£]\s?\d",
        "year": r"\b(?:19|20)\d\d\b",
        "equation": r"\d\s*[-+*/×÷]\s*\d+\s*=",
        "equals sign": r"=",
        "quotation": r"\x22[^\x22\n]{3,}\x22",
        "parenthesis": r"\([^)\n]+\)",
        "colon at line end": r":\s*$",
        "question mark": r"\?",
        "ends with question": r"\?\s*\Z",
        "exclamation mark": r"!",
        "ends without full stop": r"[^\s.!?:;\x22')\]`*|]\s*\Z",
        "emoji": r"[\U0001F300-\U0001FAFF\u2600-\u27BF]",
        "first person": r"\b(?:i|i'm|i've|i'd|my|me)\b",
        "addresses the reader": r"\b(?:you|your|yours)\b",
        "apology": r"\b(?:sorry|apologi[sz]e|apologies)\b",
        "refusal": r"\b(?:i|we)\s+(?:can(?:no|')t|cannot|am unable|won't|will not)\b",
        "speaks of itself as a model": r"\bas an? (?:ai|language model|assistant)\b",
        "hedge": r"\b(?:maybe|perhaps|possibly|might|i think|i guess|probably)\b",
        "example": r"\b(?:for example|for instance|e\.g\.|such as)\b",
        "reason": r"\b(?:because|therefore|thus|hence|since)\b",
        "step": r"\bstep\s+\d",
        "contrast": r"\b(?:however|although|on the other hand|whereas)\b",
        "summary": r"\b(?:in summary|in conclusion|to sum up|overall)\b",
        "offers more help": r"\blet me know\b|\bfeel free\b|\bhope this helps\b",
    }.items()
}
"""Marks by name. A mark counts as found or not, however often."""


def opening_pattern(word: str) -> str:
    """The pattern of a response that opens with `word`."""
    return rf"\A\W*{re.escape(word)}\b"


def words_of(response: Text) -> Iterable[str]:
    """Distinct words of two characters and more."""
    return {word for word in words(response) if len(word) > 1}


def bigrams_of(response: Text) -> Iterable[str]:
    """Distinct neighbouring words."""
    return {f"{one} {two}" for one, two in pairwise(words(response))}


class Words:
    """Which strings are found in exactly one response of at least `min_count` pairs.

    Attributes:
        names: the strings, sorted.
        signs: sparse `(n_pairs, n_names)` float64, +1 where only B holds the string, -1 where only A does.
    """

    def __init__(
        self, rows: Sequence[Pair], found_in: Callable[[Text], Iterable[str]], min_count: int
    ) -> None:
        from scipy import sparse

        held: dict[Text, frozenset[str]] = {}
        for pair in rows:
            for response in (pair.response_a, pair.response_b):
                if response not in held:
                    held[response] = frozenset(found_in(response))
        only_a = [held[pair.response_a] - held[pair.response_b] for pair in rows]
        only_b = [held[pair.response_b] - held[pair.response_a] for pair in rows]
        counts = Counter(name for found in (*only_a, *only_b) for name in found)
        self.names = sorted(name for name, count in counts.items() if count >= min_count)
        index = {name: j for j, name in enumerate(self.names)}
        cells = [
            (row, index[name], sign)
            for sign, found in ((-1.0, only_a), (1.0, only_b))
            for row, names in enumerate(found)
            for name in names
            if name in index
        ]
        rows_, columns, signs = (
            (np.array(part) for part in zip(*cells, strict=True)) if cells else ([], [], [])
        )
        shape = (len(rows), len(self.names))
        self.signs: Any = sparse.csr_array((signs, (rows_, columns)), shape=shape)
