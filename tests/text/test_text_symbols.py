"""N-grams of symbols: equal to those that are cut out of each text by itself."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.utils import murmurhash3_32

from weaklabel.text import symbols
from weaklabel.text.symbols import Symbols

N = 2**20


def by_hand(text, sizes, between=""):
    grams = {between.join(text[i : i + n]) for n in sizes for i in range(len(text) - n + 1)}
    return sorted({abs(murmurhash3_32(gram, seed=0)) % N for gram in grams})


def read(alphabet, texts):
    lengths = [len(text) for text in texts]
    numbers = [alphabet.numbers(text) for text in texts]
    rows, columns = alphabet.grams(
        np.concatenate([np.empty(0, np.int32), *numbers]), np.repeat(np.arange(len(texts)), lengths)
    )
    return [sorted(columns[rows == i].tolist()) for i in range(len(texts))]


def as_sets(found):
    return [sorted(set(columns)) for columns in found]


@given(st.lists(st.text(alphabet="abc日🎉", max_size=12), min_size=1, max_size=8))
def test_each_text_has_its_own_n_grams_and_none_across_its_end(texts):
    sizes = (2, 3, 4, 5, 6)
    found = read(Symbols(N, "", sizes), texts)
    assert as_sets(found) == [by_hand(text, sizes) for text in texts]


def test_an_n_gram_is_told_once_for_a_text():
    assert read(Symbols(N, " ", (1, 2)), [["x", "y"] * 9]) == [by_hand(["x", "y"] * 9, (1, 2), " ")]


def test_symbols_beyond_the_bits_of_a_code_are_read_as_well():
    many = [chr(0x4E00 + i) for i in range(700)]  # nine bits hold 511
    texts = ["".join(many[:40]), "".join(many), "ab", "".join(reversed(many[500:]))]
    sizes = (2, 3, 4, 5, 6)
    assert as_sets(read(Symbols(N, "", sizes), texts)) == [by_hand(text, sizes) for text in texts]


@pytest.mark.parametrize("at_once", [1, 3])
def test_more_texts_than_are_read_at_a_time_change_nothing(monkeypatch, at_once):
    texts = ["abcab", "", "cab", "bb", "", "abcabc", "a"]
    whole = read(Symbols(N, "", (1, 2, 3)), texts)
    monkeypatch.setattr(symbols, "_TEXTS", at_once)
    assert read(Symbols(N, "", (1, 2, 3)), texts) == whole == [by_hand(text, (1, 2, 3)) for text in texts]
