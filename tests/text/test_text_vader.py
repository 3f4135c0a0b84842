"""Sentiment of columns: VADER's own rules, to the bit."""

from __future__ import annotations

import numpy as np
import polars as pl
from hypothesis import example, given, settings
from hypothesis import strategies as st
from odd_texts import odd_texts
from vaderSentiment.vaderSentiment import BOOSTER_DICT, NEGATE, SPECIAL_CASES

from weaklabel.lf import TextColumn
from weaklabel.text.features.vader import MOST_CHARS, sentence_valences, vader
from weaklabel.text.features.wording import parted_sentences, sentiment
from weaklabel.types import Text

_RULED = [
    "good", "GOOD", "bad", "horrible,", "great!", "Great?", "sux", "no", "No", "nor", "or", "least", "at", "very", "VERY",
    "never", "so", "this", "without", "doubt", "but", "BUT", "kind", "kind of", "sort of", "just enough", "of", "the", "don't",
    "isnt", ":)", ":-D", "lol", "💘", "☺", "a💋b", "x", "Y", "...", "!!", "?", "??", "\xa0", "\u3000", "\u2028", ".\n", "! ", "\n", "\0",
    "(good)", "'tis", "uh-uh", "great,but", "ﬁne", "İ", "GREATİ", "love" * 5, "A" * 17, "good " * 300,
]  # fmt: skip
_words = st.sampled_from(_RULED + sorted({*BOOSTER_DICT, *SPECIAL_CASES}) + NEGATE)
_sentences = st.lists(st.one_of(_words, odd_texts), max_size=25).map(" ".join)


@settings(max_examples=150, deadline=None)
@given(st.lists(_sentences, min_size=1, max_size=4))
@example(["It is not the bomb. But good, no bad; GOOD! VERY good\u3000day? kind of great"])
def test_a_column_has_the_sentiment_of_each_text(texts: list[str]) -> None:
    column = TextColumn.of(texts)
    assert [parted.split("\n") for parted in parted_sentences(column)] == [
        list(Text(text).sentences) or [""] for text in texts
    ]
    valences, rows, long = sentence_valences(parted_sentences(column))
    for row, text in enumerate(texts):
        pieces = Text(text).sentences
        if row in long:
            assert any(len(piece.encode()) > MOST_CHARS for piece in pieces)
        else:
            assert valences[rows == row].tolist() == [v for v in map(vader(), pieces) if v]
    many = TextColumn.of([*texts, *[""] * 20])  # too many for one by one
    assert sentiment(many).tolist()[: len(texts)] == [sentiment(text) for text in texts]


def test_no_text_at_all_has_no_sentiment() -> None:
    valences, rows, long = sentence_valences(pl.Series([], dtype=pl.String))
    assert [len(valences), len(rows), len(long)] == [0, 0, 0]


def test_many_charged_fields_are_added_in_their_order() -> None:
    text = " ".join(["good", "bad", "great", "horrible", "VERY", "love", "hate"] * 20)
    column = TextColumn.of([text, "x"] * 20)
    assert np.unique(sentiment(column)).tolist() == sorted({sentiment(text), 0.0})
