"""The value of an arithmetic expression, exact: numbers, `+ - * / ^`, parentheses and percent, and nothing else.

A parser of its own in place of Python's, because texts come from elsewhere: nothing is run, no name means anything, and
an expression that would take long, such as `9^9^9`, has no value.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Final

MAX_CHARS: Final = 200
"""Longer texts are not expressions."""
_MAX_DEPTH: Final = 32  # of parentheses, signs and powers inside one another
_MAX_POWER: Final = 64
_MAX_BITS: Final = 4096  # of a numerator or a denominator

NUMBER: Final = r"(?:[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])|[0-9]+)(?:\.[0-9]+)?|\.[0-9]+"
"""A number as people write it, without a sign: `1,200.50`, `7`, `.5`. `1,20` is two numbers."""

_TOKEN: Final = re.compile(rf"\s*(?:(?P<number>{NUMBER})|(?P<sign>\*\*|[-+*/^()%]))", re.ASCII)
_CURRENCY: Final = re.compile(r"\\?[$€£](?=\s*[-+0-9.(])")
_SIGNS: Final = (
    (re.compile(r"\\(?:times|cdot)(?![a-zA-Z])|[×·⋅]|(?<=[0-9)%\s])[xX](?=\s*[0-9.($€£])"), "*"),
    (re.compile(r"\\div(?![a-zA-Z])|[÷∕]"), "/"),
    (re.compile(r"\\%"), "%"),
    (re.compile("[−–]"), "-"),
)


class _NoValue(Exception):
    """What was read is not an expression, has no value, or is too large."""


def value_of(expression: str) -> Fraction | None:
    """The exact value of an arithmetic expression; None where it is not one, or has no value.

    Numbers may have commas between thousands, a decimal part, and a currency sign before them, which is passed over.
    `×`, `x` between numbers, `·`, `\\times` multiply; `÷`, `\\div` divide; `^` and `**` raise to whole powers, bind
    tighter than a sign before them and from right to left; `20%` is 1/5. Two numbers side by side multiply nothing.
    None too for more than 200 characters, 32 levels of nesting, powers beyond 64 and numbers of more than 4096 bits.

    >>> value_of("2 + 3 * 4"), value_of("$1,200 / (5 - 2)"), value_of("20% x 50")
    (Fraction(14, 1), Fraction(400, 1), Fraction(10, 1))
    >>> value_of("-2^2"), value_of("1/0"), value_of("X * 2"), value_of("3 4")
    (Fraction(-4, 1), None, None, None)
    """
    if len(expression) > MAX_CHARS:
        return None
    text = _CURRENCY.sub("", expression)
    for pattern, sign in _SIGNS:
        text = pattern.sub(sign, text)
    try:
        return _Reader(_tokens(text.strip())).whole()
    except _NoValue:
        return None


def number_of(text: str) -> Fraction:
    """The value of one `NUMBER`.

    >>> number_of("1,200.50")
    Fraction(2401, 2)
    """
    return Fraction(text.replace(",", ""))


def _tokens(text: str) -> list[str | Fraction]:
    found: list[str | Fraction] = []
    at = 0
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None:
            raise _NoValue
        number = token["number"]
        found.append(token["sign"] if number is None else number_of(number))
        at = token.end()
    return found


class _Reader:
    """Recursive descent: a sum of products of signed powers. `depth` counts what stands inside one another."""

    def __init__(self, tokens: list[str | Fraction]) -> None:
        self.tokens = tokens[::-1]  # the next one is last
        self.depth = 0

    def whole(self) -> Fraction:
        value = self.sum()
        if self.tokens:
            raise _NoValue
        return value

    def next_is(self, *signs: str) -> bool:
        return bool(self.tokens) and self.tokens[-1] in signs

    def sum(self) -> Fraction:
        value = self.product()
        while self.next_is("+", "-"):
            plus = self.tokens.pop() == "+"
            other = self.product()
            value = _checked(value + other if plus else value - other)
        return value

    def product(self) -> Fraction:
        value = self.signed()
        while self.next_is("*", "/"):
            times = self.tokens.pop() == "*"
            other = self.signed()
            if not times and not other:
                raise _NoValue
            value = _checked(value * other if times else value / other)
        return value

    def signed(self) -> Fraction:
        if not self.next_is("+", "-"):
            return self.power()
        minus = self.tokens.pop() == "-"
        self.enter()
        value = self.signed()
        self.depth -= 1
        return -value if minus else value

    def power(self) -> Fraction:
        base = self.atom()
        if not self.next_is("^", "**"):
            return base
        self.tokens.pop()
        self.enter()
        exponent = self.signed()
        self.depth -= 1
        if exponent.denominator != 1 or abs(exponent) > _MAX_POWER or (not base and exponent < 0):
            raise _NoValue
        return _checked(base ** int(exponent))

    def atom(self) -> Fraction:
        token = self.tokens.pop() if self.tokens else None
        if token == "(":
            self.enter()
            value = self.sum()
            self.depth -= 1
            if not self.next_is(")"):
                raise _NoValue
            self.tokens.pop()
        elif isinstance(token, Fraction):
            value = token
        else:
            raise _NoValue
        while self.next_is("%"):
            self.tokens.pop()
            value /= 100
        return value

    def enter(self) -> None:
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise _NoValue


def _checked(value: Fraction) -> Fraction:
    if max(value.numerator.bit_length(), value.denominator.bit_length()) > _MAX_BITS:
        raise _NoValue
    return value
