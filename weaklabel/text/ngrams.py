"""Texts as sparse rows of hashed n-grams, of four kinds: words, characters, layout and style.

Hashed to a fixed number of columns: no vocabulary to learn, to store or to leak. Source: feature hashing,
Weinberger et al. (2009); we leave out its random signs, because presence is enough for a difference and the sum
of few collisions is small at this width.

- `words`: 1- and 2-grams of lower-case words and punctuation.
- `characters`: 2- to 4-grams inside lower-case words, edges marked. Those of a word are hashed once per distinct
  word, not once per occurrence, which is what most of the time went into.
- `layout`: 2- to 6-grams of characters after every run of capitals became `X`, of other letters `x`, of digits
  `9`, and every line break a mark: how a text is set, whatever it says.
- `style`: 1- to 3-grams of function words, punctuation and line breaks in place, all other words masked: how
  somebody writes, whatever about. Function words are English; in other languages it sees capitals and punctuation.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from weaklabel._validation import lookup
from weaklabel.types import FloatArray, Pairs
from weaklabel.types.features import PairFeatures, Sparse

Columns = NDArray[np.int32]

_ROWS: Final = 1024  # pairs hashed at a time
_TOKEN: Final = re.compile(r"\w+|[^\w\s]")
_CHARACTERS: Final = (2, 3, 4)
_LONGEST: Final = (
    64  # characters of a run without spaces that are read: behind them stands data, not language
)
_LONGEST_TEXT: Final = (
    100_000  # characters that layout and style read: behind them they have seen how it goes on
)
_MEMORY: Final = 200_000  # distinct words remembered
_BREAK: Final = "¶"
_LAYOUT: Final = (
    (re.compile(r"[A-Z]+"), "X"),
    (re.compile(r"[^\W\d_XA-Z]+"), "x"),
    (re.compile(r"\d+"), "9"),
    (re.compile(r"\n"), _BREAK),
)
_LAYOUT_SIZES: Final = (2, 3, 4, 5, 6)
_STYLE_TOKEN: Final = re.compile(r"[^\W\d_]+|\d+|\n|[^\w\s]|_")
_FUNCTION_WORDS: Final = frozenset(
    [
        "a",
        "about",
        "above",
        "after",
        "again",
        "all",
        "also",
        "an",
        "and",
        "any",
        "are",
        "as",
        "at",
        "be",
        "because",
        "been",
        "before",
        "being",
        "below",
        "between",
        "both",
        "but",
        "by",
        "can",
        "could",
        "did",
        "do",
        "does",
        "doing",
        "down",
        "during",
        "each",
        "few",
        "for",
        "from",
        "further",
        "had",
        "has",
        "have",
        "having",
        "he",
        "her",
        "here",
        "hers",
        "him",
        "his",
        "how",
        "i",
        "if",
        "in",
        "into",
        "is",
        "it",
        "its",
        "just",
        "may",
        "me",
        "might",
        "more",
        "most",
        "must",
        "my",
        "no",
        "nor",
        "not",
        "of",
        "off",
        "on",
        "once",
        "only",
        "or",
        "other",
        "our",
        "out",
        "over",
        "own",
        "same",
        "shall",
        "she",
        "should",
        "so",
        "some",
        "such",
        "than",
        "that",
        "the",
        "their",
        "them",
        "then",
        "there",
        "these",
        "they",
        "this",
        "those",
        "through",
        "to",
        "too",
        "under",
        "until",
        "up",
        "us",
        "very",
        "was",
        "we",
        "were",
        "what",
        "when",
        "where",
        "which",
        "while",
        "who",
        "whom",
        "why",
        "will",
        "with",
        "would",
        "you",
        "your",
    ]
)


class HashedText:
    """Texts -> sparse 0/1 rows, `n_features` columns for each kind of n-gram.

    Args:
        n_features: columns per kind; a row has `n_features * len(kinds)`.
        kinds: of `KINDS`, in the order of their columns.
        remember: columns of whole texts that are kept (4 bytes each), for whoever hashes the same texts again and
            again; 0 keeps none.
    """

    def __init__(
        self, n_features: int, kinds: Sequence[str] = ("words", "characters"), *, remember: int = 0
    ) -> None:
        self.n_features = n_features
        self.kinds = tuple(kinds)
        self.remember = remember
        self._texts: dict[str, Columns] = {}
        self._held = 0
        for kind in self.kinds:
            lookup("kind of n-gram", KINDS, kind)
        self._runs: dict[str, Columns] = {}

    def transform(self, texts: Sequence[str]) -> Sparse:
        """`(n, n_features * len(kinds))` int8 CSR of zeros and ones. Each row depends on its text alone."""
        import scipy.sparse as sp

        distinct = {text: self._columns(text) for text in set(texts)}
        rows = [distinct[text] for text in texts]
        ends = np.cumsum([0, *(len(row) for row in rows)])
        indices = np.concatenate([np.empty(0, np.int32), *rows])
        ones = np.ones(len(indices), dtype=np.int8)
        return sp.csr_matrix((ones, indices, ends), shape=(len(rows), self.n_features * len(self.kinds)))

    def _columns(self, text: str) -> Columns:
        known = self._texts.get(text)
        if known is not None:
            return known
        columns = self._fresh_columns(text)
        if len(columns) <= self.remember:
            if self._held + len(columns) > self.remember:
                self._texts.clear()
                self._held = 0
            self._texts[text] = columns
            self._held += len(columns)
        return columns

    def _fresh_columns(self, text: str) -> Columns:
        parts = [
            np.unique(KINDS[kind](self, text)) + np.int32(i * self.n_features)
            for i, kind in enumerate(self.kinds)
        ]
        return np.concatenate(parts)

    def _words(self, text: str) -> Columns:
        words = _TOKEN.findall(_shown(text))
        return self._hash({*words, *(f"{one} {two}" for one, two in pairwise(words))})

    def _characters(self, text: str) -> Columns:
        runs = [self._runs_of(word) for word in set(_shown(text).split())]
        return np.concatenate([np.empty(0, np.int32), *runs])

    def _layout(self, text: str) -> Columns:
        text = text[:_LONGEST_TEXT]
        for pattern, mark in _LAYOUT:
            text = pattern.sub(mark, text)
        return self._hash(_grams(text, _LAYOUT_SIZES))

    def _style(self, text: str) -> Columns:
        tokens = [_style_of(token) for token in _STYLE_TOKEN.findall(text[:_LONGEST_TEXT])]
        triples = zip(tokens, tokens[1:], tokens[2:], strict=False)
        return self._hash({*tokens, *map(" ".join, pairwise(tokens)), *map(" ".join, triples)})

    def _runs_of(self, word: str) -> Columns:
        known = self._runs.get(word)
        if known is None:
            if len(self._runs) >= _MEMORY:
                self._runs.clear()
            known = self._runs[word] = self._hash(_grams(f" {word[:_LONGEST]} ", _CHARACTERS))
        return known

    def _hash(self, grams: set[str]) -> Columns:
        from sklearn.utils import murmurhash3_32

        columns = (abs(murmurhash3_32(gram, seed=0)) % self.n_features for gram in grams)
        return np.fromiter(columns, dtype=np.int32, count=len(grams))


KINDS: Final[dict[str, Any]] = {
    "words": HashedText._words,
    "characters": HashedText._characters,
    "layout": HashedText._layout,
    "style": HashedText._style,
}
"""The kinds of n-grams, by name."""

VIEW_COLUMNS: Final = 2**15
CONTEXT_COLUMNS: Final = 2**8


def pair_features(pairs: Pairs, rows: NDArray[np.bool_] | None = None) -> PairFeatures:
    """Differences of the responses in each kind of n-gram, and the words of the prompt, for a label model.

    Views are named as in `KINDS` and have `VIEW_COLUMNS` columns each, with values -1, 0 and 1. The context holds
    the prompt's words but function words, hashed to `CONTEXT_COLUMNS` columns, as logarithms of their counts,
    scaled to length 1.

    Args:
        pairs: any pairs.
        rows: `(n_pairs,)` bool, the rows that are needed; the others are left empty, which saves their cost.
    """
    import scipy.sparse as sp

    wanted = np.arange(len(pairs)) if rows is None else np.flatnonzero(rows)
    hashed = HashedText(VIEW_COLUMNS, tuple(KINDS))
    blocks = [sp.csr_matrix((0, VIEW_COLUMNS * len(KINDS)), dtype=np.int8)]
    contexts = [sp.csr_matrix((0, CONTEXT_COLUMNS))]
    for start in range(0, len(wanted), _ROWS):
        part = pairs.table.select(["prompt", "response_a", "response_b"]).take(wanted[start : start + _ROWS])
        a, b = part["response_a"].to_pylist(), part["response_b"].to_pylist()
        hashes = hashed.transform([*a, *b])
        block = (hashes[len(a) :] - hashes[: len(a)]).tocsr()
        block.eliminate_zeros()  # what both responses hold says nothing
        blocks.append(block)
        contexts.append(_context(part["prompt"].to_pylist()))
    both = _spread_out(sp.vstack(blocks, format="csr"), wanted, len(pairs))
    views = {
        kind: both[:, i * VIEW_COLUMNS : (i + 1) * VIEW_COLUMNS].astype(np.float64)
        for i, kind in enumerate(KINDS)
    }
    return PairFeatures(views, _spread_out(sp.vstack(contexts, format="csr"), wanted, len(pairs)))


def _spread_out(rows: Sparse, where: NDArray[np.intp], n: int) -> Sparse:
    """The rows at their places among `n`, the others empty."""
    import scipy.sparse as sp

    lengths = np.zeros(n, dtype=np.int64)
    lengths[where] = np.diff(rows.indptr)
    ends = np.concatenate([[0], np.cumsum(lengths)])
    return sp.csr_matrix((rows.data, rows.indices, ends), shape=(n, rows.shape[1]))


def _context(prompts: Sequence[str]) -> Sparse:
    import scipy.sparse as sp
    from sklearn.utils import murmurhash3_32

    rows = np.zeros((len(prompts), CONTEXT_COLUMNS))
    for row, prompt in zip(rows, prompts, strict=True):
        for word in _TOKEN.findall(prompt.lower()):
            if word[0].isalnum() and word not in _FUNCTION_WORDS:
                row[abs(murmurhash3_32(word, seed=0)) % CONTEXT_COLUMNS] += 1.0
    rows = np.log1p(rows)
    length: FloatArray = np.sqrt((rows**2).sum(axis=1, keepdims=True))
    return sp.csr_matrix(rows / np.where(length > 0, length, 1.0))


def _shown(text: str) -> str:
    # Runs of white space fold into one; a mark keeps lists and paragraphs visible.
    return text.lower().replace("\n", f" {_BREAK} ")


def _grams(text: str, sizes: Iterable[int]) -> set[str]:
    return {text[i : i + n] for n in sizes for i in range(len(text) - n + 1)}


def _style_of(token: str) -> str:
    if token == "\n":
        return _BREAK
    if token[0].isdigit():
        return "9"
    if not token[0].isalpha():
        return token
    low = token.lower()
    return low if low in _FUNCTION_WORDS else ("Xx" if token[0].isupper() else "x")
