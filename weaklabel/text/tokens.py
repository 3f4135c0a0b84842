"""The words of many texts at once: found in their bytes by numpy, and numbered.

What comes out is what `Text.words` gives for every single text, whatever its script. Python itself says what is a
letter and what is lower case, but only once per distinct character beyond ASCII and once per text that holds such
capitals; everything else is done for half a megabyte at a time, because arrays of that size stay in the cache.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntFlag
from functools import cached_property
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from weaklabel.text.vocabulary import Codes, Vocabulary, current_vocabulary

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]

_BLOCK: Final = 1 << 19
_MARKS: Final = 1 << 21
_APOSTROPHE: Final = ord("'")
_CURLY: Final = 0x2019
# ASCII letters to lower case, digits as they are, everything else to 0: what is not 0 belongs to a word.
_LOWER: Final = bytes(ord(chr(b).lower()) if b < 128 and chr(b).isalnum() else 0 for b in range(256))
_MASKS: Final = np.array([(1 << 8 * n) - 1 for n in range(8)] + [2**64 - 1], dtype=np.uint64)


class Kind(IntFlag):
    """What Python takes a character beyond ASCII for."""

    ASKED = 1
    WORD = 2  # a letter or digit to `re`
    CAPITAL = 4  # lower case changes it
    DIGIT = 8  # `\d`
    FOLDS = 16  # whatever the case, an ASCII letter matches it


class Beyond(NamedTuple):
    """Every character beyond ASCII in a buffer of UTF-8: where its first byte stands, its code point and kind."""

    positions: Ints
    points: Codes
    kinds: Bytes

    def are(self, kind: Kind) -> NDArray[np.bool_]:
        """Which of them are of (one of) the given kinds."""
        return np.asarray(self.kinds & kind, dtype=np.bool_)

    def inside(self, start: int, end: int) -> Beyond:
        """Those from `start` to before `end`, counted from `start`."""
        part = slice(*np.searchsorted(self.positions, (start, end)).tolist())
        return Beyond(self.positions[part] - start, self.points[part], self.kinds[part])


_KINDS: Final = np.zeros(0x110000, np.uint8)  # by code point, filled in when a character is first met
_FOLD_TO_ASCII: Final = "\u0130\u0131\u017f\u212a"


def _kinds(points: Codes) -> Bytes:
    for point in np.unique(points[_KINDS[points] == 0]).tolist():
        char = chr(point)
        kind = Kind.ASKED | Kind.WORD * char.isalnum() | Kind.CAPITAL * (char.lower() != char)
        _KINDS[point] = kind | Kind.DIGIT * char.isdecimal() | Kind.FOLDS * (char in _FOLD_TO_ASCII)
    return _KINDS[points]


def buffers(texts: pa.LargeStringArray) -> tuple[Bytes, Ints]:
    """The bytes of all texts in one piece, and the `(n + 1,)` positions at which they begin."""
    _, offsets, data = texts.buffers()
    at = np.frombuffer(offsets, np.int64)[texts.offset : texts.offset + len(texts) + 1]
    whole = np.frombuffer(data, np.uint8) if data is not None and data.size else np.empty(0, np.uint8)
    return whole[at[0] : at[-1]], at - at[0]


# `pa.array`, `pa.scalar` and `to_numpy` import pandas to see whether they were given something of it, or shall give it:
# a fifth of a second in every process. So what every run needs is made of its bytes.


def arrow_of(values: NDArray[Any]) -> pa.Array:
    """Numbers in Arrow; nothing is copied."""
    whole = np.ascontiguousarray(values)
    return pa.Array.from_buffers(pa.from_numpy_dtype(whole.dtype), len(whole), [None, pa.py_buffer(whole)])


def numbers_of(array: pa.Array) -> NDArray[Any]:
    """Numbers, none missing, from Arrow; nothing is copied."""
    kind = array.type.to_pandas_dtype()  # a type of numpy
    if not len(array):
        return np.empty(0, kind)
    whole = np.frombuffer(array.buffers()[1], kind, array.offset + len(array))
    return whole[array.offset :]


def strings_of(texts: Sequence[str]) -> pa.LargeStringArray:
    """Strings in Arrow."""
    encoded = [text.encode() for text in texts]
    ends = np.cumsum([0, *map(len, encoded)])
    parts = [None, pa.py_buffer(ends), pa.py_buffer(b"".join(encoded))]
    return pa.Array.from_buffers(pa.large_string(), len(texts), parts)


_NOTHING, _NUL = strings_of(["", "\0"])


def replaced(texts: pa.LargeStringArray, rows: Ints, by: Sequence[str]) -> pa.LargeStringArray:
    """The texts with others in some rows."""
    mask = np.zeros(len(texts), np.bool_)
    mask[rows] = True
    bits = pa.py_buffer(np.packbits(mask, bitorder="little"))
    where = pa.Array.from_buffers(pa.bool_(), len(texts), [None, bits])
    return pc.replace_with_mask(texts, where, strings_of(by))


def lengths(raw: Bytes, positions: Ints) -> Ints:
    """How many bytes each character takes that begins at one of the positions, beyond ASCII."""
    first = raw[positions]
    return 2 + (first >= 0xE0).astype(np.int64) + (first >= 0xF0)


def beyond_ascii(raw: Bytes) -> Beyond:
    """The characters beyond ASCII of well-formed UTF-8."""
    found = []
    for start in range(0, len(raw), _BLOCK):
        part = raw[start : start + _BLOCK]
        found.append(np.flatnonzero(part >= 0xC0) + start)
    positions = np.concatenate(found) if found else np.empty(0, np.int64)
    first, last = raw[positions].astype(np.int32), len(raw) - 1
    length = lengths(raw, positions)
    points = first & (0xFF >> (length + 1))
    for step in (1, 2, 3):
        more = length > step
        next_byte = raw[np.minimum(positions + step, last)].astype(np.int32)
        points = np.where(more, points << 6 | next_byte & 0x3F, points)
    return Beyond(positions, points, _kinds(points))


BeyondOfTexts = tuple[Beyond, Ints]
"""The characters beyond ASCII of some texts, and the text that each stands in."""


def beyond_of(texts: pa.LargeStringArray) -> BeyondOfTexts:
    """The characters beyond ASCII of all texts."""
    raw, offsets = buffers(texts)
    beyond = beyond_ascii(raw)
    return beyond, np.searchsorted(offsets, beyond.positions, "right") - 1


@dataclass(frozen=True)
class Tokens:
    """The words of n texts, as numbers into a vocabulary.

    Attributes:
        codes: `(n_words,)` int32, the words of one text after those of the other.
        offsets: `(n + 1,)` int64; text i has the words `codes[offsets[i]:offsets[i + 1]]`.
        vocabulary: the words by number, and others that no text here uses.
    """

    codes: Codes
    offsets: Ints
    vocabulary: Vocabulary

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @cached_property
    def counts(self) -> Ints:
        """`(n,)` words of each text."""
        return np.diff(self.offsets)

    def __getitem__(self, row: int) -> tuple[str, ...]:
        """The words of one text."""
        codes = self.codes[self.offsets[row] : self.offsets[row + 1]].tolist()
        return tuple(map(self.vocabulary.words.__getitem__, codes))

    def sums(self, values: Codes) -> Ints:
        """`(n,)` int64: whole numbers, one per word of the vocabulary, added up over the words of each text."""
        most = int(np.abs(values).max(initial=0)) * len(self.codes)
        totals = np.zeros(len(self.codes) + 1, np.int32 if most < 2**31 else np.int64)
        np.cumsum(values.take(self.codes), dtype=totals.dtype, out=totals[1:])
        return np.diff(totals[self.offsets])

    def straight(self) -> Tokens:
        """The same texts with straight apostrophes in the place of curly ones."""
        straight = self.vocabulary.straight()
        return self if straight is None else Tokens(straight.take(self.codes), self.offsets, self.vocabulary)

    def renamed(self, rename: Callable[[str], str]) -> Tokens:
        """The same texts with `rename(word)` in the place of every word. Words renamed to "" stay, as number 0."""
        codes, names = self.vocabulary.renamed(rename)
        return Tokens(codes.take(self.codes), self.offsets, names)

    def first(self, n: int) -> Tokens:
        """The first `n` words of every text."""
        return self._parts(self.offsets[:-1], np.minimum(self.counts, n))

    def take(self, rows: Ints) -> Tokens:
        """Some of the texts, in any order and any number of times."""
        return self._parts(self.offsets[rows], self.counts[rows])

    def _parts(self, starts: Ints, counts: Ints) -> Tokens:
        offsets = np.concatenate([[0], np.cumsum(counts)])
        places = np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], counts)
        return Tokens(self.codes.take(places), offsets, self.vocabulary)

    def numbers_in(self, vocabulary: Vocabulary) -> Ints:
        """What words of this vocabulary are in another, by their numbers here; 0 for those that it lacks."""
        return np.array([vocabulary.code(word) or 0 for word in self.vocabulary.words])

    @cached_property
    def rows(self) -> Ints:
        """`(n_words,)` int64: the text that each word stands in."""
        return np.repeat(np.arange(len(self)), self.counts)

    @cached_property
    def distinct(self) -> Distinct:
        """Every word of every text once; number 0 is none."""
        rows, codes = self.rows, self.codes
        if not codes.all():
            words = np.flatnonzero(codes)
            rows, codes = rows[words], codes[words]
        return Distinct.of(rows, codes, len(self.vocabulary))

    def hold(self, rows: Ints, codes: Ints) -> NDArray[np.bool_]:
        """`(len(rows),)`: whether text `rows[i]` has the word `codes[i]`; number 0 is none."""
        order = rows.argsort(kind="stable")
        rows, codes = rows[order], codes[order]
        # A row of marks for each of a few texts, one for each word there is: no sorting, and no searching.
        n_codes = len(self.vocabulary)
        n_texts = max(1, _MARKS // n_codes)
        marks = np.zeros(n_texts * n_codes, np.bool_)
        found = np.empty(len(rows), np.bool_)
        starts = np.append(np.arange(0, len(self), n_texts), len(self))
        words, asked = self.offsets[starts].tolist(), np.searchsorted(rows, starts).tolist()
        for i, first in enumerate(starts[:-1].tolist()):
            own, wanted = slice(*words[i : i + 2]), slice(*asked[i : i + 2])
            places = (self.rows[own] - first) * n_codes + self.codes[own]
            marks[places] = True
            marks.take((rows[wanted] - first) * n_codes + codes[wanted], out=found[wanted])
            marks[places] = False
        held = np.empty_like(found)
        held[order] = found & (codes != 0)
        return held


class Distinct(NamedTuple):
    """Pairs of a text and a word that stands in it, each once, sorted.

    Attributes:
        keys: `(k,)` whole numbers, text << bits | word; of 32 bits where those are enough, which sorts in half the time.
        bits: how many the word has.
    """

    keys: NDArray[Any]
    bits: int

    @classmethod
    def of(cls, rows: NDArray[Any], codes: NDArray[Any], n_codes: int) -> Distinct:
        """Each of the given pairs once, with words below `n_codes`."""
        bits = n_codes.bit_length()
        last = int(rows[-1]) if len(rows) else 0
        keys: Any = rows.astype(np.uint32 if last.bit_length() + bits <= 32 else np.int64)
        keys <<= bits
        keys |= codes.astype(keys.dtype, copy=False)
        keys.sort()
        new = np.ones(len(keys), np.bool_)
        np.not_equal(keys[1:], keys[:-1], out=new[1:])
        return cls(keys[new], bits)

    @property
    def rows(self) -> NDArray[Any]:
        return self.keys >> self.bits

    @property
    def codes(self) -> NDArray[Any]:
        return self.keys & ((1 << self.bits) - 1)

    def offsets(self, n: int) -> Ints:
        """`(n + 1,)`: text i has the pairs from `offsets[i]` to before `offsets[i + 1]`."""
        return np.searchsorted(self.rows, np.arange(n + 1, dtype=self.keys.dtype))

    def counts(self, n: int) -> Ints:
        """`(n,)` pairs of each text."""
        return np.diff(self.offsets(n))


class Sets:
    """What `Distinct` holds of each text, as sets of words: `sets[row]` is a frozenset."""

    def __init__(self, distinct: Distinct, words: list[str], n: int) -> None:
        self._codes, self._words = distinct.codes, words
        self._offsets = distinct.offsets(n).tolist()

    def __getitem__(self, row: int) -> frozenset[str]:
        codes = self._codes[self._offsets[row] : self._offsets[row + 1]].tolist()
        return frozenset(map(self._words.__getitem__, codes))


def tokenize(texts: pa.LargeStringArray, beyond: BeyondOfTexts | None = None) -> Tokens:
    """The words of every text, equal to `Text(text).words`.

    Args:
        texts: without nulls.
        beyond: what `beyond_of` finds in them, if somebody has looked already.
    """
    found, rows = beyond_of(texts) if beyond is None else beyond
    capital = found.are(Kind.CAPITAL)
    if capital.any():
        texts = _lowered(texts, np.unique(rows[capital]))
        found, rows = beyond_of(texts)
    # A NUL behind every text: no word runs from one into the next.
    raw, starts = buffers(pc.binary_join_element_wise(texts, _NOTHING, _NUL))
    found = found._replace(positions=found.positions + rows)
    vocabulary = current_vocabulary()
    blocks = [
        _block(
            raw[starts[a] : starts[b]],
            starts[a : b + 1] - starts[a],
            found.inside(starts[a], starts[b]),
            vocabulary,
        )
        for a, b in blocks_of(starts)
    ]
    codes = np.concatenate([np.empty(0, np.int32), *(b.codes for b in blocks)])
    offsets = np.cumsum(np.concatenate([np.zeros(1, np.int64), *(b.counts for b in blocks)]))
    return Tokens(codes, offsets, vocabulary)


def numbered(lists: pa.LargeListArray) -> Tokens:
    """Lists of strings as the words of texts, with numbers of their own: what they are is not asked of words."""
    encoded, vocabulary = lists.flatten().dictionary_encode(), current_vocabulary("matches")
    names = encoded.dictionary.to_pylist()
    codes = np.fromiter(map(vocabulary.add, names), np.int32, len(names))
    offsets: Ints = numbers_of(lists.offsets).astype(np.int64, copy=False)
    return Tokens(codes.take(numbers_of(encoded.indices)), offsets - offsets[0], vocabulary)


class Coded(NamedTuple):
    """The words of some texts, in numbers, and how many each text has."""

    codes: Codes
    counts: Ints


def _lowered(texts: pa.LargeStringArray, rows: Ints) -> pa.LargeStringArray:
    """The texts, those in `rows` in lower case as Python has it."""
    return replaced(texts, rows, [text.lower() for text in texts.take(arrow_of(rows)).to_pylist()])


def blocks_of(starts: Ints) -> Iterator[tuple[int, int]]:
    """The first text and the one behind the last, of about half a megabyte of texts at a time; a longer text by itself."""
    first, n = 0, len(starts) - 1
    while first < n:
        end = max(first + 1, int(np.searchsorted(starts, starts[first] + _BLOCK, "right")) - 1)
        yield first, end
        first = end


def _block(raw: Bytes, ends: Ints, beyond: Beyond, vocabulary: Vocabulary) -> Coded:
    """The words of some texts, which begin, and the last ends, at `ends`."""
    return coded(_letters(raw, beyond), ends, vocabulary)


def coded(letters: Bytes, ends: Ints, vocabulary: Vocabulary) -> Coded:
    """The runs of bytes other than 0 of some texts, which begin, and the last ends, at `ends`.

    Args:
        letters: the bytes of the texts, each of which ends with a 0, and sixteen more at the end.
        ends: `(n + 1,)` where the texts begin, and the last ends.
        vocabulary: what numbers them.
    """
    inside = letters != 0
    edges = np.flatnonzero(inside[1:] != inside[:-1]) + 1
    if inside[0]:
        edges = np.concatenate([[0], edges])
    starts = edges[0::2]
    codes = codes_at(letters, starts, edges[1::2] - starts, vocabulary)
    return Coded(codes, np.diff(np.searchsorted(starts, ends)))


def codes_at(raw: Bytes, starts: Ints, length: Ints, vocabulary: Vocabulary) -> Codes:
    """`(n,)` int32: the numbers of the stretches of bytes that begin at `starts` `(n,)`.

    Args:
        raw: sixteen bytes more than stretches reach.
        length: `(n,)` bytes of each; an empty one is number 0. Those of up to sixteen hold no 0.
        vocabulary: what numbers them.
    """
    eight = np.ndarray((len(raw) - 7,), "<u8", raw, strides=(1,))
    keys = eight[starts] & _MASKS.take(np.minimum(length, 8))
    long = np.flatnonzero(length > 8)
    first, more = keys[long], eight[starts[long] + 8] & _MASKS.take(np.minimum(length[long] - 8, 8))
    for i in np.flatnonzero(length[long] > 16).tolist():
        start = int(starts[long[i]])
        first[i], more[i] = vocabulary.key_of_overlong(raw[start : start + int(length[long[i]])].tobytes())
    keys[long] = 0  # no word: what they are follows
    codes = vocabulary.codes_of(keys)
    codes[long] = vocabulary.codes_of(first, more)
    return codes


def _letters(raw: Bytes, beyond: Beyond) -> Bytes:
    """The bytes that belong to words, ASCII in lower case, and 0 for all others; sixteen more at the end."""
    letters = np.frombuffer(bytearray(raw).translate(_LOWER) + bytes(16), np.uint8)
    words, curly = beyond.positions[beyond.are(Kind.WORD)], beyond.positions[beyond.points == _CURLY]
    length = lengths(raw, words)
    for step in range(4):
        at = words[length > step] + step
        letters[at] = raw[at]
    # An apostrophe joins what stands on both sides of it. There is a NUL behind every text, so there is another side.
    straight = np.flatnonzero(raw == _APOSTROPHE)
    joins = straight[(letters[straight - 1] != 0) & (letters[straight + 1] != 0)]
    curls = curly[(letters[curly - 1] != 0) & (letters[curly + 3] != 0)]
    letters[joins] = _APOSTROPHE
    for step in range(3):
        letters[curls + step] = raw[curls + step]
    return letters
