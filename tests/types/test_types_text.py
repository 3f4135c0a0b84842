"""`Text`: a string that remembers what was computed from it."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weaklabel.types import Text


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ("Don't panic", ("don't", "panic")),
        ("It’s 3.5 km", ("it’s", "3", "5", "km")),
        ("snake_case", ("snake", "case")),
        ("Größe, naïve, 東京!", ("größe", "naïve", "東京")),
        ("'quoted'", ("quoted",)),
        (" \n\t", ()),
    ],
)
def test_words_are_runs_of_letters_or_digits(raw, words):
    assert Text(raw).words == words


@pytest.mark.parametrize(
    ("raw", "sentences"),
    [
        ("One. Two! Three?", ("One.", "Two!", "Three?")),
        ("No end", ("No end",)),
        ("Line one\n\nLine two", ("Line one", "Line two")),
        ("Pi is 3.14 exactly.", ("Pi is 3.14 exactly.",)),
        ("", ()),
    ],
)
def test_sentences_end_behind_marks_and_at_line_ends(raw, sentences):
    assert Text(raw).sentences == sentences


def test_lines_leave_out_blank_ones_and_keep_indents():
    assert Text("a\n\n  b  \n").lines == ("a", "  b")


def test_each_thing_is_computed_once():
    calls = []
    text = Text("x")
    for _ in range(3):
        assert text.remember("key", lambda t: calls.append(t) or len(calls)) == 1
    assert calls == ["x"]


def test_a_remembered_none_is_remembered():
    calls: list[Text] = []
    text = Text("x")
    text.remember("key", lambda t: calls.append(t))
    text.remember("key", lambda t: calls.append(t))
    assert len(calls) == 1


def test_two_equal_texts_have_memories_of_their_own():
    first, second = Text("x"), Text("x")
    first.remember("key", lambda t: 1)
    assert second.remember("key", lambda t: 2) == 2


@given(st.text())
def test_a_text_is_its_string(raw):
    text = Text(raw)
    assert text == raw
    assert hash(text) == hash(raw)
    assert type(text.text) is str


def test_memory_stays_behind_on_the_way_to_another_process():
    text = Text("some words")
    assert text.words
    again = pickle.loads(pickle.dumps(text))
    assert (again, type(again)) == ("some words", Text)
    assert not hasattr(again, "_memo")
