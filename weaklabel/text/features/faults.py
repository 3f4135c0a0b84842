"""Faults: repetition, and texts that break off."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator
from typing import Final

import numpy as np
import polars as pl

from weaklabel.text.column import TextColumn
from weaklabel.text.features._registry import feature, remembered
from weaklabel.text.features.marks import n_code_fences, n_list_items
from weaklabel.text.features.wording import SPACES, n_sentences, parted_sentences, stripped_texts
from weaklabel.text.features.words import words
from weaklabel.text.patterns import lowered
from weaklabel.text.tokens import Ints, Kind, Tokens
from weaklabel.text.vocabulary import Vocabulary
from weaklabel.types import FloatArray, Text


@feature
def repeated_sentence_share(text: Text) -> float:
    """Share of sentences that stood there before, in [0, 1].

    >>> repeated_sentence_share("Yes it is. No. Yes it is. Yes it is.")
    0.5
    """
    return 1 - len(set(text.sentences)) / max(1, len(text.sentences)) if text.sentences else 0.0


@repeated_sentence_share.on_columns
def _(texts: TextColumn) -> FloatArray:
    sentences = n_sentences(texts)
    distinct = parted_sentences(texts).str.split("\n").list.n_unique().to_numpy()  # no sentence holds a break
    return np.where(sentences > 0, 1 - distinct / np.maximum(1, sentences), 0.0)


# The mark of a list item.
_MARK: Final = r"^[ \t]*(?:[-*+•]|[0-9]{1,3}[.)])[ \t]+"


def repeated_lines(texts: TextColumn) -> FloatArray:
    """`(n,)` lines of each text that stood there before, whatever their case; marks of list items are left out."""
    return texts.numbers("repeated lines", _repeated_lines)


def _repeated_lines(texts: TextColumn) -> FloatArray:
    lines = (
        pl.DataFrame({"row": np.arange(len(texts)), "line": lowered(texts).str.split("\n")})
        .explode("line")
        .filter(pl.col("line").str.strip_chars(SPACES) != "")
        .with_columns(pl.col("line").str.replace(_MARK, "").str.strip_chars(SPACES))
    )
    n, distinct = (
        np.bincount(some["row"].to_numpy(), minlength=len(texts)) for some in (lines, lines.unique())
    )
    repeated = (n - distinct).astype(np.float64)
    beyond, rows = texts.beyond
    odd = np.unique(rows[beyond.are(Kind.CAPITAL)])  # Python has its own way with these
    repeated[odd] = [_repeated(text) for text in texts.series.gather(odd).to_list()]
    return repeated


def _repeated(text: str) -> int:
    lines = [re.sub(_MARK, "", line).strip().lower() for line in text.split("\n") if line.strip()]
    return len(lines) - len(set(lines))


@remembered
def trigrams(text: Text) -> frozenset[tuple[str, ...]]:
    """The distinct runs of three words."""
    found = words(text)
    return frozenset(zip(found, found[1:], found[2:], strict=False))


@feature
def repeated_trigram_share(text: Text) -> float:
    """Share of runs of three words that stood there before, in [0, 1]."""
    n = len(text.words) - 2
    return 1 - len(trigrams(text)) / n if n > 0 else 0.0


@repeated_trigram_share.on_columns
def _(texts: TextColumn) -> FloatArray:
    words = texts.words
    n, distinct = words.counts - 2, np.zeros(len(words))
    for rows, bits in runs_at_once(words.vocabulary, len(words)):
        part = words.take(np.arange(rows.start, rows.stop))
        distinct[rows] = np.bincount(distinct_trigrams(part, bits) >> 3 * bits, minlength=len(part))
    return np.where(n > 0, 1 - distinct / np.maximum(1, n), 0.0)


def runs_at_once(vocabulary: Vocabulary, n: int) -> Iterator[tuple[slice, int]]:
    """Some of n texts at a time, whose number fits into an int64 beside three words, and how many bits a word has."""
    bits = len(vocabulary).bit_length()
    size = 1 << max(0, 63 - 3 * bits)
    for first in range(0, n, size):
        yield slice(first, min(first + size, n)), bits


def distinct_trigrams(words: Tokens, bits: int) -> Ints:
    """Distinct runs of three words of each text, sorted: the text, and the words with so many bits each."""
    codes, rows = words.codes.astype(np.int64), words.rows
    runs = codes[:-2] << 2 * bits | codes[1:-1] << bits | codes[2:]
    keys = (rows[:-2] << 3 * bits | runs)[rows[:-2] == rows[2:]]
    keys.sort()
    new = np.ones(len(keys), np.bool_)
    np.not_equal(keys[1:], keys[:-1], out=new[1:])
    distinct: Ints = keys[new]
    return distinct


_END_MARKS: Final = ".!?:;…。！？؟\"'”’)]}>*`|$~"


@feature
def unfinished(text: Text) -> float:
    """1 if the text breaks off: an open code block, or a last line of prose without an end; else 0.

    A last line that is a list item, short, or code may end without a mark.

    >>> unfinished("First we take the bus to the old town, and then we"), unfinished("Take the bus.")
    (1.0, 0.0)
    """
    stripped = text.rstrip()
    if n_code_fences(text) % 2:
        return 1.0
    if not stripped or stripped[-1] in _END_MARKS:
        return 0.0
    last = Text(stripped.rpartition("\n")[2])
    return float(len(last.words) > 6 and not n_list_items(last))


@unfinished.on_columns
def _(texts: TextColumn) -> FloatArray:
    # Most texts end with a mark; the few others are looked at one by one.
    stripped = stripped_texts(texts)
    ends = stripped.str.tail(1)
    doubtful = np.flatnonzero(~(ends.is_in([*_END_MARKS, ""]).to_numpy()))
    broken = n_code_fences(texts) % 2
    for row, text in zip(doubtful.tolist(), stripped.gather(doubtful).to_list(), strict=True):
        broken[row] = unfinished(text) or broken[row]
    return broken


_BEHIND_A_MARK: Final = "\"'”’)* \t\n\r"
_QUESTION_MARKS: Final = ("?", "？", "؟")


@feature
def ends_with_question(text: Text) -> float:
    """1 if the last character is a question mark, else 0."""
    return float(text.rstrip(_BEHIND_A_MARK).endswith(_QUESTION_MARKS))


@ends_with_question.on_columns
def _(texts: TextColumn) -> pl.Series:
    return texts.series.str.strip_chars_end(_BEHIND_A_MARK).str.tail(1).is_in(list(_QUESTION_MARKS))


_RUN = re.compile(r"([A-Za-z0-9])\1{3,}")
# What a back-reference says in a way that the linear engine understands.
_SOME_RUN: Final = "|".join(char * 4 for char in string.ascii_letters + string.digits)


@feature
def longest_run(text: Text) -> float:
    """Length of the longest run of one letter or digit, 0 where none has four ("sooooo" has 5)."""
    return max((len(run.group()) for run in _RUN.finditer(text)), default=0)


@longest_run.on_columns
def _(texts: TextColumn) -> FloatArray:
    longest = np.zeros(len(texts))
    rows = np.flatnonzero(texts.series.str.contains(_SOME_RUN).to_numpy())
    longest[rows] = [longest_run(text) for text in texts.series.gather(rows).to_list()]
    return longest
