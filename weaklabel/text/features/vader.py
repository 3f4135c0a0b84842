"""VADER's rules for all sentences of a column at once, equal to the bit to those of the `vaderSentiment` package.

VADER cuts a sentence at white space and looks each field up in its lexicon. A field that the lexicon knows is charged;
its valence is changed by capitals and by what the three fields before it are: boosters ("very"), negations, "least".
So what is known of a field alone is worked out once per distinct field, as bits of a number, and the rules look at
the bits of the few charged fields and of their neighbours. Sentences with what is rare, emoji and fixed phrases
("the bomb"), are left to the package, and so is what a "but" does to a sentence.

Source: Hutto and Gilbert, "VADER", ICWSM 2014, as written in vaderSentiment 3.3.2.
"""

from __future__ import annotations

import functools
import math
import string
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from weaklabel.text.tokens import Beyond, Bytes, Ints, beyond_ascii, blocks_of, buffers, coded, lengths
from weaklabel.text.vocabulary import Codes, current_vocabulary
from weaklabel.types import FloatArray

MOST_CHARS: Final = 1000
"""Longer sentences are scored in pieces of so many characters: the package takes quadratic time."""

Bools = NDArray[np.bool_]


@functools.cache
def analyzer() -> Any:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    class Valence(SentimentIntensityAnalyzer):  # type: ignore[misc]
        """VADER's rules up to the sum that it squeezes into [-1, 1] at the end."""

        def score_valence(self, sentiments: list[float], text: str) -> float:
            total = float(sum(sentiments))
            return total + math.copysign(self._punctuation_emphasis(text), total) if total else 0.0

    return Valence()


@functools.cache
def vader() -> Callable[[str], float]:
    """The package itself: the valence of one sentence."""
    return functools.lru_cache(maxsize=4096)(analyzer().polarity_scores)


# --- what is known of a field alone, as bits ---

_CHARGED: Final = 1  # the lexicon knows it
_CAPITALS: Final = 2
_BOOSTS: Final = 4
_DAMPENS: Final = 8
_NEGATES: Final = 16
_ROLE_AT: Final = 5  # four bits: a word that some rule names
_TENTHS_AT: Final = 9  # seven bits: its valence in tenths, and 64
_PHRASE_AT: Final = 16  # five bits: its place among the words that fixed phrases begin with
_PHRASE_BITS: Final = 5

_ROLES: Final = {
    word: role
    for role, words in enumerate(
        ["no", "or nor", "least", "at very", "never", "so this", "without", "doubt", "but"], 1
    )
    for word in words.split()
}
_NO, _OR, _LEAST, _AT, _NEVER, _SO, _WITHOUT, _DOUBT, _BUT = range(1, 10)


@functools.cache
def _rules() -> Any:
    """The package's module, with its word lists and constants."""
    from vaderSentiment import vaderSentiment

    return vaderSentiment


@functools.cache
def _phrases() -> tuple[dict[str, int], Bools]:
    """Words that fixed phrases begin with, numbered from 1, and which two of them begin one, `(32, 32)`."""
    pairs = [phrase.split()[:2] for phrase in (*_rules().SPECIAL_CASES, *_rules().BOOSTER_DICT)]
    pairs = [pair for pair in pairs if len(pair) == 2]
    numbers = {word: i for i, word in enumerate(sorted({word for pair in pairs for word in pair}), 1)}
    begins = np.zeros((1 << _PHRASE_BITS,) * 2, np.bool_)
    for one, two in pairs:
        begins[numbers[one], numbers[two]] = True
    return numbers, begins


@functools.cache
def _negations() -> frozenset[str]:
    return frozenset(_rules().NEGATE)


def _bits(field: str) -> int:
    """What VADER's rules ask of a field."""
    stripped = field.strip(string.punctuation)
    word = stripped if len(stripped) > 2 else field  # what is shorter is likely an emoticon
    bits, lower = 0, str(word.lower())
    if (valence := analyzer().lexicon.get(lower)) is not None:
        bits |= _CHARGED | round(10 * valence) + 64 << _TENTHS_AT
    boost: float = _rules().BOOSTER_DICT.get(lower, 0.0)
    bits |= _BOOSTS * (boost > 0) | _DAMPENS * (boost < 0) | _CAPITALS * word.isupper()
    bits |= _NEGATES * (lower in _negations() or "n't" in lower)
    bits |= _ROLES.get(lower, 0) << _ROLE_AT
    return bits | _phrases()[0].get(lower, 0) << _PHRASE_AT


