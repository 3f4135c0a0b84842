"""Arithmetic expressions: values against `Fraction`, and what has no value."""

from __future__ import annotations

import re
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weaklabel.text.expressions import value_of


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("3*4", 12),
        ("2 + 3 * 4", 14),
        ("(2 + 3) * 4", 20),
        ("10 - 4 - 3", 3),
        ("100 / 5 / 2", 10),
        ("2^3^2", 512),
        ("-2^2", -4),
        ("2**-1", Fraction(1, 2)),
        ("2 * -3", -6),
        ("1,200 + $300.50", Fraction(3001, 2)),
        ("20% x 50", 10),
        ("19.50*25*.01", Fraction(39, 8)),
        (r"3 \times 4 \div 6", 2),
        ("3x4", 12),
        ("6 ÷ 2 − 1", 2),
        ("  7  ", 7),
    ],
)
def test_an_expression_has_its_value(expression: str, value: Fraction | int) -> None:
    assert value_of(expression) == value


@pytest.mark.parametrize(
    "expression",
    ["", " ", "X*.25", "3 4", "3(4)", "(3", "3)", "1/0", "0^-1", "2^.5", "3 +", "* 3", "1,20", "1..2", "__import__('os')", "x", "3 x", "3x - 5"],
)  # fmt: skip
def test_what_is_not_arithmetic_has_no_value(expression: str) -> None:
    assert value_of(expression) is None


@pytest.mark.parametrize(
    "expression",
    ["9^9^9", "9^65", "(9^64)^64", "(" * 90 + "1" + ")" * 90, "-" * 150 + "1", "1+" * 150 + "1", "2^" * 90 + "1"],
)  # fmt: skip
def test_what_would_take_long_has_no_value(expression: str) -> None:
    assert value_of(expression) is None


_numbers = st.one_of(
    st.integers(0, 10**6).map(str),
    st.integers(0, 10**6).map(lambda n: f"{n:,}"),
    st.decimals(0, 1000, places=2, allow_nan=False).map(lambda d: f"{d:f}"),
)
_expressions = st.recursive(
    _numbers,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("+-*/"), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        st.tuples(inner, st.sampled_from("+-*/"), inner).map(lambda t: f"{t[0]}{t[1]}{t[2]}"),
        st.tuples(st.sampled_from("+-"), inner).map(lambda t: f"{t[0]}({t[1]})"),
        st.tuples(inner, st.integers(0, 3)).map(lambda t: f"({t[0]})^{t[1]}"),
    ),
    max_leaves=6,
)


@given(_expressions.filter(lambda text: len(text) <= 200))
def test_values_are_those_of_fractions(expression: str) -> None:
    # Python reads the same grammar: with `**` for `^`, and each number a Fraction.
    in_python = re.sub(r"[0-9][0-9,]*(?:\.[0-9]+)?", lambda m: f"F('{m[0].replace(',', '')}')", expression)
    in_python = re.sub(r"\^F\('(\d+)'\)", r"**\1", in_python)
    try:
        expected = eval(in_python, {"F": Fraction})
    except ZeroDivisionError:
        expected = None
    assert value_of(expression) == expected


@given(st.text(alphabet="0123456789.,+-*/^()%$x× \\tise", max_size=220))
def test_any_text_has_a_value_or_none(text: str) -> None:
    value = value_of(text)
    assert value is None or isinstance(value, Fraction)
