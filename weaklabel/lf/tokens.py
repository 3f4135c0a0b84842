"""The words of many texts at once: found in their bytes by numpy, and numbered.

What comes out is what `Text.words` gives for every single text, whatever its script. Python itself says what is a
letter and what is lower case, but only once per distinct character beyond ASCII and once per text that holds such
capitals; everything else is done for half a megabyte at a time, because arrays of that size stay in the cache.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]
Codes = NDArray[np.int32]

_BLOCK: Final = 1 << 19
_APOSTROPHE: Final = ord("'")
_CURLY: Final = 0x2019
# ASCII letters to lower case, digits as they are, everything else to 0: what is not 0 belongs to a word.
_LOWER: Final = bytes(ord(chr(b).lower()) if b < 128 and chr(b).isalnum() else 0 for b in range(256))
_MASKS: Final = np.array([(1 << 8 * n) - 1 for n in range(8)] + [2**64 - 1], dtype=np.uint64)
_TOO_LONG: Final = b"\xff" * 8  # no UTF-8 text holds it: the other half of such a key is a number of our own
_TOO_LONG_KEY: Final = np.uint64(2**64 - 1)


class Beyond(NamedTuple):
    """Every character beyond ASCII in a buffer of UTF-8: where its first byte stands, and its code point."""

    positions: Ints
    points: Codes

    def are(self, test: Callable[[int], bool]) -> NDArray[np.bool_]:
        """`test` of each, asked once per distinct code point."""
        distinct, where = np.unique(self.points, return_inverse=True)
        return np.fromiter(map(test, distinct.tolist()), np.bool_, len(distinct))[where]


@functools.cache
def is_word(point: int) -> bool:
    """Whether `re` takes the character for a letter or digit."""
    return chr(point).isalnum()


@functools.cache
def is_capital(point: int) -> bool:
    """Whether lower case changes the character."""
    return chr(point).lower() != chr(point)


def buffers(texts: pa.LargeStringArray) -> tuple[Bytes, Ints]:
    """The bytes of all texts in one piece, and the `(n + 1,)` positions at which they begin."""
    _, offsets, data = texts.buffers()
    at = np.frombuffer(offsets, np.int64)[texts.offset : texts.offset + len(texts) + 1]
    whole = np.frombuffer(data, np.uint8) if data is not None and data.size else np.empty(0, np.uint8)
    return whole[at[0] : at[-1]], at - at[0]


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
    return Beyond(positions, points)


@dataclass(frozen=True)
class Tokens:
    """The words of n texts, as numbers into a vocabulary.

    Attributes:
        codes: `(n_words,)` int32, the words of one text after those of the other.
        offsets: `(n + 1,)` int64; text i has the words `codes[offsets[i]:offsets[i + 1]]`.
        vocabulary: code -> word. May hold entries that no text uses.
    """

    codes: Codes
    offsets: Ints
    vocabulary: list[str]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @cached_property
    def counts(self) -> Ints:
        """`(n,)` words of each text."""
        return np.diff(self.offsets)

    def __getitem__(self, row: int) -> tuple[str, ...]:
        """The words of one text."""
        codes = self.codes[self.offsets[row] : self.offsets[row + 1]].tolist()
        return tuple(map(self.vocabulary.__getitem__, codes))

    def per_word(self, fn: Callable[[str], int]) -> Ints:
        """`(len(vocabulary),)` int64: `fn` of every distinct word."""
        return np.fromiter(map(fn, self.vocabulary), np.int64, len(self.vocabulary))

    def sums(self, values: NDArray[Any]) -> Ints:
        """`(n,)` int64: whole numbers, one per distinct word, added up over the words of each text."""
        totals = np.zeros(len(self.codes) + 1, np.int64)
        np.cumsum(values[self.codes], out=totals[1:])
        return totals[self.offsets[1:]] - totals[self.offsets[:-1]]

    def renamed(self, rename: Callable[[str], str]) -> Tokens:
        """The same texts with `rename` of every word."""
        codes: dict[str, int] = {}
        to = np.array([codes.setdefault(rename(w), len(codes)) for w in self.vocabulary], np.int32)
        return Tokens(to[self.codes] if len(to) else self.codes, self.offsets, list(codes))

    def distinct_of(
        self, rename: Callable[[str], str], drop: str | None = None
    ) -> tuple[Distinct, list[str]]:
        """`rename` of every distinct word of every text, each once, and the words of the new codes.

        Args:
            rename: called once per distinct word.
            drop: what words are renamed to that do not count.
        """
        code: dict[str, int] = {} if drop is None else {drop: 0}
        to = np.array([code.setdefault(rename(w), len(code)) for w in self.vocabulary], np.int64)
        rows, codes = self.distinct
        codes = to[codes] if len(to) else codes
        if drop is not None:
            rows, codes = rows[codes > 0], codes[codes > 0]
        return Distinct.of(rows, codes), list(code)

    @cached_property
    def rows(self) -> Codes:
        """`(n_words,)` int32: the text that each word stands in."""
        return np.repeat(np.arange(len(self), dtype=np.int32), self.counts)

    @cached_property
    def distinct(self) -> Distinct:
        """Every word of every text once."""
        return Distinct.of(self.rows, self.codes)


class Distinct(NamedTuple):
    """Pairs of a text and a word that stands in it, sorted, each once; `(k,)` int64 both."""

    rows: Ints
    codes: Ints

    @classmethod
    def of(cls, rows: NDArray[Any], codes: NDArray[Any]) -> Distinct:
        """Each of the given pairs once."""
        keys = rows.astype(np.int64) << 32 | codes
        keys.sort()
        new = np.ones(len(keys), np.bool_)
        np.not_equal(keys[1:], keys[:-1], out=new[1:])
        keys = keys[new]
        return cls(keys >> 32, keys & 0xFFFFFFFF)

    def counts(self, n: int) -> Ints:
        """`(n,)` pairs of each text."""
        return np.bincount(self.rows, minlength=n)

    def holds(self, rows: Ints, codes: Ints) -> NDArray[np.bool_]:
        """`(len(rows),)`: whether each of the given pairs is among these."""
        keys, wanted = self.rows << 32 | self.codes, rows << 32 | codes
        if not len(keys):
            return np.zeros(len(wanted), np.bool_)
        return np.asarray(keys[np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)] == wanted)


class Sets:
    """What `Distinct` holds of each text, as sets of words: `sets[row]` is a frozenset."""

    def __init__(self, distinct: Distinct, vocabulary: list[str], n: int) -> None:
        self._codes, self._vocabulary = distinct.codes, vocabulary
        self._offsets = np.searchsorted(distinct.rows, np.arange(n + 1)).tolist()

    def __getitem__(self, row: int) -> frozenset[str]:
        codes = self._codes[self._offsets[row] : self._offsets[row + 1]].tolist()
        return frozenset(map(self._vocabulary.__getitem__, codes))


def tokenize(texts: pa.LargeStringArray) -> Tokens:
    """The words of every text, equal to `Text(text).words`."""
    raw, offsets = _joined(_lowered(texts))
    overlong: dict[bytes, int] = {}
    blocks = list(_blocks(raw, offsets, overlong))
    keys = np.concatenate([np.empty(0, np.uint64), *(b.keys for b in blocks)])
    codes, short = _numbered(pa.array(keys), "S8")
    # A word of more than eight bytes has a key of two halves, and a number of its own.
    starts = np.cumsum([0, *(len(b.keys) for b in blocks)])
    long = np.concatenate(
        [np.empty(0, np.int64), *(b.long + at for b, at in zip(blocks, starts, strict=False))]
    )
    halves = np.column_stack(
        [keys[long], np.concatenate([np.empty(0, np.uint64), *(b.more for b in blocks)])]
    )
    pairs = pa.Array.from_buffers(pa.binary(16), len(long), [None, pa.py_buffer(halves)])
    long_codes, longer = _numbered(pairs, "S16")
    codes[long] = long_codes + len(short)
    known = list(overlong)
    longer = [known[int.from_bytes(w[8:], "little")] if w[:8] == _TOO_LONG else w for w in longer]
    offsets = np.cumsum(np.concatenate([np.zeros(1, np.int64), *(b.counts for b in blocks)]))
    # The first halves of long words are in the vocabulary too, cut anywhere; no text refers to them.
    return Tokens(codes, offsets, [w.decode(errors="replace") for w in short + longer])


class _Block(NamedTuple):
    """The words of some texts. `keys`: their first eight bytes; `more`: the next eight of those at `long`."""

    keys: NDArray[np.uint64]
    counts: Ints
    long: Ints
    more: NDArray[np.uint64]


def _blocks(raw: bytes, offsets: Ints, overlong: dict[bytes, int]) -> Iterator[_Block]:
    """Texts in blocks of about half a megabyte, a longer text by itself."""
    beyond = beyond_ascii(np.frombuffer(raw, np.uint8))
    word, curly = beyond.are(is_word), beyond.points == _CURLY
    first, n = 0, len(offsets) - 1
    while first < n:
        last = max(first + 1, int(np.searchsorted(offsets, offsets[first] + _BLOCK, "right")) - 1)
        start, end = int(offsets[first]), int(offsets[last])
        inside = slice(*np.searchsorted(beyond.positions, (start, end)))
        at = beyond.positions[inside] - start
        part = raw[start:end]
        letters = _letters(part, at[word[inside]], at[curly[inside]])
        yield _block(part, letters, offsets[first : last + 1] - start, overlong)
        first = last


def _letters(part: bytes, words: Ints, curly: Ints) -> Bytes:
    """The bytes that belong to words, lower-cased, and 0 for all others; sixteen more at the end.

    Args:
        part: UTF-8 with a NUL behind every text.
        words, curly: where letters and digits beyond ASCII, and curly apostrophes, begin.
    """
    raw = np.frombuffer(part, np.uint8)
    letters = np.frombuffer(bytearray(part.translate(_LOWER)) + bytes(16), np.uint8)
    length = lengths(raw, words)
    for step in range(4):
        at = words[length > step] + step
        letters[at] = raw[at]
    # An apostrophe joins what stands on both sides of it. Every text ends in NUL, so there is a byte behind.
    straight = np.flatnonzero(raw == _APOSTROPHE)
    joins = straight[(letters[straight - 1] != 0) & (letters[straight + 1] != 0)]
    curls = curly[(letters[curly - 1] != 0) & (letters[curly + 3] != 0)]
    letters[joins] = _APOSTROPHE
    for step in range(3):
        letters[curls + step] = raw[curls + step]
    return letters


def _block(part: bytes, letters: Bytes, offsets: Ints, overlong: dict[bytes, int]) -> _Block:
    inside = letters != 0
    edges = np.flatnonzero(inside[1:] != inside[:-1]) + 1
    if inside[0]:
        edges = np.concatenate([[0], edges])
    starts, length = edges[0::2], edges[1::2] - edges[0::2]
    eight = np.ndarray((len(letters) - 7,), "<u8", letters, strides=(1,))
    keys = eight[starts] & _MASKS[np.minimum(length, 8)]
    long = np.flatnonzero(length > 8)
    more = eight[starts[long] + 8] & _MASKS[np.minimum(length[long] - 8, 8)]
    for i in np.flatnonzero(length[long] > 16):
        start = int(starts[long[i]])
        word = letters[start : start + int(length[long[i]])].tobytes()
        keys[long[i]], more[i] = _TOO_LONG_KEY, overlong.setdefault(word, len(overlong))
    return _Block(keys, np.diff(np.searchsorted(starts, offsets)), long, more)


def _numbered(keys: pa.Array, kind: str) -> tuple[Codes, list[bytes]]:
    """Numbers for equal keys, and the keys in order of their numbers, without the NULs that fill them up."""
    encoded = keys.dictionary_encode()
    distinct = np.frombuffer(encoded.dictionary.buffers()[1], kind)[: len(encoded.dictionary)]
    return encoded.indices.to_numpy().copy(), distinct.tolist()


def _lowered(texts: pa.LargeStringArray) -> pa.LargeStringArray:
    """Texts that hold capitals beyond ASCII in lower case, all others as they are."""
    raw, offsets = buffers(texts)
    beyond = beyond_ascii(raw)
    rows = np.unique(np.searchsorted(offsets, beyond.positions[beyond.are(is_capital)], "right") - 1)
    if not len(rows):
        return texts
    mask = np.zeros(len(texts), np.bool_)
    mask[rows] = True
    lowered = pa.array([text.lower() for text in texts.filter(pa.array(mask)).to_pylist()], texts.type)
    return pc.replace_with_mask(texts, pa.array(mask), lowered)


def _joined(texts: pa.LargeStringArray) -> tuple[bytes, Ints]:
    """All texts with a NUL behind each, and where each begins."""
    offsets = buffers(texts)[1] + np.arange(len(texts) + 1)
    listed = pa.LargeListArray.from_arrays([0, len(texts)], texts)
    joined = pc.binary_join(listed, pa.scalar("\0", texts.type))[0].as_buffer()
    return joined.to_pybytes() + b"\0" if len(texts) else b"", offsets
