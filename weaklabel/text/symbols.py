"""N-grams of symbols, of many texts at once: each is met once in a text, and hashed once as long as it is remembered.

An n-gram is a code: the numbers of its symbols in bits, the first highest. So sorting codes puts n-grams beside those
that they begin, and the shorter ones are read off the longest by shifting. A text's number stands above its symbols.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from weaklabel.text.memo import Memo
from weaklabel.text.murmur import hashed_columns
from weaklabel.text.ragged import Ragged

Numbers = NDArray[np.int64]
Columns = NDArray[np.int32]
Codes = NDArray[Any]  # uint64, or Python's whole numbers where symbols need more bits than those have

_TEXTS: Final = 2**10  # read at a time
_GRAM_BITS: Final = 54  # what the number of a text leaves of 64
_BITS_OF_ANY: Final = 32
_MEMO_BITS: Final = 18


class Symbols:
    """Strings numbered from 1 on, and the columns of n-grams of them.

    Args:
        n_features: columns.
        between: what stands between two symbols of an n-gram.
        sizes: of the n-grams, rising, none left out.

    >>> letters = Symbols(2**15, "", (1, 2))
    >>> [part.tolist() for part in letters.grams(letters.numbers("aab"), np.array([0, 0, 0]))]  # aa, ab; a, b
    [[0, 0, 0, 0], [4521, 10401, 27058, 509]]
    """

    def __init__(self, n_features: int, between: str, sizes: Sequence[int]) -> None:
        self._n_features, self._between, self._sizes = n_features, between, sizes
        self._number: dict[str, int] = {}
        self._bytes = Ragged(np.uint8)
        self._bytes.add(np.empty(0, dtype=np.uint8), np.zeros(1, dtype=np.int64))  # number 0 is behind a text
        self._memo = Memo(_MEMO_BITS)

    def numbers(self, symbols: Iterable[str]) -> Columns:
        """`(n,)` the numbers of symbols; new ones get the next."""
        known, before = self._number, len(self._number)
        found = np.array([known.setdefault(symbol, len(known) + 1) for symbol in symbols], dtype=np.int32)
        new = [f"{symbol}{self._between}".encode() for symbol in list(known)[before:]]
        lengths = np.fromiter(map(len, new), dtype=np.int64, count=len(new))
        self._bytes.add(np.frombuffer(b"".join(new), dtype=np.uint8), lengths)
        return found

    def grams(self, symbols: Columns, texts: Numbers) -> tuple[Numbers, Columns]:
        """The text and the column of each n-gram of each text, longest first. Two may share a column.

        Args:
            symbols: `(n,)` numbers.
            texts: `(n,)` rising, the text in which each stands.
        """
        bits = _GRAM_BITS // self._sizes[-1]
        rare = symbols >> bits > 0
        if not rare.any():
            found = list(self._read(symbols, texts, bits))
        else:  # seldom: more symbols were met than fit, and some texts hold one of the later ones
            rare = np.isin(texts, texts[rare])
            found = [
                *self._read(symbols[~rare], texts[~rare], bits),
                *self._read(symbols[rare], texts[rare], _BITS_OF_ANY),
            ]
        rows, columns = zip(*found, strict=True) if found else ((), ())
        return (
            np.concatenate([np.empty(0, dtype=np.int64), *rows]),
            np.concatenate([np.empty(0, dtype=np.int32), *columns]),
        )

    def _read(self, symbols: Columns, texts: Numbers, bits: int) -> Iterator[tuple[Numbers, Columns]]:
        longest = self._sizes[-1]
        kind: Any = np.uint64 if bits * longest <= _GRAM_BITS else object
        for first in range(0, int(texts[-1]) + 1 if len(texts) else 0, _TEXTS):
            part = slice(*np.searchsorted(texts, (first, first + _TEXTS)).tolist())
            codes = np.sort(_codes(symbols[part].astype(kind), texts[part] - first, longest, bits))
            for size in range(longest, self._sizes[0] - 1, -1):
                codes = codes[_changes(codes)]
                whole = codes[codes & (1 << bits) - 1 != 0]  # the others end behind their text
                rows = (whole >> size * bits).astype(np.int64) + first
                yield rows, self._columns(whole & (1 << size * bits) - 1, size, bits)
                codes = codes >> bits

    def _columns(self, grams: Codes, size: int, bits: int) -> Columns:
        """`(n,)` columns of n-grams of one size."""

        def hashed(new: Codes) -> Columns:
            symbols = [new >> bits * k & (1 << bits) - 1 for k in reversed(range(size))]
            text, lengths = self._bytes.take(np.column_stack(symbols).astype(np.int64).ravel())
            whole = lengths.reshape(len(new), size).sum(axis=1)
            starts = np.cumsum(whole) - whole
            return hashed_columns(text.tobytes(), starts, whole - len(self._between), self._n_features)

        return hashed(grams) if grams.dtype == object else self._memo.of(grams, hashed)


def _codes(symbols: Codes, texts: Numbers, longest: int, bits: int) -> Codes:
    """`(n,)`: for each symbol the n-gram that begins there, with zeros behind its text, below the text's number."""
    places = np.arange(len(symbols)) + texts * (longest - 1)
    spread = np.zeros(int(places[-1]) + longest if len(places) else longest, dtype=symbols.dtype)
    spread[places] = symbols
    codes = spread
    for k in range(1, longest):
        codes = codes[:-1] << bits | spread[k:]
    return np.asarray(codes[places] | texts.astype(symbols.dtype) << longest * bits)


def _changes(codes: Codes) -> NDArray[np.bool_]:
    """`(n,)`: whether a code is another than the one before."""
    new = np.ones(len(codes), dtype=np.bool_)
    new[1:] = codes[1:] != codes[:-1]
    return new
