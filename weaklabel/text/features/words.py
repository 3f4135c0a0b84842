"""The words of a text, and what is known of single words. Of a column, each word is looked at once."""

from __future__ import annotations

import functools
from typing import Any

from weaklabel.text import lexicons
from weaklabel.text.column import TextColumn
from weaklabel.text.features._registry import remembered
from weaklabel.text.features.vader import analyzer
from weaklabel.text.tokens import Sets, Tokens
from weaklabel.types import Text


@remembered
def words(text: Text) -> tuple[str, ...]:
    """`text.words` with straight apostrophes, so that one word has one spelling."""
    return tuple(w.replace("’", "'") for w in text.words) if "’" in text else text.words


@words.on_columns
def _(texts: TextColumn) -> Tokens:
    return texts.words


@remembered
def distinct_words(text: Text) -> frozenset[str]:
    """The distinct words."""
    return frozenset(words(text))


@distinct_words.on_columns
def _(texts: TextColumn) -> Sets:
    return Sets(texts.words.distinct, texts.words.vocabulary.words, len(texts))


@remembered
def content_words(text: Text) -> frozenset[str]:
    """Stems of the distinct words of three letters or more (numbers of any length) that carry a topic."""
    return frozenset(filter(None, map(topic, distinct_words(text))))


@content_words.on_columns
def _(texts: TextColumn) -> Sets:
    names = topics(texts)
    return Sets(names.distinct, names.vocabulary.words, len(texts))


def topics(column: TextColumn) -> Tokens:
    """The distinct texts of a column with the topic in the place of each word, "" where it carries none."""
    return column.distinct.remember("topics", lambda texts: texts.words.renamed(topic))


@functools.lru_cache(maxsize=200_000)
def topic(word: str) -> str:
    """The stem of a word that carries a topic, "" for one that does not."""
    if (len(word) > 2 or word.isdigit()) and word not in lexicons.STOP_WORDS:
        return stem(word)
    return ""


@functools.cache
def _stemmer() -> Any:
    from weaklabel.text.features.stemmer import Stemmer

    return Stemmer()


@functools.lru_cache(maxsize=200_000)
def stem(word: str) -> str:
    """English Snowball stem: `running` and `runs` are one.

    >>> stem("running"), stem("runs")
    ('run', 'run')
    """
    # A "word" of megabytes is no word, and would cost seconds.
    return str(_stemmer().stemWord(word)) if len(word) <= 64 else word


@functools.cache
def _hyphenation() -> dict[str, Any]:
    """Pyphen's patterns, letter by letter; under "" where a pattern's digits begin, and the digits."""
    import pyphen

    first: dict[str, Any] = {}
    for letters, (start, digits) in pyphen.Pyphen(lang="en_US").hd.patterns.items():
        last = first
        for letter in letters:
            last = last.setdefault(letter, {})
        last[""] = start, tuple(map(int, digits))
    return first


@functools.lru_cache(maxsize=200_000)
def syllables(word: str) -> int:
    """Syllables of one lower-cased word: places where it may be hyphenated, and one.

    As many as `pyphen.Pyphen(lang="en_US").positions` gives, which takes more than twice as long and keeps every word.

    >>> syllables("cat"), syllables("syllable")
    (1, 3)
    """
    if len(word) > 64:
        return 1
    pointed, first = f".{word.lower()}.", _hyphenation()
    highest = [0] * (len(pointed) + 1)
    for begin in range(len(pointed) - 1):
        node = first
        for letter in pointed[begin:]:
            if letter not in node:
                break
            node = node[letter]
            if "" in node:
                start, digits = node[""]
                for place, digit in enumerate(digits, begin + start):
                    if digit > highest[place]:
                        highest[place] = digit
    # An odd digit allows a hyphen; two letters stay on either side.
    return sum(digit % 2 for digit in highest[3 : len(word)]) + 1


@functools.cache
def valences() -> dict[str, int]:
    """VADER's lexicon: word -> how positive it is, in tenths, from -40 to 40."""
    return {word: round(10 * value) for word, value in analyzer().lexicon.items()}


def valence_of(word: str) -> int:
    """What `valences` says of a word, 0 where it says nothing."""
    return valences().get(word, 0)
