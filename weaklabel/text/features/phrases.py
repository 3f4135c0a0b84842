"""Phrases: sets of words and phrases, and how often texts use them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import overload

import numpy as np
from numpy.typing import NDArray

from weaklabel.text import lexicons
from weaklabel.text.column import TextColumn
from weaklabel.text.features._registry import Feature, as_text, feature
from weaklabel.text.features.words import distinct_words, words
from weaklabel.text.tokens import Ints
from weaklabel.text.vocabulary import Codes
from weaklabel.types import FloatArray, Text


class Phrases:
    """A set of words and phrases to count in texts, on whole words and whatever the case.

    >>> sorry = Phrases(["sorry", "I can't"])
    >>> sorry.count("Sorry! I can’t, I can't; sorrysorry."), sorry.count(TextColumn.of(["so", "sorry"])).tolist()
    (3, [0.0, 1.0])
    """

    def __init__(self, phrases: Iterable[str]) -> None:
        split = {words(Text(phrase)) for phrase in phrases}
        self.phrases = tuple(sorted(parts for parts in split if parts))
        self._by_first: dict[str, list[tuple[str, ...]]] = {}
        for parts in self.phrases:
            self._by_first.setdefault(parts[0], []).append(parts)

    @overload
    def count(self, text: TextColumn) -> FloatArray: ...
    @overload
    def count(self, text: str) -> int: ...
    def count(self, text: str | TextColumn) -> int | FloatArray:
        """How many places of the text one of the phrases starts at; of a column, an array."""
        key = "phrases:count", self.phrases
        if isinstance(text, TextColumn):
            return text.numbers(key, self._count)
        return as_text(text).remember(key, self._count_one, self._count)

    def _count_one(self, text: Text) -> int:
        if self._by_first.keys().isdisjoint(distinct_words(text)):
            return 0
        found = words(text)
        return sum(
            any(parts == found[i : i + len(parts)] for parts in self._by_first[word])
            for i, word in enumerate(found)
            if word in self._by_first
        )

    @overload
    def start(self, text: TextColumn) -> NDArray[np.bool_]: ...
    @overload
    def start(self, text: str) -> bool: ...
    def start(self, text: str | TextColumn) -> bool | NDArray[np.bool_]:
        """Whether the text begins with one of the phrases; of a column, an array."""
        key = "phrases:start", self.phrases
        if isinstance(text, TextColumn):
            return text.numbers(key, self._start) > 0
        return as_text(text).remember(key, self._start_one, self._start)

    def _start_one(self, text: Text) -> bool:
        found = words(text)
        return bool(found) and any(parts == found[: len(parts)] for parts in self._by_first.get(found[0], ()))

    def _count(self, texts: TextColumn) -> Ints:
        tokens = texts.words
        wanted = self._in_codes(texts)
        first = np.zeros(len(tokens.vocabulary), np.bool_)
        first[[codes[0] for codes in wanted]] = True
        places = np.flatnonzero(first.take(tokens.codes))
        rows = np.searchsorted(tokens.offsets, places, "right") - 1
        hit = self._stand_at(texts, wanted, places, tokens.offsets[rows + 1])
        return np.bincount(rows[hit], minlength=len(tokens))

    def _start(self, texts: TextColumn) -> NDArray[np.bool_]:
        tokens = texts.words
        some = np.flatnonzero(tokens.counts)
        begins = np.zeros(len(tokens), np.bool_)
        places, ends = tokens.offsets[some], tokens.offsets[some + 1]
        begins[some] = self._stand_at(texts, self._in_codes(texts), places, ends)
        return begins

    def _in_codes(self, texts: TextColumn) -> list[tuple[int, ...]]:
        """The phrases all of whose words were met in some column."""
        code = texts.words.vocabulary.code
        found = (tuple(map(code, parts)) for parts in self.phrases)
        return [tuple(c for c in codes if c is not None) for codes in found if None not in codes]

    @staticmethod
    def _stand_at(
        texts: TextColumn, wanted: list[tuple[int, ...]], places: Ints, ends: Ints
    ) -> NDArray[np.bool_]:
        """Whether one of the phrases stands at each place, in texts that end before `ends`."""
        codes = texts.words.codes
        single = np.zeros(len(texts.words.vocabulary), np.bool_)
        single[[phrase[0] for phrase in wanted if len(phrase) == 1]] = True
        hit = single[codes[places]]
        following: list[Codes] = []
        for ahead in range(max(map(len, wanted), default=0)):
            at = places + ahead
            following.append(np.where(at < ends, codes[np.minimum(at, len(codes) - 1)], -1))
        for phrase in wanted:
            if len(phrase) > 1:
                where = np.flatnonzero(following[0] == phrase[0])
                for ahead, code in enumerate(phrase[1:], 1):
                    where = where[following[ahead][where] == code]
                hit[where] = True
        return hit


def _phrases(name: str, phrases: Iterable[str], doc: str) -> Feature:
    known = Phrases(phrases)

    def count(text: Text) -> float:
        return known.count(text)

    count.__name__ = count.__qualname__ = name
    count.__doc__ = doc
    made = feature(count)
    made.on_columns(known.count)
    return made


n_refusals = _phrases("n_refusals", lexicons.REFUSALS, "Phrases of refusal: I can't, I won't, unable to.")
n_disclaimers = _phrases("n_disclaimers", lexicons.AI_DISCLAIMERS, "As an AI language model, and its kin.")
n_hedges = _phrases("n_hedges", lexicons.HEDGES, "Hedges: maybe, I think, it seems.")
n_not_knowing = _phrases("n_not_knowing", lexicons.NOT_KNOWING, "I don't know, I'm not sure.")
n_polite = _phrases("n_polite", lexicons.POLITE, "Polite words: please, thank you, feel free.")
n_empathy = _phrases("n_empathy", lexicons.EMPATHY, "Empathy: I understand how, that sounds.")
n_apologies = _phrases("n_apologies", lexicons.APOLOGIES, "Apologies.")
n_connectives = _phrases(
    "n_connectives", lexicons.CONNECTIVES, "Words that join a line of thought: because, first."
)
n_examples = _phrases("n_examples", lexicons.EXAMPLES, "Announced examples: for example, such as.")
n_advice = _phrases("n_advice", lexicons.ADVICE, "Advice: you can, make sure, try to.")
n_first_person = _phrases(
    "n_first_person", ("i", "i'm", "i've", "i'd", "i'll", "me", "my", "mine"), "I, me, my."
)
n_second_person = _phrases(
    "n_second_person", ("you", "your", "yours", "you're", "you'll", "you've"), "You, your."
)

_OPENINGS = Phrases(lexicons.FILLER_OPENINGS)


@feature
def opens_with_filler(text: Text) -> float:
    """1 if the text begins with a word that says nothing yet ("Sure!", "As an AI"), else 0."""
    return float(_OPENINGS.start(text))


@opens_with_filler.on_columns
def _(texts: TextColumn) -> NDArray[np.bool_]:
    return _OPENINGS.start(texts)
