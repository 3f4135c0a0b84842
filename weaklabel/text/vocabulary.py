"""The words that were met so far: each gets a number once, and what is to be known of it is worked out once.

Texts of one data set use the same words over and over. So words keep their numbers from one column of texts to the
next, and most are found without hashing them anew: the bytes of a word lead to a slot, the slot names one word, and
that is it or not. Only new words, and those whose slot another took first, are looked up in a dict.

At `MOST_WORDS` words the next column begins a new vocabulary. A column keeps the one that it was made with.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Codes = NDArray[np.int32]
Keys = NDArray[np.uint64]

MOST_WORDS: Final = 200_000
_MOST_OVERLONG_BYTES: Final = 1 << 23  # of words without bounds: data, or a script that has no spaces
_SLOT_BITS: Final = (16, 15, 14)  # of three tables, for words, those that lost, and those that lost again
_NO_KEY: Final = np.uint64(2**64 - 1)
_OVERLONG: Final = b"\xff" * 8  # no UTF-8 text holds it: the other half of such a key is a number of our own
_ODD: Final = (
    np.uint64(0x9E3779B97F4A7C15),
    np.uint64(0xC2B2AE3D27D4EB4F),
)  # whose products look like chance


class Vocabulary:
    """Words and their numbers. Number 0 is no word: "".

    Attributes:
        words: number -> word.
    """

    def __init__(self) -> None:
        self.words = [""]
        self._code_of = {"": 0}
        self._slots = {1: _Slots(1), 2: _Slots(2)}
        self._overlong: dict[bytes, int] = {}
        self._overlong_words: list[bytes] = []
        self._overlong_bytes = 0
        self._known: dict[Hashable, Codes] = {}
        self._names: dict[Hashable, Vocabulary] = {}
        self._curly = False
        self._lock = threading.RLock()  # several threads may ask one column

    def __len__(self) -> int:
        return len(self.words)

    def code(self, word: str) -> int | None:
        """The number of a word, None where it was never met."""
        return self._code_of.get(word)

    def add(self, word: str) -> int:
        """The number of a word, which gets one now if it has none."""
        with self._lock:
            code = self._code_of.setdefault(word, len(self.words))
            if code == len(self.words):
                self.words.append(word)
                if "’" in word:
                    self._curly = True
                    self.add(_straight(word))
            return code

    def codes_of(self, *halves: Keys) -> Codes:
        """`(n,)` int32: the words whose first eight bytes, or first and next eight, are the given ones."""
        with self._lock:
            return self._slots[len(halves)].codes(halves, self._word_of_key)

    def key_of_overlong(self, word: bytes) -> tuple[int, int]:
        """Two halves that stand for a word of more than sixteen bytes."""
        with self._lock:
            number = self._overlong.setdefault(word, len(self._overlong_words))
            if number == len(self._overlong_words):
                self._overlong_words.append(word)
                self._overlong_bytes += len(word)
            return int(_NO_KEY), number

    def per_word(self, fn: Callable[[str], int]) -> Codes:
        """`(len(words),)` int32: `fn(word)` of every word. Kept for as long as the words: give a lasting `fn`."""
        return self._grown(fn, lambda words: map(fn, words))

    def renamed(self, rename: Callable[[str], str]) -> tuple[Codes, Vocabulary]:
        """`rename` of every word, in numbers `(len(words),)` of a vocabulary of names."""
        if rename not in self._names:
            self._names.setdefault(rename, Vocabulary())
        names = self._names[rename]
        return self._grown(("name", rename), lambda words: map(names.add, map(rename, words))), names

    def straight(self) -> Codes | None:
        """`(len(words),)`: every word with straight apostrophes, in numbers; None where none has another."""
        if not self._curly:
            return None
        return self._grown("straight", lambda words: (self._code_of[_straight(word)] for word in words))

    def is_full(self) -> bool:
        """Whether it is time for a new one."""
        return len(self.words) > MOST_WORDS or self._overlong_bytes > _MOST_OVERLONG_BYTES

    def _word_of_key(self, key: bytes) -> int:
        if key.startswith(_OVERLONG):
            key = self._overlong_words[int.from_bytes(key[8:], "little")]
        return self.add(key.decode())

    def _grown(self, key: Hashable, of_words: Callable[[list[str]], Any]) -> Codes:
        """What is known under `key` of every word, worked out for the new ones."""
        with self._lock:
            known = self._known.get(key, np.zeros(1, np.int32))
            if len(known) < len(self.words):
                new = self.words[len(known) :]
                values = np.fromiter(of_words(new), np.int32, len(new))
                self._known[key] = known = np.concatenate([known, values])
            return known


def _straight(word: str) -> str:
    return word.replace("’", "'")


class _Slots:
    """Keys of one or two numbers to codes."""

    def __init__(self, width: int) -> None:
        self._code_of: dict[bytes, int] = {b"": 0}
        self._keys = [np.zeros(1, np.uint64) for _ in range(width)]  # by code
        self._levels = [np.zeros(1 << bits, np.int32) for bits in _SLOT_BITS]  # slot -> code

    def codes(self, halves: Sequence[Keys], code_of_key: Callable[[bytes], int]) -> Codes:
        """The code of each key; `code_of_key` is asked once for each that is new."""
        return self._codes(halves, _mixed(halves), 0, code_of_key)

    def _codes(
        self, halves: Sequence[Keys], mixed: Keys, level: int, code_of_key: Callable[[bytes], int]
    ) -> Codes:
        if level == len(self._levels):
            return self._looked_up(halves, code_of_key)
        codes = self._levels[level].take(_places(mixed, level))
        other = self._keys[0].take(codes) != halves[0]
        for known, half in zip(self._keys[1:], halves[1:], strict=True):
            other |= known.take(codes) != half
        where = np.flatnonzero(other)
        if len(where):
            rest = [half.take(where) for half in halves]
            codes[where] = self._codes(rest, mixed.take(where), level + 1, code_of_key)
        return codes

    def _looked_up(self, halves: Sequence[Keys], code_of_key: Callable[[bytes], int]) -> Codes:
        width = 8 * len(halves)
        whole = pa.py_buffer(np.column_stack(halves))
        encoded = pa.Array.from_buffers(pa.binary(width), len(halves[0]), [None, whole]).dictionary_encode()
        data, n = encoded.dictionary.buffers()[1], len(encoded.dictionary)
        keys = np.frombuffer(data, f"S{width}")[:n].tolist()  # without the NULs that fill them up
        known = len(self._code_of)
        for key in keys:
            if key not in self._code_of:
                self._code_of[key] = code_of_key(key)
        codes = np.fromiter(map(self._code_of.__getitem__, keys), np.int32, n)
        if len(self._code_of) > known:
            self._settle(codes, [*np.frombuffer(data, np.uint64)[: n * len(halves)].reshape(n, -1).T])
        return np.asarray(codes.take(np.frombuffer(encoded.indices.buffers()[1], np.int32)), dtype=np.int32)

    def _settle(self, codes: Codes, halves: Sequence[Keys]) -> None:
        """Give keys the slots that are free; of two that want one, to the first, which is the likelier word."""
        size = int(codes.max()) + 1
        for i, half in enumerate(halves):
            if len(self._keys[i]) < size:
                more = np.full(2 * size - len(self._keys[i]), _NO_KEY)
                self._keys[i] = np.concatenate([self._keys[i], more])
            self._keys[i][codes] = half
        mixed = _mixed(halves)
        for level, slots in enumerate(self._levels):
            places = _places(mixed, level)
            free = np.flatnonzero((slots[places] == 0) & (places != 0))[::-1]  # slot 0 is that of no word
            slots[places[free]] = codes[free]
            left = np.flatnonzero(slots[places] != codes)
            codes, mixed = codes[left], mixed[left]


def _mixed(halves: Sequence[Keys]) -> Keys:
    mixed = halves[0] * _ODD[0]
    if len(halves) > 1:
        mixed ^= halves[1] * _ODD[1]
    return mixed


def _places(mixed: Keys, level: int) -> NDArray[np.int64]:
    bits = _SLOT_BITS[level]
    places = mixed >> np.uint64(64 - bits - 8 * level) & np.uint64((1 << bits) - 1)
    return places.view(np.int64)


class _Current(threading.local):
    def __init__(self) -> None:
        self.vocabularies: dict[str, Vocabulary] = {}


_CURRENT: Final = _Current()


def current_vocabulary(of: str = "words") -> Vocabulary:
    """That of this thread, a new one where the last is full.

    Args:
        of: what is numbered; words of different kinds have numbers of their own.
    """
    known = _CURRENT.vocabularies.get(of)
    if known is None or known.is_full():
        known = _CURRENT.vocabularies[of] = Vocabulary()
    return known
