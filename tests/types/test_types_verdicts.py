"""Which values are one value, which words everybody reads alike, and maps of one's own."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from weaklabel.errors import ConfigError
from weaklabel.types.verdicts import VerdictMap, keyed, number_in, suggested, verdict_key, word_verdict


@pytest.mark.parametrize(
    "value", [1, 1.0, "1", " 1 ", "1.0", "+1", np.int64(1), np.float32(1), Decimal("1.00")]
)
def test_one_number_has_one_key_however_it_is_stored(value: Any) -> None:
    assert verdict_key(value) == "1"


@pytest.mark.parametrize(
    ("value", "key"),
    [
        (True, "true"),
        (np.bool_(False), "false"),
        ("True", "true"),
        (0.5, "0.5"),
        (-0.0, "0"),
        ("A>>B", "A>>B"),
        ("01", "01"),
        ("1e3", "1e3"),
        ("1_0", "1_0"),
        ("٣", "٣"),
        (float("nan"), "nan"),
        (2**60, str(2**60)),
    ],
)
def test_what_may_be_a_name_keeps_its_spelling(value: Any, key: str) -> None:
    assert verdict_key(value) == key


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        ("a", ["a", "A", "[[A]]", "**A**", "Response A", "model_a", "assistant-a", "A is better", "A>B", "[[A>>B]]", "B<A"]),
        ("b", ["B", "answer_b", "b wins", "B>>A", "A<B", "Summary B", "output b"]),
        ("tie", ["tie", "Tie (bothbad)", "tie (inconsistent)", "both_bad", "A=B", "a ~ b", "[[C]]", "draw", "equal"]),
        ("", ["", "unknown", "NaN", "null", "n/a"]),
        (None, ["left", "first", "neither", "both", "1", "c", "A>A", "A>=B", "yes", "response", "ab", "none", "C"]),
    ],
)  # fmt: skip
def test_a_word_means_what_everybody_reads_in_it_or_nothing_is_said(
    verdict: str | None, words: list[str]
) -> None:
    assert {word: word_verdict(word) for word in words} == dict.fromkeys(words, verdict)


def test_a_map_finds_values_however_they_are_written() -> None:
    coded = VerdictMap({1: "a", "2": "b", "Left": "a", "skipped": ""})
    assert [coded.meaning(v) for v in ("1.0", 2.0, "LEFT", "skipped", "0")] == ["a", "b", "a", "", None]


def test_case_counts_where_a_map_needs_it() -> None:
    coded = VerdictMap({"x": "a", "X": "b"})
    assert (coded.meaning("x"), coded.meaning("X")) == ("a", "b")
    assert VerdictMap({"xy": "a", "XY": "b"}).meaning("Xy") is None


def test_signs_stand_for_all_numbers_that_have_no_entry_of_their_own() -> None:
    coded = VerdictMap({"<0": "a", ">0": "b", "0": "tie", "99": ""})
    assert [coded.meaning(v) for v in (-3, "2.5", 0, 99, "x")] == ["a", "b", "tie", "", None]
    assert coded.is_signed
    assert coded.has_numbers


def test_strengths_have_both_signs() -> None:
    assert VerdictMap({-1: "a", 1: "b"}).is_signed
    assert not VerdictMap({0: "a", 1: "b"}).is_signed


@pytest.mark.parametrize(
    ("meanings", "words"),
    [
        ({"1": "left"}, r"gold_values maps to 'left'. Allowed: a, b, tie, '' \(nothing\)"),
        ({"1": "a", 1.0: "b"}, r"gold_values maps '1' both to 'a' and to 'b'"),
        ({}, "gold_values maps to 'nothing'"),
    ],
)
def test_a_map_that_says_nothing_or_two_things_is_refused(meanings: dict[Any, str], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        VerdictMap(meanings)


def test_other_rooms_have_other_meanings() -> None:
    assert keyed({1: "first", "True": "abstain"}, ("first", "abstain")) == {"1": "first", "true": "abstain"}
    with pytest.raises(ValueError, match=r"maps to 'a'\. Allowed: first"):
        keyed({1: "a"}, ("first",))


def test_a_suggestion_is_toml_that_a_user_can_correct() -> None:
    import tomllib

    for keys in (["1", "0"], ['say "x"', "y\\z"], ["-1", "1"], list("abcdef")):
        shown = suggested(keys).replace(", ...", "")
        assert VerdictMap(tomllib.loads(f"v = {shown}")["v"]).meanings


def test_numbers_are_plain_decimals() -> None:
    assert [number_in(key) for key in ("-1.5", "0", "1e3", "x", "")] == [-1.5, 0.0, None, None, None]
