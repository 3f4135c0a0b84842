"""Patterns on columns: the meaning of `re`, whatever the text."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from odd_texts import odd_texts

from weaklabel.lf import Pattern, TextColumn
from weaklabel.text.patterns import Linear, count_matches, least_run, linear
from weaklabel.types import Text

PATTERNS = [
    r"\bmaybe\b", r"(?i)\b(i('d)? guess|kis|maybe)\b", r"\w+", r"\W", r"[^\W]", r"[^\s\w]{2,}", r"\S+", r"\d+[.,]?\d*",
    r"[^\d\s“]", r"[^a-z]+", r"(?i)[^k]s", r"(?i)[a-f]+x?", r"[A-z]+", r"[“”]", r"é", r"[à-ü]", r"_", r"a{2,3}?b|a+",
    r"(?s).x", r".", r"\Aa", r"[\s\S]b", r"(?i)[^“k-m\W]", r"^.{0,60}\?\s*$", r"(?m)^[ \t]*- ", r"x\Z", r"(?:ab?)+?i",
    r"(?i:K)s", r"\b\w{3,}\b", r"(?i)(?-i:K)s|a", r"(?m)^\w+", r"(?m)^a\n?", r"(?m)^[^x]", r"(?m)^x$", r"(?m)^\Aa", r"(?im)^[A-K]",
]  # fmt: skip
FLAGS = [0, re.IGNORECASE, re.MULTILINE, re.ASCII, re.ASCII | re.IGNORECASE, re.IGNORECASE | re.MULTILINE]


@settings(max_examples=600, deadline=None)
@given(st.lists(odd_texts, min_size=1, max_size=5), st.sampled_from(PATTERNS), st.sampled_from(FLAGS))
def test_a_column_finds_what_re_finds(texts: list[str], pattern: str, flags: int) -> None:
    compiled = re.compile(pattern, flags)
    column = TextColumn.of(texts)
    assert count_matches(column, compiled).tolist() == [len(compiled.findall(text)) for text in texts]
    found = count_matches(column, compiled, each=False)
    assert found.tolist() == [bool(compiled.search(text)) for text in texts]


_RUNS = [
    r"(\w)\1{3,}",
    r"([^\s\w])\1{2}|(\w)\2{3,}",
    r"(.)\1",
    r"(?i)(?:(x)|(y))+z|(k)\3+?s",
    r"(?:(.)\1{2,})?a",
    r"(?:a(\s)\1{2,})+",
]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.lists(st.sampled_from([*"aAkKKsSſéÉ日🙂!._\n x", "aaA", "KkKs", "ééÉ", "!!!"])).map("".join),
        min_size=1,
        max_size=4,
    ),
    st.sampled_from(_RUNS),
    st.sampled_from(FLAGS),
)
def test_runs_of_equal_characters_are_found_as_re_finds_them(
    texts: list[str], pattern: str, flags: int
) -> None:
    compiled = re.compile(pattern, flags)
    assert count_matches(TextColumn.of(texts), compiled).tolist() == [
        len(compiled.findall(text)) for text in texts
    ]


@pytest.mark.parametrize(("pattern", "run"), [*zip(_RUNS, [4, 3, 1, 1, 1, 3], strict=True)])
def test_a_run_that_every_match_holds_is_known(pattern: str, run: int) -> None:
    assert least_run(re.compile(pattern)) == run


@pytest.mark.parametrize("pattern", PATTERNS)
def test_all_but_the_dollar_have_a_linear_form(pattern: str) -> None:
    form = linear(re.compile(pattern))
    assert isinstance(form, Linear) != (pattern == r"^.{0,60}\?\s*$")


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        (r"(\w)\1", "a back-reference"),
        (r"(?<=a)b", "look-around"),
        (r"a(?!b)", "look-around"),
        (r"(?>a+)b", "a group that never gives back"),
        (r"a++", "a group that never gives back"),
        (r"a*", "a way to match nothing"),
        (r"(?:a*)+b", "a repetition of what can match nothing"),
        (r"a$", "$ without re.MULTILINE"),
        (r"a\Bb", r"\B"),
        (r"(?i)é", "the two cases of 'é'"),
        (r"(?i)[à-ü]", "a range of letters beyond ASCII whatever their case"),
        (r"(?:[a-z]{900}){900}", "too large a size"),
    ],
)
def test_what_the_linear_engine_lacks_is_said_in_words(pattern: str, reason: str) -> None:
    assert linear(re.compile(pattern)) == reason


@pytest.mark.parametrize("pattern", [r"(\w)\1", r"(?<=a)b", r"a*", r"a(?!b)", r"(?i)é"])
@settings(max_examples=30, deadline=None)
@given(texts=st.lists(odd_texts, min_size=1, max_size=4))
def test_what_the_linear_engine_lacks_is_searched_by_re(pattern: str, texts: list[str]) -> None:
    compiled = re.compile(pattern)
    assert count_matches(TextColumn.of(texts), compiled).tolist() == [
        sum(1 for _ in compiled.finditer(text)) for text in texts
    ]


@pytest.mark.parametrize("text", ["café au lait", "naïve — “yes”", "Это дом", "straße"])
def test_texts_with_other_letters_stay_with_the_linear_engine(text: str) -> None:
    form = linear(re.compile(r"\bau\b"))
    assert isinstance(form, Linear)
    assert form.foreign == "veiled"


def test_a_pattern_is_remembered_by_a_text_and_read_from_its_column() -> None:
    marks = Pattern("[?!]")
    column = TextColumn(TextColumn.of(["What?!", "No."]).arrow)
    assert [marks.count(text) for text in column.texts] == [2, 0]
    assert (marks.count("a?"), marks.count(Text("!!"))) == (1, 2)
