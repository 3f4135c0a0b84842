"""Words keep their numbers, whatever was met before, and a full vocabulary makes room for a new one."""

from __future__ import annotations

import threading

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from odd_texts import odd_texts

from weaklabel.text import vocabulary as module
from weaklabel.text.column import TextColumn
from weaklabel.text.features import copied_share, flesch_reading_ease, prompt_coverage, syllables
from weaklabel.text.tokens import tokenize
from weaklabel.text.vocabulary import Vocabulary, current_vocabulary
from weaklabel.types import Text


@pytest.fixture
def empty(monkeypatch: pytest.MonkeyPatch) -> Vocabulary:
    """The vocabulary of this thread, with no words."""
    monkeypatch.setitem(module._CURRENT.vocabularies, "words", Vocabulary())
    return current_vocabulary()


@settings(max_examples=100, deadline=None)
@given(texts=st.lists(odd_texts, max_size=6), bits=st.sampled_from([(1,), (2, 1), (16, 15, 14)]))
def test_words_that_lost_their_slot_are_found_too(texts: list[str], bits: tuple[int, ...]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_SLOT_BITS", bits)
        patch.setitem(module._CURRENT.vocabularies, "words", Vocabulary())
        for shown in (texts[:3], texts, texts):  # new words, then some old and some new, then old ones
            tokens = tokenize(pa.array(shown, pa.large_string()))
            assert [tokens[i] for i in range(len(shown))] == [Text(text).words for text in shown]


def test_a_word_keeps_its_number_from_one_column_to_the_next(empty: Vocabulary) -> None:
    first = tokenize(pa.array(["one two incomprehensibilities"], pa.large_string()))
    second = tokenize(pa.array(["three incomprehensibilities two"], pa.large_string()))
    assert (second.codes[[2, 1]] == first.codes[[1, 2]]).all()
    assert len(empty) == 5  # with number 0, which is no word


def test_what_is_known_of_a_word_is_worked_out_once(empty: Vocabulary) -> None:
    asked: list[str] = []

    def size(word: str) -> int:
        asked.append(word)
        return len(word)

    empty.add("one")
    assert empty.per_word(size).tolist() == [0, 3]
    empty.add("three")
    assert empty.per_word(size).tolist() == [0, 3, 5]
    assert asked == ["one", "three"]


def test_a_curly_apostrophe_finds_the_straight_form_met_before_or_not(empty: Vocabulary) -> None:
    codes = [empty.add(word) for word in ("don't", "it’s", "don’t")]
    straight = empty.straight()
    assert straight is not None
    assert [empty.words[straight[code]] for code in codes] == ["don't", "it's", "don't"]
    assert straight[codes[2]] == codes[0]


def test_a_full_vocabulary_is_left_to_the_columns_that_have_it(
    empty: Vocabulary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_WORDS", 3)
    prompts = TextColumn.of(["Which planets have rings?", "Name planets and the comets."])
    asked = prompts.words
    assert current_vocabulary() is not asked.vocabulary is empty
    responses = TextColumn.of(["Saturn has a ring.", "The planet Mars."])
    assert prompt_coverage(responses, prompts).tolist() == [1 / 2, 1 / 3]
    copies = TextColumn.of(["Which planets have moons?", "and the planets have rings"])
    rows = np.tile([0, 1], 10)  # few are looked at one by one
    assert copied_share(copies.take(rows), prompts.take(rows)).tolist() == [1 / 2, 0] * 10
    assert prompt_coverage(responses.take(rows), prompts.take(rows)).tolist() == [1 / 2, 1 / 3] * 10
    ease = flesch_reading_ease(responses)
    assert ease.tolist() == [flesch_reading_ease(text) for text in responses.texts]


def test_overlong_words_fill_it_too(empty: Vocabulary, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_OVERLONG_BYTES", 30)
    texts = ["a" * 17 + " " + "b" * 18, "b" * 18 + " " + "a" * 17]
    tokens = tokenize(pa.array(texts, pa.large_string()))
    assert [tokens[0], tokens[1]] == [Text(text).words for text in texts]
    assert empty.is_full()


def test_every_thread_has_its_own() -> None:
    met: list[Vocabulary] = []
    thread = threading.Thread(target=lambda: met.append(current_vocabulary()))
    thread.start()
    thread.join()
    assert met[0] is not current_vocabulary()


def test_threads_may_ask_one_vocabulary(empty: Vocabulary) -> None:
    words = [f"word{i}" for i in range(2000)]

    def ask() -> None:
        for word in words:
            empty.add(word)
            empty.per_word(syllables)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(empty.words[1:]) == sorted(words)
    assert empty.per_word(syllables)[1:].tolist() == list(map(syllables, empty.words[1:]))
    assert np.array([empty.code(w) for w in empty.words]).tolist() == list(range(len(empty)))
