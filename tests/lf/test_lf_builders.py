"""Builders: word lists, patterns, thresholds, and the mistakes that can be made with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from weaklabel.errors import ArgumentError, LabelingFunctionError, UnknownNameError
from weaklabel.lf.builders import (
    keyword_scorer,
    load_keywords,
    pattern_scorer,
    runs_in_python,
    threshold_scorer,
)
from weaklabel.types import ABSTAIN, PREFER_A, PREFER_B, Pair


def test_keywords_match_whole_words_whatever_the_case() -> None:
    assert keyword_scorer("k", ["fox"]).score("Fox, foxes and FOX.") == 2


def test_keywords_match_phrases_across_punctuation_and_lines() -> None:
    assert keyword_scorer("k", ["shut up"]).score("Shut\nup! shut, up; shutup") == 2


def test_keywords_beyond_ascii_match() -> None:
    assert keyword_scorer("k", ["müde", "не знаю"]).score("Ich bin MÜDE. Я не знаю!") == 2


def test_fewer_keywords_win_by_default() -> None:
    assert keyword_scorer("k", ["bad"])(Pair("1", "", "bad bad", "bad")) == PREFER_B


def test_a_builder_belongs_to_the_file_that_calls_it() -> None:
    assert keyword_scorer("k", ["a"]).family == "test_lf_builders"


@pytest.mark.parametrize("words", [[], ["ok", "!!!"]])
def test_word_lists_that_cannot_work_are_refused_by_name(words: list[str]) -> None:
    with pytest.raises(LabelingFunctionError, match="'k': "):
        keyword_scorer("k", words)


@pytest.mark.parametrize("words", ["oops", ["ok", 3], (word for word in ["ok", 3])])
def test_what_is_no_list_of_words_is_refused(words: object) -> None:
    with pytest.raises(ArgumentError, match=r"words(\[1\])? is"):
        keyword_scorer("k", words)  # type: ignore[arg-type]


def test_keyword_files_hold_one_entry_a_line_and_comments(tmp_path: Path) -> None:
    file = tmp_path / "words.txt"
    file.write_text("# mine\nfoo\n\nbar baz  # two words\r\nfoo\n", encoding="utf-8-sig")
    assert load_keywords(file) == ("foo", "bar baz")


@pytest.mark.parametrize(
    ("content", "words"), [(b"# nothing\n", "holds no word"), (b"caf\xe9\n", "byte 3 is not UTF-8")]
)
def test_keyword_files_without_words_are_refused(tmp_path: Path, content: bytes, words: str) -> None:
    file = tmp_path / "words.txt"
    file.write_bytes(content)
    with pytest.raises(LabelingFunctionError, match=words):
        load_keywords(file)


def test_a_missing_keyword_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(LabelingFunctionError, match=r"nowhere\.txt.*No such file"):
        load_keywords(tmp_path / "nowhere.txt")


def test_each_pattern_counts_once() -> None:
    assert pattern_scorer("p", good=["a", "b"], bad=["c"]).score("aaabccc") == 1


def test_each_match_counts_when_asked() -> None:
    assert pattern_scorer("p", good=["a", "b"], bad=["c"], count_each=True).score("aaabccc") == 1 + 3 - 3


def test_case_counts_when_asked() -> None:
    assert pattern_scorer("p", good=["x"], ignore_case=False).score("X") == 0


def test_equal_patterns_abstain_and_more_good_ones_win() -> None:
    scorer = pattern_scorer("p", good=["yes"])
    assert scorer(Pair("1", "", "yes", "yes yes")) == ABSTAIN
    assert scorer(Pair("2", "", "yes", "no")) == PREFER_A


def test_a_pattern_that_does_not_compile_is_named_with_its_position() -> None:
    with pytest.raises(
        LabelingFunctionError, match=r"'p': pattern 'a\(b' does not compile: .* at position 1"
    ):
        pattern_scorer("p", good=["fine", "a(b"])


def test_no_pattern_is_refused() -> None:
    with pytest.raises(LabelingFunctionError, match="'p': "):
        pattern_scorer("p")


@pytest.mark.parametrize("given", [{"good": "abc"}, {"bad": [1]}])
def test_what_is_no_list_of_patterns_is_refused(given: dict[str, object]) -> None:
    with pytest.raises(ArgumentError, match=r"pattern_scorer: (good is 'abc'|bad\[0\] is 1)"):
        pattern_scorer("p", **given)  # type: ignore[arg-type]


def test_thresholds_are_inclusive() -> None:
    scorer = threshold_scorer("t", "n_words", min_gap=2, max_gap=3)
    votes = [scorer(Pair("1", "", "a", "a" + " b" * n)) for n in (1, 2, 3, 4)]
    assert votes == [ABSTAIN, PREFER_B, PREFER_B, ABSTAIN]


def test_a_threshold_may_look_at_the_prompt() -> None:
    scorer = threshold_scorer("t", "prompt_coverage")
    assert scorer(Pair("1", "Where do whales sleep?", "In the sea.", "Whales sleep at sea.")) == PREFER_B


def test_an_unknown_feature_is_answered_with_a_guess() -> None:
    with pytest.raises(UnknownNameError, match=r"no text feature 'n_word'.*Did you mean 'n_words'"):
        threshold_scorer("t", "n_word")


def test_gaps_out_of_order_are_refused() -> None:
    with pytest.raises(LabelingFunctionError, match="0 <= min_gap <= max_gap"):
        threshold_scorer("t", "n_words", min_gap=5, max_gap=1)


def test_why_patterns_are_searched_by_re_is_said_in_words() -> None:
    assert runs_in_python(pattern_scorer("fine", good=["a+"])) is None
    assert runs_in_python(keyword_scorer("words", ["a"])) is None
    assert runs_in_python(pattern_scorer("two", good=[r"(?<=a)b"], bad=["c*"])) == (
        "pattern '(?<=a)b' has look-around; 1 more"
    )
