"""Text features: known answers, and what holds for any text."""

from __future__ import annotations

import numpy as np
import pyphen
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from odd_texts import odd_texts
from snowballstemmer.english_stemmer import EnglishStemmer

from weaklabel.lf import TextColumn
from weaklabel.lf import features as f
from weaklabel.text.column import FEW
from weaklabel.text.features import FEATURES, Phrases, _registry
from weaklabel.types import Text


@given(st.text(max_size=200))
def test_shares_lie_between_zero_and_one(text: str) -> None:
    for name in ("lexical_diversity", "long_word_share", "repeated_sentence_share", "repeated_trigram_share"):
        assert 0 <= FEATURES[name](text) <= 1, name


def test_a_feature_is_computed_once_per_text() -> None:
    calls = []

    @f.remembered
    def counted(text: Text) -> int:
        calls.append(text)
        return len(text)

    text = Text("abc")
    assert (counted(text), counted(text), len(calls)) == (3, 3, 1)


def test_words_have_straight_apostrophes() -> None:
    assert f.words("Don’t can't") == ("don't", "can't")


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("n_numbers", "3 cats, 40 dogs, x9, 1_0 and 3.14", 4),
        ("n_list_items", "Do:\n- one\n* two\n  3. three\n4) four\n-five", 4),
        ("n_numbered_items", "1. a\n- b\n2) c", 2),
        ("n_headings", "# Plan\n**Bold line**\nThings to do:\nJust a sentence.", 3),
        ("n_code_fences", "```py\nx\n```\nand ``` inline", 2),
        ("n_inline_code", "use `a` or `b`", 2),
        ("n_table_rows", "| a | b |\n|---|---|\n| 1 | 2 |\nno | row", 3),
        ("n_bold", "**one** and **two** ** ", 2),
        ("n_links", "see https://x.org/a and www.y.org.", 2),
        ("n_citations", "As shown [1] by Lee et al. (Smith, 2020), according to him", 4),
        ("n_questions", "Why?? How?", 2),
        ("n_exclamations", "No!!! Yes!", 2),
        ("n_names", "He met Anna in Paris. Then left.", 2),
        ("n_quotations", 'He said "yes please" and “no thanks”', 2),
        ("n_units", "5 kg, $20, 30 minutes, 7 cats", 3),
        ("n_equations", "x = 3 and 4=4, a == b", 2),
        ("n_refusals", "I'm sorry, but I can’t do that. I cannot.", 3),
        ("n_hedges", "Maybe it seems so, I think.", 3),
        ("n_paragraphs", "one\nstill one\n\n \ntwo", 2),
        ("n_sentences", "One. Two! Three", 3),
        ("longest_run", "sooooo goood", 5),
    ],
)
def test_counts_can_be_checked_by_eye(name: str, text: str, expected: float) -> None:
    assert FEATURES[name](text) == expected


@settings(max_examples=300, deadline=None)
@given(word=st.one_of(odd_texts, st.text("abcdefghijklmnopqrstuvwxyz'", max_size=20)))
@example("hyphenation")
@example("incomprehensibilities")
@example("İİx")
def test_syllables_are_counted_as_pyphen_does(word: str) -> None:
    known = pyphen.Pyphen(lang="en_US").positions(word[:64])
    assert f.syllables(word[:64]) == len(known) + 1


_ENDINGS = [
    "'s",
    "s",
    "ies",
    "ed",
    "eedly",
    "ing",
    "ingly",
    "y",
    "li",
    "ization",
    "ational",
    "fulness",
    "ousli",
    "iviti",
    "icate",
    "alize",
    "ative",
    "ement",
    "ion",
    "l",
    "e",
    "sses",
    "us",
]
_stems = st.builds(
    lambda start, ends: start + "".join(ends),
    st.one_of(
        st.sampled_from(["", "gener", "past", "skis", "inn", "proc", "Y"]),
        st.text("abegilmnorstyY'éж", max_size=8),
    ),
    st.lists(st.sampled_from(_ENDINGS), max_size=3),
)


@settings(max_examples=400, deadline=None)
@given(word=st.one_of(_stems, odd_texts.map(lambda text: text[:64])))
def test_stems_are_those_of_the_package(word: str) -> None:
    assert f.stem(word[:64]) == EnglishStemmer().stemWord(word[:64])


def test_syllables_of_an_endless_word_are_not_looked_for() -> None:
    assert f.syllables("a" * 1_000_000) == 1


def test_reading_ease_follows_flesch() -> None:
    text = "The cat sat on the mat. The dog ran after the big red ball."  # 14 words, 2 sentences, "after" has 2 syllables
    assert f.flesch_reading_ease(text) == pytest.approx(206.835 - 1.015 * 14 / 2 - 84.6 * 15 / 14)


