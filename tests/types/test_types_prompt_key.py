"""Prompts that look the same have one key; the key is a fixed point; others keep keys of their own."""

from __future__ import annotations

from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weaklabel.types import Pair, Pairs, prompt_key

DISGUISES = {
    "byte-order mark": lambda t: "\ufeff" + t,
    "composed": lambda t: normalize("NFC", t),
    "decomposed": lambda t: normalize("NFD", t),
    "zero-width blank": lambda t: "\u200b".join(t),
    "zero-width joiner": lambda t: t + "\u200d",
    "soft hyphen": lambda t: t[:3] + "\xad" + t[3:],
    "NUL": lambda t: t + "\0",
    "other control": lambda t: "\x1b" + t + "\x9d",
    "case": lambda t: t.swapcase(),
    "capitals": lambda t: t.upper(),
    "full stop": lambda t: t + ".",
    "full stop behind a blank": lambda t: t + " . ",
    "ellipsis": lambda t: t + "…",
    "ideographic full stop": lambda t: t + "。",
    "no-break blank": lambda t: t.replace(" ", "\u00a0"),
    "line ends": lambda t: "\r\n" + t.replace(" ", "\n\t") + "\u2028",
    "full width": lambda t: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in t),
    "bidirectional marks": lambda t: "\u202a" + t + "\u202c\u200e",
    "variation selector": lambda t: t + "\ufe0f",
    "tag characters": lambda t: t + "\U000e0041",
    "word joiner": lambda t: "\u2060" + t,
}
PROMPTS = [
    "What is the capital of France?",
    "Où est la Crème brûlée",
    "Straße in GROSS und Å",
    "日本の首都は どこ",
    "ﬁnd Ω",
]


@pytest.mark.parametrize("prompt", PROMPTS)
@pytest.mark.parametrize("disguise", DISGUISES)
def test_a_disguise_changes_no_key(disguise: str, prompt: str) -> None:
    assert prompt_key(DISGUISES[disguise](prompt)) == prompt_key(prompt)


@given(
    st.text(min_size=1),
    st.lists(st.sampled_from(sorted(set(DISGUISES) - {"capitals", "case", "full width"}))),
)
def test_no_row_of_disguises_changes_the_key(text: str, disguises: list[str]) -> None:
    shown = f"Why {text}?"
    for name in disguises:
        shown = DISGUISES[name](shown)
    assert prompt_key(shown) == prompt_key(f"Why {text}?")


@given(st.text())
def test_the_key_of_a_key_is_the_key(text: str) -> None:
    assert prompt_key(prompt_key(text)) == prompt_key(text)


@given(st.text(st.characters(codec="utf-8")), st.sampled_from(["NFC", "NFD", "NFKC", "NFKD"]))
def test_how_characters_are_stored_changes_no_key(text: str, form: str) -> None:
    shown = f"x{text}x"
    assert prompt_key(normalize(form, shown)) == prompt_key(shown)
    assert prompt_key(shown.casefold()) == prompt_key(shown)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Why?", "Why"),
        ("2 + 2", "2 - 2"),
        ("a.b", "ab"),
        ("resume", "résumé"),
        ("I have 1.5 apples", "I have 15 apples"),
        ("", " "),
        ("\u200b", ""),
        (".", ".."),
        ("日本", "日本語"),
    ],
)
def test_prompts_that_look_different_keep_keys_of_their_own(one: str, other: str) -> None:
    assert prompt_key(one) != prompt_key(other)


def test_pairs_count_prompts_that_look_the_same_as_one() -> None:
    prompts = ["Why is it?", "\ufeffwhy  IS it?", "Why is it", "Why is it?."]
    pairs = Pairs.of([Pair(str(i), prompt, "x", "y") for i, prompt in enumerate(prompts)])
    assert pairs.prompt_groups.tolist() == [0, 0, 1, 0]
