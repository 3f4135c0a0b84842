"""Sums that an answer states and that can be worked out again: `12 * 3 = 36`, `20% of 50 is 10`."""

import re
from fractions import Fraction

import numpy as np

from weaklabel.lf import FloatArray, Pattern, TextColumn, response_scorer

_NUM = r"-?[$€£]?[0-9]{1,12}(?:,[0-9]{3}){0,9}(?:\.[0-9]{1,6})?"
_OP = r"[-+*/×÷x−–]|\\times|\\div|plus|minus|times|multiplied by|divided by|over"
# An operator between two digits may stand without spaces, except signs that also join dates and ranges.
_JOIN = rf"(?: (?:{_OP}) | ?[+*×÷] ?)"
_EQUALS = r" ?(?:=|≈|is equal to|equals|is|makes|gives) ?"
_UNIT = r"(?: [a-z]{1,12}){0,2}?"
_SUM = re.compile(
    rf"(?<![0-9.,/*+x×=-])(?<![-+*/×÷x=] )({_NUM}{_UNIT}(?:{_JOIN}{_NUM}{_UNIT}){{1,10}}){_EQUALS}({_NUM})(?![0-9]| ?[-+*/×÷] ?[0-9])",
    re.ASCII | re.IGNORECASE,
)
_PERCENT = re.compile(rf"({_NUM}) ?(?:%|percent) of ({_NUM}){_EQUALS}({_NUM})", re.ASCII | re.IGNORECASE)
# What every such sum holds: a sign of equality before a number, and a sign before another.
_RESULT = Pattern(rf"{_EQUALS.strip(' ?')} ?-?[$€£]?[0-9]", re.ASCII | re.IGNORECASE)
_SIGN = Pattern(rf"(?:{_JOIN}|(?:%|percent) of )-?[$€£]?[0-9]", re.ASCII | re.IGNORECASE)
_TOKEN = re.compile(rf"({_NUM})|({_OP})", re.ASCII | re.IGNORECASE)
_SIGNS = {
    "×": "*",
    "x": "*",
    "times": "*",
    "\\times": "*",
    "multiplied by": "*",
    "÷": "/",
    "over": "/",
    "\\div": "/",
}
_SIGNS |= {"divided by": "/", "plus": "+", "minus": "-", "−": "-", "–": "-"}


def _number(text: str) -> Fraction:
    return Fraction(re.sub(r"[$€£,]", "", text))


def _is_right(value: Fraction, stated: str) -> bool:
    """Whether the stated number is the value, rounded or cut at the places that it shows."""
    places = len(stated.partition(".")[2])
    if not places:
        return value == _number(stated)
    unit, shown = Fraction(1, 10**places), _number(stated)
    return abs(value - shown) <= unit / 2 or 0 <= abs(value) - abs(shown) < unit


def _evaluate(sum_: str) -> Fraction | None:
    """The value of a chain of numbers and signs, products first; None where it cannot be had."""
    terms: list[Fraction] = []
    sign = "+"
    for number, operator in _TOKEN.findall(re.sub(r"(?<=[0-9])-(?=[0-9])", " - ", sum_)):
        if operator:
            sign = _SIGNS.get(operator.lower(), operator)
        elif sign in "*/" and terms:
            if sign == "/" and not _number(number):
                return None
            terms[-1] = terms[-1] * _number(number) if sign == "*" else terms[-1] / _number(number)
        else:
            terms.append(-_number(number) if sign == "-" else _number(number))
    return Fraction(sum(terms))


def checked_sums(response: TextColumn) -> FloatArray:
    """`(n, 2)`: how many stated sums are right, and how many wrong."""
    return response.numbers("checked sums", _checked)


def _checked(responses: TextColumn) -> FloatArray:
    """Few texts hold what could be a sum; those are read one by one."""
    found = np.zeros((len(responses), 2))
    rows = np.flatnonzero(_RESULT.found(responses) & _SIGN.found(responses))
    for row, text in zip(rows.tolist(), responses.series.gather(rows).to_list(), strict=True):
        found[row] = _right_and_wrong(text)
    return found


def _right_and_wrong(response: str) -> tuple[int, int]:
    right = wrong = 0
    for sum_, stated in _SUM.findall(response):
        value = _evaluate(sum_)
        if value is not None:
            right, wrong = (right + 1, wrong) if _is_right(value, stated) else (right, wrong + 1)
    for share, whole, stated in _PERCENT.findall(response):
        ok = _is_right(_number(share) * _number(whole) / 100, stated)
        right, wrong = right + ok, wrong + (not ok)
    return right, wrong


@response_scorer(batch=True)
def right_sums(response: TextColumn) -> FloatArray:
    """More right sums than wrong ones: the working can be trusted."""
    right, wrong = checked_sums(response).T
    return right - wrong


@response_scorer(prefer="less", batch=True)
def wrong_sums(response: TextColumn) -> FloatArray:
    """Any wrong sum spoils the result, however much else is right."""
    return checked_sums(response)[:, 1]