def test_pieces_of_one_or_two_words_are_no_sentences() -> None:
    one, more = "The cat sat on the mat.", "Oh. Well then. The cat sat on the mat."
    n = len(f.words(more))
    assert f.flesch_reading_ease(more) == pytest.approx(206.835 - 1.015 * n - 84.6)
    assert f.flesch_reading_ease(one) > f.flesch_reading_ease(more)


def test_sentiment_of_one_sentence_is_vaders() -> None:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    vader = SentimentIntensityAnalyzer()
    for text in ("I love it!", "This is NOT good, but fine", "The food was horrible :("):
        assert f.sentiment(text) == pytest.approx(vader.polarity_scores(text)["compound"], abs=1e-4)


def test_sentiment_of_a_neutral_text_is_zero() -> None:
    assert f.sentiment("The table has four legs. It stands here.") == 0


def test_lexical_diversity_counts_inflections_as_one() -> None:
    assert f.lexical_diversity("run runs running") == pytest.approx(1 / 3)


def test_an_open_code_block_is_unfinished() -> None:
    assert f.unfinished("Here it is:\n```\nx = 1\n") == 1


def test_a_list_that_ends_without_a_stop_is_finished() -> None:
    assert f.unfinished("- one\n- a last item that is fairly long but is still an item") == 0


def test_repeated_trigrams_are_found() -> None:
    assert f.repeated_trigram_share("a b c a b c") == pytest.approx(1 / 4)


def test_prompt_coverage_looks_at_the_last_turn() -> None:
    prompt = "Human: Tell me of whales.\n\nAssistant: Fine.\n\nHuman: And of dolphins?"
    assert f.prompt_coverage("Dolphins swim.", prompt) == 1


def test_copied_share_is_one_for_a_copy() -> None:
    assert f.copied_share("the red fox runs", "See the red fox runs fast") == 1


def test_phrases_match_whole_words_in_any_case() -> None:
    phrases = Phrases(["shut up", "so"])
    assert (phrases.count("SHUT, up! So also."), phrases.start("so what"), phrases.start("also")) == (
        2,
        True,
        False,
    )


# --------------------------------------------------------------------------------------------------- columns


@pytest.fixture(scope="module", autouse=True)
def _columns_of_any_length():
    """Short columns are done text by text; here the form for columns is what is asked about."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_registry, "FEW", 0)
        yield


@settings(max_examples=100, deadline=None)
@given(st.lists(odd_texts, min_size=1, max_size=5), st.lists(odd_texts, max_size=4))
def test_phrases_of_any_kind_are_counted_alike_in_columns(texts: list[str], phrases: list[str]) -> None:
    known = Phrases([*phrases, "not good", "i don't", "x"])
    column = TextColumn.of(texts)
    assert known.count(column).tolist() == [known.count(text) for text in texts]
    assert known.start(column).tolist() == [known.start(text) for text in texts]


def test_a_column_and_its_texts_compute_a_feature_once() -> None:
    calls: list[int] = []

    @f.feature
    def spied(text: Text) -> float:
        raise AssertionError("the column knows")

    @spied.on_columns
    def _(texts: TextColumn) -> list[int]:
        calls.append(len(texts))
        return [len(text) for text in texts.raw]

    del FEATURES["spied"]
    column = TextColumn(TextColumn.of(["a", "bb", "ccc"]).arrow)
    assert spied(column.take(np.array([2, 0, 2]))).tolist() == [3, 1, 3]
    assert [spied(text) for text in column.texts] == [1, 2, 3]
    assert calls == [3]


def test_a_feature_without_a_form_for_columns_works_on_columns() -> None:
    @f.feature
    def vowels(text: Text) -> float:
        return sum(text.count(v) for v in "aeiou")

    del FEATURES["vowels"]
    assert vowels(TextColumn.of(["audio", "sky"])).tolist() == [4, 0]


def test_more_distinct_words_than_a_key_has_room_for_are_counted_in_pieces(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # 19 bits a word leave room for 64 texts beside three of them.
    texts = [" ".join(f"{i:x}z{j}" for j in range(9)) + " a b a b a b" for i in range(300)]
    words = TextColumn.of(texts).words
    whole = f.repeated_trigram_share(TextColumn.of(texts))
    for i in range(2**18):
        words.vocabulary.add(f"x{i}")
    assert (f.repeated_trigram_share(TextColumn.of(texts)) == whole).all()


@pytest.mark.parametrize("order", [1, -1])
def test_phrases_with_an_apostrophe_are_counted_beside_curly_ones(order: int) -> None:
    texts = ["I'm sure you're right.", "I’m sure you’re right.", "I don't know; I don’t know."][::order]
    column = TextColumn.of(texts * FEW)  # fewer are looked at one by one
    for count in (f.n_first_person, f.n_second_person, f.n_not_knowing):
        assert count(column).tolist() == [count(text) for text in texts] * FEW
    assert f.n_not_knowing(column)[:3].tolist() == [0, 0, 2][::order]
