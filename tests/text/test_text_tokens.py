"""The words of a column are the words of its texts."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from odd_texts import odd_texts

from weaklabel.text import tokens as tokens_module
from weaklabel.text.tokens import Distinct, Tokens, arrow_of, numbers_of, replaced, strings_of, tokenize
from weaklabel.types import Text


def tokens_of(*texts: str) -> Tokens:
    return tokenize(pa.array(texts, pa.large_string()))


@pytest.mark.parametrize("block", [1, 7, 1 << 19])
@settings(max_examples=200, deadline=None)
@given(texts=st.lists(odd_texts, max_size=6))
def test_words_are_those_of_text(texts: list[str], block: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tokens_module, "_BLOCK", block)
        tokens = tokens_of(*texts)
        assert [tokens[i] for i in range(len(texts))] == [Text(text).words for text in texts]


@pytest.mark.parametrize(
    "text",
    [
        "Don't don’t 'a' a' 'b a''b a’'b é’é",
        "ΑΣ ΟΔΟΣ ΣΑΣ İstanbul KELVIN ẞ",
        "a" * 8 + " " + "a" * 9 + " " + "a" * 16 + " " + "a" * 17 + " " + "a" * 100,
        "é" * 4 + " " + "é" * 5 + " " + "日" * 5 + " " + "日" * 6,
        "",
        "\x00a\x00",
    ],
)
def test_awkward_words_are_those_of_text(text: str) -> None:
    assert tokens_of("x", text, text, "y")[2] == Text(text).words


def test_neighbouring_texts_do_not_run_together() -> None:
    tokens = tokens_of("one", "two", "'three", "four'", "five")
    assert [tokens[i] for i in range(5)] == [("one",), ("two",), ("three",), ("four",), ("five",)]


def test_a_slice_of_an_array_has_its_own_words() -> None:
    whole = pa.array(["a b", "c d e", "f"], pa.large_string())
    assert tokenize(whole.slice(1, 1))[0] == ("c", "d", "e")


def test_sums_and_distinct_words_can_be_checked_by_eye() -> None:
    tokens = tokens_of("a bb a", "", "ccc bb")
    assert tokens.counts.tolist() == [3, 0, 2]
    assert tokens.sums(tokens.vocabulary.per_word(len)).tolist() == [4, 0, 5]
    assert tokens.distinct.counts(3).tolist() == [2, 0, 2]
    initials = tokens.renamed(lambda word: word[0] if word[0] != "c" else "")
    assert (initials[2], initials.distinct.counts(3).tolist()) == (("", "b"), [2, 0, 1])


@pytest.mark.parametrize("marks", [1, 10, 1 << 21])
def test_words_that_texts_have_are_found_in_any_order(monkeypatch: pytest.MonkeyPatch, marks: int) -> None:
    monkeypatch.setattr(tokens_module, "_MARKS", marks)
    tokens = tokens_of("red green of", "", "blue", "green").renamed(lambda word: "" if word == "of" else word)
    red, green, blue = (tokens.vocabulary.add(word) for word in ("red", "green", "blue"))
    assert not tokens.hold(np.arange(4), np.zeros(4, np.int64)).any()
    rows, codes = np.array([3, 0, 2, 0, 1, 0]), np.array([green, blue, blue, red, red, green])
    assert tokens.hold(rows, codes).tolist() == [True, False, True, True, False, True]
    assert tokens.hold(rows[:0], codes[:0]).tolist() == []


@pytest.mark.parametrize("n_codes", [6, 2**40])  # keys of 32 and of 64 bits
def test_distinct_pairs_are_sorted(n_codes: int) -> None:
    held = Distinct.of(np.array([0, 0, 0, 2]), np.array([5, 1, 5, 5]), n_codes)
    assert (held.counts(4).tolist(), held.codes.tolist()) == ([2, 0, 1, 0], [1, 5, 5])


@given(texts=st.lists(odd_texts, max_size=6), start=st.integers(0, 6))
def test_arrow_made_of_bytes_is_what_arrow_makes(texts: list[str], start: int) -> None:
    strings = strings_of(texts)
    assert strings.equals(pa.array(texts, pa.large_string()))
    sizes = [min(len(text), 127) for text in texts]  # what an int8 holds
    for kind in (np.int8, np.int64, np.float32):
        numbers = arrow_of(np.array(sizes, kind)[::-1])
        assert numbers.equals(pa.array(sizes[::-1], pa.from_numpy_dtype(kind)))
        assert numbers_of(numbers.slice(start)).tolist() == sizes[::-1][start:]


def test_texts_are_replaced_in_their_rows() -> None:
    texts = strings_of(["a", "b", "", "d"])
    assert replaced(texts, np.array([0, 2]), ["é", "c"]).to_pylist() == ["é", "b", "c", "d"]
