"""N-grams read from numbers of pieces: equal to the bit to reading each text by itself, as it is written out here."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.utils import murmurhash3_32

from weaklabel.text import ngrams, pieces
from weaklabel.text.murmur import columns_of
from weaklabel.text.ngrams import HashedText
from weaklabel.text.pieces import FUNCTION_WORDS, KINDS, ranked
from weaklabel.text.ragged import Ragged


def grams(text, sizes):
    return {text[i : i + n] for n in sizes for i in range(len(text) - n + 1)}


def shown(text):
    return text.lower().replace("\n", " ¶ ")


def words(text):
    found = re.findall(r"\w+|[^\w\s]", shown(text))
    return {*found, *map(" ".join, pairwise(found))}


def characters(text):
    return set().union(*(grams(f" {word[:64]} ", (2, 3, 4)) for word in shown(text).split()))


def layout(text):
    for pattern, mark in ((r"[A-Z]+", "X"), (r"[^\W\d_XA-Z]+", "x"), (r"\d+", "9"), (r"\n", "¶")):
        text = re.sub(pattern, mark, text)
    return grams(text, (2, 3, 4, 5, 6))


def masked(token):
    if token == "\n" or not token[0].isalnum():
        return token.replace("\n", "¶")
    if not token[0].isalpha():
        return "9" if token[0].isdigit() else token
    return token.lower() if token.lower() in FUNCTION_WORDS else ("Xx" if token[0].isupper() else "x")


def style(text):
    found = [masked(token) for token in re.findall(r"[^\W\d_]+|\d+|\n|[^\w\s]|_", text)]
    return {
        *found,
        *map(" ".join, pairwise(found)),
        *map(" ".join, zip(found, found[1:], found[2:], strict=False)),
    }


TWINS = {"words": words, "characters": characters, "layout": layout, "style": style}
N = 2**14
# Letters whose lower case has another length or depends on neighbours, spaces of every kind, bytes of one to four.
ALPHABET = "aAbXxZz 09.,!\n\t\r¶_é\u0301ßİΣσς日👩\u200d\u2028\u0085\xa0\x1c\x1f½²٣ǅﬁ\x00$-'"
odd_texts = st.text(max_size=30) | st.text(alphabet=ALPHABET, max_size=120)


def columns(found):
    return sorted({abs(murmurhash3_32(gram, seed=0)) % N for gram in found})


@settings(max_examples=150, deadline=None)
@given(st.lists(odd_texts, min_size=1, max_size=5))
def test_many_texts_at_a_time_have_the_columns_of_each_read_alone(texts):
    for kind, twin in TWINS.items():
        hashed = HashedText(N, (kind,)).transform(texts)
        assert [row.indices.tolist() for row in hashed] == [columns(twin(text)) for text in texts]


def test_layout_and_style_read_the_beginning_of_a_long_text_and_the_others_all(monkeypatch):
    monkeypatch.setattr(ngrams, "_LONGEST_TEXT", 7)
    texts = ["The END is. Near\nindeed 12", "short", "one\ntwo\nthree"]
    for kind, twin in TWINS.items():
        read = [text[:7] if kind in ("layout", "style") else text for text in texts]
        hashed = HashedText(N, (kind,)).transform(texts)
        assert [row.indices.tolist() for row in hashed] == [columns(twin(text)) for text in read]


@pytest.mark.parametrize("at_once", [1, 30, 10**6])
def test_neither_blocks_nor_forgetting_change_anything(monkeypatch, at_once):
    texts = [f"Word{i % 7} said,\n{'x' * i} - again {i}." for i in range(40)]
    plain = HashedText(N, tuple(KINDS)).transform(texts)
    monkeypatch.setattr(ngrams, "_AT_ONCE", at_once)
    monkeypatch.setattr(pieces, "_MOST_CHARACTERS", 100)
    again = HashedText(N, tuple(KINDS))
    for _ in range(2):
        assert (again.transform(texts) != plain).nnz == 0


@given(
    st.lists(
        st.text(max_size=20) | st.sampled_from([0, 85, 1365, 1366, 2000]).map("é1".__mul__),
        min_size=1,
        max_size=8,
    )
)
def test_strings_are_hashed_as_scikit_learn_hashes_them(strings):
    for n in (7, 2**15, 2**31 - 1):
        expected = [abs(murmurhash3_32(string, seed=0)) % n for string in strings]
        assert columns_of(strings, n).tolist() == expected


@pytest.mark.parametrize("bound", [50, 10**12], ids=["counted", "sorted"])
def test_codes_become_numbers_in_the_order_of_their_size(bound):
    codes = np.array([49, 3, 49, 0, 7])
    numbers, found = ranked(codes, bound)
    assert (numbers.tolist(), found.tolist()) == ([3, 1, 3, 0, 2], [0, 3, 7, 49])


def test_ragged_rows_come_back_in_any_order_however_many_were_added():
    rng = np.random.default_rng(0)
    rows, kept = Ragged(np.int32), []
    for _ in range(30):
        lengths = rng.integers(0, 40, 100)
        values = rng.integers(0, 1000, lengths.sum())
        rows.add(values, lengths)
        kept += np.split(values, np.cumsum(lengths)[:-1])
    asked = rng.integers(0, len(kept), 500)
    values, lengths = rows.take(asked)
    assert lengths.tolist() == [len(kept[i]) for i in asked]
    assert values.tolist() == np.concatenate([kept[i] for i in asked]).tolist()