def _role(bits: Codes) -> Codes:
    return bits >> _ROLE_AT & 15


# --- fields of sentences ---


class _Fields(NamedTuple):
    """The fields of n sentences.

    Attributes:
        bits: `(n_fields,)` int32, what is known of each.
        offsets: `(n + 1,)`; sentence i has the fields from `offsets[i]` to before `offsets[i + 1]`.
    """

    bits: Codes
    offsets: Ints


_WHITE: Final = "".join(filter(str.isspace, map(chr, range(0x80, 0x3001))))
_SPACES: Final = bytes(0 if chr(b).isspace() and b < 128 else b for b in range(256))


def _fields(raw: Bytes, ends: Ints, beyond: Beyond) -> _Fields:
    """What stands between white space in sentences that end before `ends`."""
    vocabulary = current_vocabulary("fields")
    blocks = []
    starts = np.concatenate([[0], ends])
    white = beyond.positions[np.isin(beyond.points, [*map(ord, _WHITE)])]
    for a, b in blocks_of(starts):
        first, last = starts[a], starts[b]
        letters = np.frombuffer(bytearray(raw[first:last]).translate(_SPACES) + bytes(16), np.uint8)
        inside = white[slice(*np.searchsorted(white, (first, last)).tolist())]
        for step in range(3):
            some = inside[lengths(raw, inside) > step] + step - first
            letters[some] = 0
        blocks.append(coded(letters, starts[a : b + 1] - first, vocabulary))
    counts = np.concatenate([np.zeros(1, np.int64), *(block.counts for block in blocks)])
    codes = np.concatenate([np.empty(0, np.int32), *(block.codes for block in blocks)])
    return _Fields(vocabulary.per_word(_bits).take(codes), np.cumsum(counts))


def sentence_valences(parted: pl.Series) -> tuple[FloatArray, Ints, Ints]:
    """The valence of every sentence that has one.

    Args:
        parted: texts, their sentences parted by line breaks.

    Returns:
        `(k,)` valences other than 0, `(k,)` the text of each, in order, and the texts that hold a sentence of more
        than `MOST_CHARS` bytes, whose sentences are left out.
    """
    raw, offsets = buffers((parted + "\n").to_arrow())
    ends = np.flatnonzero(raw == ord("\n")) + 1
    rows = np.searchsorted(offsets, ends - 1, "right") - 1
    size = np.diff(ends, prepend=0)
    long = np.unique(rows[size > MOST_CHARS + 1])
    beyond = beyond_ascii(raw)
    fields = _fields(raw, ends, beyond)
    valences = _valences(raw, ends, fields)
    for sentence in _left_to_the_package(raw, ends, beyond, fields).tolist():
        if size[sentence] <= MOST_CHARS + 1:
            end = ends[sentence]
            valences[sentence] = vader()(raw[end - size[sentence] : end - 1].tobytes().decode())
    some = np.flatnonzero((valences != 0) & ~np.isin(rows, long))
    return valences[some], rows[some], long


def _left_to_the_package(raw: Bytes, ends: Ints, beyond: Beyond, fields: _Fields) -> Ints:
    """The sentences with an emoji, a NUL or a fixed phrase."""
    emoji = np.array([ord(key) for key in analyzer().emojis if len(key) == 1])
    odd = [beyond.positions[np.isin(beyond.points, emoji)], np.flatnonzero(raw == 0)]
    place = fields.bits >> _PHRASE_AT
    begin = np.flatnonzero(_phrases()[1][place[:-1], place[1:]])
    sentences = [np.searchsorted(ends, np.concatenate(odd), "right")]
    sentences.append(np.searchsorted(fields.offsets, begin, "right") - 1)
    return np.unique(np.concatenate(sentences))


def _valences(raw: Bytes, ends: Ints, fields: _Fields) -> FloatArray:
    """`(n,)` the valence of each sentence: those of its fields, and what its marks add."""
    values, at = _charges(fields)
    sentence = np.searchsorted(fields.offsets, at, "right") - 1
    total = sums_in_order(values, sentence, len(ends))
    for n in np.unique(
        np.searchsorted(fields.offsets, np.flatnonzero(_role(fields.bits) == _BUT), "right") - 1
    ):
        part = slice(*np.searchsorted(sentence, (n, n + 1)).tolist())
        if part.start < part.stop:
            total[n] = _with_but(fields, n, values[part], at[part])
    cries, asks = (
        np.bincount(np.searchsorted(ends, np.flatnonzero(raw == ord(mark)), "right"), minlength=len(ends))
        for mark in "!?"
    )
    emphasis = np.minimum(cries, 4) * 0.292 + np.where(asks > 3, 0.96, np.where(asks > 1, asks * 0.18, 0))
    return np.where(total != 0, total + np.copysign(emphasis, total), 0.0)


