"""Untrusted text: nothing hides, nothing reorders, what is cut is counted."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from weaklabel.pictures.text import beginning, cut, name, neutral

ANY_TEXT = st.text(st.characters(codec=None, categories=None))


@given(ANY_TEXT)
def test_no_control_or_direction_character_is_left(text: str) -> None:
    left = {c for c in neutral(text) if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp")} - {"\n", "\t"}
    assert not left
    assert not set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c") & set(
        neutral(text)
    )


@given(ANY_TEXT)
def test_what_is_neutral_stays_as_it_is_and_can_be_written(text: str) -> None:
    once = neutral(text)
    assert neutral(once) == once
    once.encode("utf-8")


def test_letters_joiners_and_emoji_are_left_alone() -> None:
    text = "naïve — 中文 می\u200cخواهم 👩\u200d🔬 שלום\tx\n"
    assert neutral(text) == text


def test_accents_piled_on_one_letter_are_cut_to_four() -> None:
    assert neutral("a" + "\u0301" * 50) == "a" + "\u0301" * 4


@given(ANY_TEXT, st.integers(1, 40))
def test_a_cut_text_is_no_longer_than_allowed(text: str, limit: int) -> None:
    shown, left_out = cut(text, limit)
    assert len(shown) <= limit
    assert left_out >= 0


def test_the_characters_left_out_are_counted_whole() -> None:
    assert cut("x" * 1_000_000, 100) == ("x" * 100, 999_900)


def test_names_and_beginnings_are_one_line() -> None:
    assert name("a\nb") == "a b"
    assert "\n" not in beginning("line\n" * 100)
    assert len(beginning("word " * 1000, 30)) <= 30
