"""What every registered text feature keeps: a finite number on any text, the same one text by text and in columns."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from odd_texts import odd_texts

from weaklabel.lf import TextColumn
from weaklabel.lf import features as f
from weaklabel.text.features import FEATURES, PROMPT_FEATURES, _registry
from weaklabel.types import Text

COVERED = {*FEATURES, *PROMPT_FEATURES}
"""The loops below run over all of these: a hypothesis for each would spend its time on drawing texts."""


@pytest.fixture(scope="module", autouse=True)
def _columns_of_any_length():
    """Short columns are done text by text; here the form for columns is what is asked about."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_registry, "FEW", 0)
        yield


@given(st.text(max_size=300))
def test_every_feature_is_a_finite_number_on_any_text(text: str) -> None:
    for name, feature in FEATURES.items():
        assert math.isfinite(feature(text)), name


@given(st.text(max_size=200), st.text(max_size=200))
def test_every_prompt_feature_is_a_finite_number_on_any_texts(response: str, prompt: str) -> None:
    for name, feature in PROMPT_FEATURES.items():
        assert math.isfinite(feature(response, prompt)), name


@pytest.mark.parametrize("name", sorted(FEATURES))
def test_a_plain_string_and_a_text_get_the_same_number(name: str) -> None:
    raw = (
        "# Plan\n\n- Sure, I can't: see https://a.b (or [1])!\n- 12 km = 7.5 miles, maybe?\n\n```py\nx = `1`"
    )
    assert FEATURES[name](raw) == FEATURES[name](Text(raw))


def test_every_feature_has_a_docstring() -> None:
    assert all(fn.__doc__ for fn in (*FEATURES.values(), *PROMPT_FEATURES.values()))


def test_each_feature_of_the_empty_text_is_zero_except_none() -> None:
    assert {name for name, feature in FEATURES.items() if feature("") != 0} == set()


@settings(max_examples=150, deadline=None)
@given(st.lists(odd_texts, min_size=1, max_size=6))
def test_a_column_has_the_numbers_of_its_texts_bit_for_bit(texts: list[str]) -> None:
    column = TextColumn.of(texts)
    for name, feature in FEATURES.items():
        assert feature(column).tolist() == [feature(text) for text in texts], name


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(odd_texts, odd_texts), min_size=1, max_size=6))
def test_columns_beside_prompts_have_the_numbers_of_their_texts(texts: list[tuple[str, str]]) -> None:
    responses, prompts = (TextColumn.of(side) for side in zip(*texts, strict=True))
    for name, feature in PROMPT_FEATURES.items():
        assert feature(responses, prompts).tolist() == [feature(*both) for both in texts], name


@settings(max_examples=100, deadline=None)
@given(st.lists(odd_texts, min_size=1, max_size=4))
def test_a_text_in_a_column_says_what_it_would_say_alone(texts: list[str]) -> None:
    column = TextColumn(TextColumn.of(texts).arrow)
    for text, raw in zip(column.texts, texts, strict=True):
        alone = Text(raw)
        assert (text.words, f.words(text)) == (alone.words, f.words(alone))
        assert f.distinct_words(text) == f.distinct_words(alone)
        assert f.content_words(text) == f.content_words(alone)
        assert [g(text) for g in FEATURES.values()] == [g(alone) for g in FEATURES.values()]