def _with_but(fields: _Fields, sentence: Any, values: FloatArray, at: Ints) -> float:
    """The sum of a sentence with a "but"; the package's rule finds values by what they are, so it gets all of them."""
    first, last = fields.offsets[sentence : sentence + 2].tolist()
    sentiments = [0.0] * (last - first)
    for value, place in zip(values.tolist(), (at - first).tolist(), strict=True):
        sentiments[place] = value
    words = ["but" if role == _BUT else "" for role in _role(fields.bits[first:last]).tolist()]
    return float(sum(analyzer()._but_check(words, sentiments)))


def _charges(fields: _Fields) -> tuple[FloatArray, Ints]:
    """The valences of the charged fields, as VADER's rules change them, and where those fields stand."""
    bits, offsets = fields
    n = np.diff(offsets)
    sentence_of = np.repeat(np.arange(len(n)), n)
    capitals = np.bincount(sentence_of, (bits & _CAPITALS) > 0, minlength=len(n))
    shouts = (capitals > 0) & (capitals < n)  # some fields are in capitals, and others are not
    at = np.flatnonzero((bits & (_CHARGED | _BOOSTS | _DAMPENS)) == _CHARGED)
    sentence = sentence_of[at]
    place, left = at - offsets[sentence], offsets[sentence + 1] - at - 1
    own = bits[at]
    before = [np.where(place >= back, bits[np.maximum(at - back, 0)], 0) for back in (1, 2, 3)]
    after = np.where(left > 0, bits[np.minimum(at + 1, len(bits) - 1)], 0)
    one, two, three = map(_role, before)
    c, shouted = _rules(), shouts[sentence]

    alone = ((own >> _TENTHS_AT & 127) - 64) / 10
    value = np.where((_role(own) == _NO) & ((after & _CHARGED) > 0), 0.0, alone)
    denied = (one == _NO) | (two == _NO) | ((three == _NO) & (one == _OR))
    value = np.where(denied, alone * c.N_SCALAR, value)
    value = value + _louder(value, own, shouted)
    so_one, so_two = one == _SO, two == _SO
    nothing = np.zeros(len(at), np.bool_)
    steps = (  # a field before, its weight, and whether what stands between makes more of it, or takes it back
        (before[0], 1.0, nothing, nothing),
        (before[1], 0.95, (two == _NEVER) & so_one, (two == _WITHOUT) & (one == _DOUBT)),
        (
            before[2],
            0.9,
            (three == _NEVER) & so_two | so_one,
            (three == _WITHOUT) & ((two == _DOUBT) | (one == _DOUBT)),
        ),
    )
    for back, (word, weight, more, same) in enumerate(steps):
        boost = np.select([(word & _BOOSTS) > 0, (word & _DAMPENS) > 0], [c.B_INCR, c.B_DECR], 0.0)
        boost = np.where(value < 0, -boost, boost)
        boost = boost + np.where(boost != 0, _louder(value, word, shouted), 0.0)
        new = value + boost * weight
        negated = np.where((word & _NEGATES) > 0, new * c.N_SCALAR, new)
        new = np.select([more, same], [new * 1.25, new], negated)
        value = np.where((place > back) & ((word & _CHARGED) == 0), new, value)
    least = (one == _LEAST) & ((before[0] & _CHARGED) == 0) & (two != _AT)
    return np.where(least, value * c.N_SCALAR, value), at


def _louder(value: FloatArray, word: Codes, shouted: Bools) -> FloatArray:
    """What capitals add to a value, or take from one that is not positive."""
    return np.where(((word & _CAPITALS) > 0) & shouted, np.where(value > 0, 1, -1) * _rules().C_INCR, 0.0)


def sums_in_order(values: FloatArray, groups: Ints, n: int) -> FloatArray:
    """`(n,)` Python's `sum` of the values of each group; groups are in order. No other sum is equal to the bit."""
    totals = np.zeros(n)
    starts = np.searchsorted(groups, np.arange(n))
    counts = np.diff(starts, append=len(values))
    one = np.flatnonzero(counts == 1)
    totals[one] = values[starts[one]]
    many, listed = np.flatnonzero(counts > 1), values.tolist()
    totals[many] = [
        sum(listed[a:b]) for a, b in zip(starts[many].tolist(), (starts + counts)[many].tolist(), strict=True)
    ]
    return totals
