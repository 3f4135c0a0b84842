"""Size and wording: how much is said, and in which words."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from weaklabel.text.column import TextColumn
from weaklabel.text.features._registry import feature
from weaklabel.text.features.vader import MOST_CHARS, sentence_valences, sums_in_order, vader
from weaklabel.text.features.words import distinct_words, stem, syllables, valence_of, words
from weaklabel.text.patterns import SPACE
from weaklabel.types import FloatArray, Text


@feature
def n_chars(text: Text) -> float:
    """Characters (code points)."""
    return len(text)


@n_chars.on_columns
def _(texts: TextColumn) -> pl.Series:
    return texts.series.str.len_chars()


@feature
def n_words(text: Text) -> float:
    """Words.

    >>> n_words("Don't panic: it's 42.")
    4.0
    """
    return len(text.words)


@n_words.on_columns
def _(texts: TextColumn) -> NDArray[np.int64]:
    return texts.tokens.counts


@feature
def log_words(text: Text) -> float:
    """Natural logarithm of one plus the number of words: the step from 10 to 20 is that from 100 to 200."""
    return math.log1p(len(text.words))


@log_words.on_columns
def _(texts: TextColumn) -> FloatArray:
    # Not numpy's logarithm: its last bit depends on the processor.
    counts, where = np.unique(texts.tokens.counts, return_inverse=True)
    return np.array([math.log1p(n) for n in counts.tolist()])[where]


@feature
def n_distinct_words(text: Text) -> float:
    """Distinct words; unlike length it cannot be had by saying things twice."""
    return len(distinct_words(text))


@n_distinct_words.on_columns
def _(texts: TextColumn) -> NDArray[np.int64]:
    return texts.words.distinct.counts(len(texts))


@feature
def word_variety(text: Text) -> float:
    """Share of distinct words among all, in [0, 1]; 0 for a text without words."""
    return n_distinct_words(text) / max(1.0, n_words(text))


@word_variety.on_columns
def _(texts: TextColumn) -> FloatArray:
    return n_distinct_words(texts) / np.maximum(1, n_words(texts))


# Between two characters that are no white space stands a break, or none: so many breaks, and one, are the parts.
_SENTENCE_BREAK: Final = rf"(?:[.!?][\"')\]]*[{SPACE}]|\n)[{SPACE}]*"
# What parts two sentences, with the mark that stays with the first.
_BETWEEN: Final = rf"([.!?])[\"')\]]*[{SPACE}]+|[{SPACE}]*\n[{SPACE}]*"
_PARAGRAPH_BREAK: Final = rf"\n[ \t\r]*\n[{SPACE}]*"
_LINE_BREAK: Final = rf"\n[{SPACE}]*"


def _parts(pattern: str) -> Callable[[TextColumn], pl.Series]:
    def count(texts: TextColumn) -> pl.Series:
        stripped = stripped_texts(texts)
        return stripped.str.count_matches(pattern) + (stripped != "")

    return count


def stripped_texts(texts: TextColumn) -> pl.Series:
    """`str.strip` of each distinct text."""
    return texts.remember("stripped", lambda column: _strip(column.series))


def parted_sentences(texts: TextColumn) -> pl.Series:
    """The sentences of each distinct text, with a line break between every two."""
    return texts.distinct.remember(
        "sentences", lambda column: stripped_texts(column).str.replace_all(_BETWEEN, "${1}\n")
    )


def _strip(series: pl.Series) -> pl.Series:
    return series.str.strip_chars(SPACES)


SPACES: Final = "".join(filter(str.isspace, map(chr, range(0x3001))))
"""What `str.strip` takes away."""


@feature
def n_sentences(text: Text) -> float:
    """Sentences, list items and headings among them."""
    return len(text.sentences)


n_sentences.on_columns(_parts(_SENTENCE_BREAK))


@feature
def n_paragraphs(text: Text) -> float:
    """Blocks of text between blank lines."""
    return sum(bool(block.strip()) for block in re.split(r"\n[ \t\r]*\n", text))


n_paragraphs.on_columns(_parts(_PARAGRAPH_BREAK))


@feature
def n_lines(text: Text) -> float:
    """Lines that hold anything."""
    return sum(bool(line.strip()) for line in text.split("\n"))


n_lines.on_columns(_parts(_LINE_BREAK))


@feature
def words_per_sentence(text: Text) -> float:
    """Mean words per sentence; 0 for a text without words."""
    return len(text.words) / max(1, len(text.sentences))


@words_per_sentence.on_columns
def _(texts: TextColumn) -> FloatArray:
    return n_words(texts) / np.maximum(1, n_sentences(texts))


@feature
def word_length(text: Text) -> float:
    """Mean characters per word; 0 for a text without words."""
    return sum(map(len, text.words)) / max(1, len(text.words))


@word_length.on_columns
def _(texts: TextColumn) -> FloatArray:
    return _mean_of_words(texts, len)


@feature
def long_word_share(text: Text) -> float:
    """Share of words of more than six characters, in [0, 1]."""
    return sum(map(_is_long, text.words)) / max(1, len(text.words))


@long_word_share.on_columns
def _(texts: TextColumn) -> FloatArray:
    return _mean_of_words(texts, _is_long)


def _mean_of_words(texts: TextColumn, of: Callable[[str], int]) -> FloatArray:
    words = texts.words
    return words.sums(words.vocabulary.per_word(of)) / np.maximum(1, words.counts)


def _is_long(word: str) -> bool:
    return len(word) > 6


@feature
def lexical_diversity(text: Text) -> float:
    """Type-token ratio of stemmed words, in [0, 1]; 0 for a text without words.

    >>> lexical_diversity("Dogs run. The dog was running.")  # dog run the dog was run
    0.6666666666666666
    """
    return len(set(map(stem, words(text)))) / max(1, len(text.words))


@lexical_diversity.on_columns
def _(texts: TextColumn) -> FloatArray:
    stems = texts.words.renamed(stem).distinct
    return stems.counts(len(texts)) / np.maximum(1, texts.words.counts)


_THREE_FIELDS: Final = (
    rf"[{SPACE}]*[^{SPACE}.!?]+[{SPACE}]+[^{SPACE}.!?]+[{SPACE}]+[^{SPACE}.!?]"  # how a sentence begins
)


@feature
def flesch_reading_ease(text: Text) -> float:
    """Flesch reading ease: about 100 for a children's book, 30 for a paper, unbounded; 0 without words.

    206.835 - 1.015 words / sentence - 84.6 syllables / word. Sentences end at ``. ! ?`` alone, so a list
    without full stops is one long sentence, and pieces of one or two words do not count as sentences, as in
    the `textstat` package that the paper used (which also rounds both means to one place).

    >>> round(flesch_reading_ease("The cat sat on the mat."), 3)  # 6 words, 1 sentence, 6 syllables
    116.145
    """
    found = words(text)
    if not found:
        return 0.0
    pieces = re.split(r"[.!?]+", text)
    n = max(1, sum(len(piece.split(maxsplit=3)) > 2 for piece in pieces))
    return 206.835 - 1.015 * len(found) / n - 84.6 * sum(map(syllables, found)) / len(found)


@flesch_reading_ease.on_columns
def _(texts: TextColumn) -> FloatArray:
    words = texts.words
    # Asked for what follows a mark, the engine leaps from mark to mark. The first sentence follows none.
    others = texts.series.str.count_matches(f"[.!?]{_THREE_FIELDS}")
    sentences = np.maximum(1, (others + texts.series.str.contains(rf"\A{_THREE_FIELDS}")).to_numpy())
    n = np.maximum(1, words.counts)
    ease = (
        206.835
        - 1.015 * words.counts / sentences
        - 84.6 * words.sums(words.vocabulary.per_word(syllables)) / n
    )
    return np.where(words.counts > 0, ease, 0.0)


@feature
def valence(text: Text) -> float:
    """Sum of what VADER's lexicon says of the words, from -4 to 4 each: its rules for negation and emphasis left out.

    >>> valence("A good book, a very good book."), valence("not good")
    (3.8, 1.9)
    """
    return sum(map(valence_of, words(text))) / 10  # in whole tenths: no order of adding changes it


@valence.on_columns
def _(texts: TextColumn) -> FloatArray:
    words = texts.words
    return words.sums(words.vocabulary.per_word(valence_of)) / 10


@feature
def sentiment(text: Text) -> float:
    """VADER's compound score in [-1, 1]: how positive the words are, 0 where none is charged.

    The valences of the sentences are added before they are squeezed. For one sentence that is VADER to the
    letter; for more it differs a little, because VADER applied to a long text lets a "but" weigh
    on every sentence, and takes time quadratic in their number (25 s for 100,000 characters).

    >>> sentiment("I love it") > 0 > sentiment("This is horrible")
    True
    """
    pieces = (s[i : i + MOST_CHARS] for s in text.sentences for i in range(0, len(s), MOST_CHARS))
    return _squeezed(sum(map(vader(), pieces)))


def _squeezed(total: float) -> float:
    return total / math.sqrt(total * total + 15)


@sentiment.on_columns
def _(texts: TextColumn) -> FloatArray:
    valences, rows, long = sentence_valences(parted_sentences(texts))
    totals = sums_in_order(valences, rows, len(texts))
    sentiments = totals / np.sqrt(totals * totals + 15)
    sentiments[long] = [sentiment(text) for text in texts.series.gather(long).to_list()]
    return sentiments
