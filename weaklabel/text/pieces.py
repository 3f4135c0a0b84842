"""What stands between two spaces, and what each kind of n-gram reads in it: worked out once for each distinct piece.

Texts say the same words over and over, so Python looks at each piece once; of a text it only asks for the numbers of
its pieces. N-grams within and across pieces are then read from arrays of numbers, many texts at a time.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, ClassVar, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from weaklabel.text.murmur import columns_of, hashed_columns
from weaklabel.text.ragged import Ragged
from weaklabel.text.symbols import Columns, Numbers, Symbols
from weaklabel.text.tokens import codes_at
from weaklabel.text.vocabulary import Vocabulary

BREAK: Final = "¶"
TOKEN: Final = re.compile(r"\w+|[^\w\s]")
_BEHIND: Final = 16  # bytes behind the last text, which `codes_at` wants
_MEMORY: Final = 200_000  # distinct pieces remembered
_MOST_CHARACTERS: Final = 2**23  # of theirs, together
_CHARACTERS: Final = (2, 3, 4)
_LONGEST: Final = (
    64  # characters of a run without spaces that are read: behind them stands data, not language
)
_LAYOUT: Final = (
    (re.compile(r"[A-Z]+"), "X"),
    (re.compile(r"[^\W\d_XA-Z]+"), "x"),
    (re.compile(r"\d+"), "9"),
    (re.compile(r"\n"), BREAK),
)
_STYLE_TOKEN: Final = re.compile(r"[^\W\d_]+|\d+|\n|[^\w\s]|_")
_FUNCTION_WORDS: Final = """a about above after again all also an and any are as at be because been before being below between both but by
    can could did do does doing down during each few for from further had has have having he her here hers him his how
    i if in into is it its just may me might more most must my no nor not of off on once only or other our out over own
    same shall she should so some such than that the their them then there these they this those through to too under
    until up us very was we were what when where which while who whom why will with would you your"""
FUNCTION_WORDS: Final = frozenset(_FUNCTION_WORDS.split())


@dataclass(frozen=True)
class Stream:
    """The pieces of some texts, one text after the other.

    Attributes:
        pieces: `(n,)` number of each piece.
        texts: `(n,)` rising, the text in which it stands.
    """

    pieces: NDArray[np.int32]
    texts: Numbers


class Kind(Protocol):
    """A kind of n-gram: what it learns of new pieces, and what it reads in a stream."""

    whole: ClassVar[bool]
    """Whether it reads texts to their end, however long."""

    def __init__(self, n_features: int) -> None: ...

    def learn(self, pieces: Sequence[str]) -> None:
        """Take up pieces that were not met before. A line break is a piece of its own: a newline."""

    def read(self, stream: Stream) -> tuple[Numbers, Columns]:
        """The text and the column of each n-gram, some of them more than once."""


class Words:
    """1- and 2-grams of lower-case words and punctuation."""

    whole: ClassVar[bool] = True

    def __init__(self, n_features: int) -> None:
        self._symbols = Symbols(n_features, " ", (1, 2))
        self._rows = Ragged(np.int32)

    def learn(self, pieces: Sequence[str]) -> None:
        shown = map(_shown, pieces)
        tokens = [[piece] if piece.isalnum() else TOKEN.findall(piece) for piece in shown]
        self._rows.add(self._symbols.numbers(chain.from_iterable(tokens)), _lengths(tokens))

    def read(self, stream: Stream) -> tuple[Numbers, Columns]:
        symbols, lengths = self._rows.take(stream.pieces)
        return self._symbols.grams(symbols, np.repeat(stream.texts, lengths))


class Characters:
    """2- to 4-grams of characters inside lower-case words, edges marked."""

    whole: ClassVar[bool] = True

    def __init__(self, n_features: int) -> None:
        self._n_features = n_features
        self._n_pieces = 0
        self._columns = Ragged(np.int32)

    def learn(self, pieces: Sequence[str]) -> None:
        runs = [[f" {word[:_LONGEST]} " for word in _shown(piece).split()] for piece in pieces]
        owner = np.repeat(np.arange(len(pieces)), _lengths(runs))
        flat = list(chain.from_iterable(runs))
        n_characters = _lengths(flat)
        text = "".join(flat).encode()
        raw = np.frombuffer(text, dtype=np.uint8)
        starts = np.append(np.flatnonzero((raw & 0xC0) != 0x80), len(raw))  # of each character, and the end
        run = np.repeat(np.arange(len(flat)), n_characters)
        left = np.repeat(np.cumsum(n_characters), n_characters) - np.arange(
            len(run)
        )  # of the run, from here on
        # (characters, sizes): whether so many are left; row after row they are in the order of the pieces.
        first, size = np.nonzero(left[:, None] >= np.array(_CHARACTERS))
        size = np.array(_CHARACTERS)[size]
        columns = hashed_columns(text, starts[first], starts[first + size] - starts[first], self._n_features)
        self._columns.add(columns, np.bincount(owner[run[first]], minlength=len(pieces)))
        self._n_pieces += len(pieces)

    def read(self, stream: Stream) -> tuple[Numbers, Columns]:
        met = distinct(stream.texts * self._n_pieces + stream.pieces)  # each piece once in a text
        texts, pieces = np.divmod(met, max(self._n_pieces, 1))
        columns, lengths = self._columns.take(pieces)
        return np.repeat(texts, lengths), columns


class Layout:
    """2- to 6-grams of characters after runs of capitals became `X`, other letters `x`, digits `9`, line breaks a mark."""

    whole: ClassVar[bool] = False

    def __init__(self, n_features: int) -> None:
        self._symbols = Symbols(n_features, "", (2, 3, 4, 5, 6))
        self._rows = Ragged(np.int32)
        self._breaks = np.empty(0, dtype=np.bool_)

    def learn(self, pieces: Sequence[str]) -> None:
        text = " ".join([*pieces, ""])
        for pattern, mark in _LAYOUT:
            text = pattern.sub(mark, text)
        points = np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32).astype(np.int64)
        numbers, found = ranked(points, 0x110000)
        # Each row ends with the space behind it.
        lengths = np.diff(np.flatnonzero(points == ord(" ")), prepend=-1)
        self._rows.add(self._symbols.numbers(map(chr, found.tolist()))[numbers], lengths)
        self._breaks = np.concatenate([self._breaks, [piece == "\n" for piece in pieces]])

    def read(self, stream: Stream) -> tuple[Numbers, Columns]:
        symbols, lengths = self._rows.take(stream.pieces)
        texts = np.repeat(stream.texts, lengths)
        # The spaces round a line break, and behind the last piece of a text, are none of the text's own.
        breaks = self._breaks[stream.pieces]
        foreign = breaks.copy()
        foreign[:-1] |= breaks[1:] | (stream.texts[1:] != stream.texts[:-1])
        foreign[-1:] = True
        kept = np.ones(len(symbols), dtype=np.bool_)
        kept[np.cumsum(lengths)[foreign] - 1] = False
        return self._symbols.grams(symbols[kept], texts[kept])


class Style:
    """1- to 3-grams of function words, punctuation and line breaks in place, all other words masked."""

    whole: ClassVar[bool] = False

    def __init__(self, n_features: int) -> None:
        self._symbols = Symbols(n_features, " ", (1, 2, 3))
        self._rows = Ragged(np.int32)

    def learn(self, pieces: Sequence[str]) -> None:
        tokens = [[piece] if piece.isalpha() else _STYLE_TOKEN.findall(piece) for piece in pieces]
        self._rows.add(self._symbols.numbers(map(_style_of, chain.from_iterable(tokens))), _lengths(tokens))

    def read(self, stream: Stream) -> tuple[Numbers, Columns]:
        symbols, lengths = self._rows.take(stream.pieces)
        return self._symbols.grams(symbols, np.repeat(stream.texts, lengths))


class Topics:
    """Lower-case words but function words and signs, each as often as it is there."""

    whole: ClassVar[bool] = True

    def __init__(self, n_features: int) -> None:
        self._n_features = n_features
        self._columns = Ragged(np.int32)

    def learn(self, pieces: Sequence[str]) -> None:
        words = [
            [
                word
                for word in TOKEN.findall(piece.lower())
                if word[0].isalnum() and word not in FUNCTION_WORDS
            ]
            for piece in pieces
        ]
        columns = columns_of(list(chain.from_iterable(words)), self._n_features)
        self._columns.add(columns, _lengths(words))

    def read(self, stream: Stream) -> tuple[Numbers, Columns]:
        columns, lengths = self._columns.take(stream.pieces)
        return np.repeat(stream.texts, lengths), columns


KINDS: Final[dict[str, type[Kind]]] = {
    "words": Words,
    "characters": Characters,
    "layout": Layout,
    "style": Style,
}
"""The kinds of n-grams, by name."""


class Pieces:
    """The pieces that were met, and what kinds of n-grams learned of them.

    Args:
        makers: the kinds.
        n_features: columns of each.
    """

    def __init__(self, makers: Sequence[type[Kind]], n_features: int) -> None:
        self._makers, self._n_features = makers, n_features
        self._begin()

    def make_room(self) -> None:
        """Begin anew where more is remembered than memory is for; streams of before mean nothing then."""
        if self._n_learned >= _MEMORY or self._held >= _MOST_CHARACTERS:
            self._begin()

    def _begin(self) -> None:
        self._vocabulary = Vocabulary()
        self._n_learned = self._held = 0
        self.kinds: list[Kind] = [make(self._n_features) for make in self._makers]

    def stream(self, texts: Sequence[str]) -> Stream:
        """The pieces of the texts; new ones are learned."""
        encoded = [text.replace("\n", " \n ").encode() for text in texts]
        raw = np.frombuffer(b" ".join([*encoded, bytes(_BEHIND)]), dtype=np.uint8)
        ends = np.flatnonzero(raw == ord(" "))
        starts = np.append(0, ends[:-1] + 1)[: len(ends)]
        words = self._vocabulary
        numbers = codes_at(raw, starts, ends - starts, words)
        for i in np.unique(np.searchsorted(ends, np.flatnonzero(raw[:-_BEHIND] == 0))).tolist():
            numbers[i] = words.add(raw[starts[i] : ends[i]].tobytes().decode())  # a key ends with its first 0
        self._learn(words.words[self._n_learned :])
        counts = np.diff(np.searchsorted(ends, np.cumsum(_lengths(encoded) + 1)), prepend=0)
        return Stream(numbers, np.repeat(np.arange(len(texts)), counts))

    def _learn(self, pieces: Sequence[str]) -> None:
        try:
            for kind in self.kinds if pieces else ():
                kind.learn(pieces)
        except BaseException:  # Ctrl-C in a notebook: kinds that learned half of them must not be used again
            self._begin()
            raise
        self._n_learned += len(pieces)
        self._held += sum(map(len, pieces))


def ranked(codes: Numbers, bound: int) -> tuple[Numbers, Numbers]:
    """Codes in [0, bound) as numbers 0, 1, ... in the order of their size, and the code of each number."""
    if bound > 8 * len(codes) + 2**16:
        found, numbers = np.unique(codes, return_inverse=True)
        return numbers.reshape(-1), found
    met = np.zeros(bound, dtype=np.bool_)
    met[codes] = True
    found = np.flatnonzero(met)
    number = np.empty(bound, dtype=np.int64)
    number[found] = np.arange(len(found))
    return number[codes], found


def distinct(keys: NDArray[Any]) -> NDArray[Any]:
    """The distinct keys, rising. Sorting beats the hashing of `np.unique` here."""
    keys = np.sort(keys)
    new = np.ones(len(keys), dtype=np.bool_)
    new[1:] = keys[1:] != keys[:-1]
    return keys[new]


def _lengths(parts: Sequence[Any]) -> Numbers:
    return np.fromiter(map(len, parts), dtype=np.int64, count=len(parts))


def _shown(piece: str) -> str:
    return BREAK if piece == "\n" else piece.lower()


def _style_of(token: str) -> str:
    if token == "\n":
        return BREAK
    if token[0].isdigit():
        return "9"
    if not token[0].isalpha():
        return token
    low = token.lower()
    return low if low in FUNCTION_WORDS else ("Xx" if token[0].isupper() else "x")
