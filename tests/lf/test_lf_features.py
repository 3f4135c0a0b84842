"""Text features: known answers, and what holds for any text."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weaklabel.lf import features as f
from weaklabel.lf.features import FEATURES, PROMPT_FEATURES, Phrases
from weaklabel.types import Text


@given(st.text(max_size=300))
def test_every_feature_is_a_finite_number_on_any_text(text: str) -> None:
    for name, feature in FEATURES.items():
        assert math.isfinite(feature(text)), name


@given(st.text(max_size=200), st.text(max_size=200))
def test_every_prompt_feature_is_a_finite_number_on_any_texts(response: str, prompt: str) -> None:
    for name, feature in PROMPT_FEATURES.items():
        assert math.isfinite(feature(response, prompt)), name


@given(st.text(max_size=200))
def test_shares_lie_between_zero_and_one(text: str) -> None:
    for name in ("lexical_diversity", "long_word_share", "repeated_sentence_share", "repeated_trigram_share"):
        assert 0 <= FEATURES[name](text) <= 1, name


@pytest.mark.parametrize("name", sorted(FEATURES))
def test_a_plain_string_and_a_text_get_the_same_number(name: str) -> None:
    raw = (
        "# Plan\n\n- Sure, I can't: see https://a.b (or [1])!\n- 12 km = 7.5 miles, maybe?\n\n```py\nx = `1`"
    )
    assert FEATURES[name](raw) == FEATURES[name](Text(raw))


def test_a_feature_is_computed_once_per_text() -> None:
    calls = []

    @f.remembered
    def counted(text: Text) -> int:
        calls.append(text)
        return len(text)

    text = Text("abc")
    assert (counted(text), counted(text), len(calls)) == (3, 3, 1)


def test_every_feature_has_a_docstring() -> None:
    assert all(fn.__doc__ for fn in (*FEATURES.values(), *PROMPT_FEATURES.values()))


def test_each_feature_of_the_empty_text_is_zero_except_none() -> None:
    assert {name for name, feature in FEATURES.items() if feature("") != 0} == set()


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
