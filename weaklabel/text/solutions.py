"""Worked solutions to mathematical questions: their calculations, worked out again, and the answer they end in.

Calculations are read as people and models write them: calculator marks `<<3*4=12>>`, and sums in the text, `3 * 4 = 12`.
Answers are read where they are marked (`#### 72`, `\\boxed{72}`, `A: 72`, `The answer is 72`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from typing import Final

from weaklabel.text.expressions import MAX_CHARS, NUMBER, number_of, value_of

_LONGEST: Final = 24  # characters of a number that is read; longer ones are not amounts
_MOST: Final = 1000  # calculations, and marks of an answer, that are read of one text
_SIGNED: Final = rf"(?P<minus>[-−]\s?)?\\?[$€£]?\s?(?P<minus_after>[-−])?(?P<number>{NUMBER})"
_MARK: Final = re.compile(
    rf"<<(?P<expression>[^<>=]{{1,{MAX_CHARS}}})=(?P<result>[^<>]{{1,60}})>>(?P<written>\s?\\?[$€£]?{_SIGNED})?",
    re.ASCII,
)
_MARKS: Final = re.compile(r"<<[^<>]{0,300}>>")
_NUMBERS: Final = re.compile(rf"(?<![\w.,])(?:{NUMBER})(?![0-9])", re.ASCII)
_OPERANDS: Final = re.compile(rf"(?:{NUMBER})(?:\s?\\?%)?", re.ASCII)
_EQUALS: Final = re.compile("[=≈]")
_RESULT: Final = re.compile(rf"\s?{_SIGNED}(?![0-9]|\s?[-+*/×÷^(]\s?[0-9$(])", re.ASCII)
_OF_SUMS: Final = "0123456789 .,()+-*/^%×÷·−$€£xX\\"
_SENTENCE: Final = re.compile(r"[.,]\s")
_IS_SUM: Final = re.compile(r"[0-9)%]\s?[-+*/×÷·^xX−]\s?[-$€£(.0-9]")
_BEGINS: Final = re.compile(r"-?\(*-?\\?[$€£]?\s?[.0-9]")
_MARKED: Final = re.compile(
    r"####|\\boxed\s?\{|^\s{0,9}A:(?=\s{0,9}[-−$€£\\.0-9])|\banswer(?:\s+is\b|\s?[:=])|^\s{0,9}answer\s",
    re.IGNORECASE | re.MULTILINE | re.ASCII,
)
_FRACTION: Final = re.compile(
    rf"(?P<minus>[-−]\s?)?(?:(?P<whole>[0-9]{{1,{_LONGEST}}})\s+)?"
    rf"(?:\\[dt]?frac\s?\{{(?P<above>[0-9]{{1,{_LONGEST}}})\}}\s?\{{(?P<below>[0-9]{{1,{_LONGEST}}})\}}"
    rf"|(?P<over>[0-9]{{1,{_LONGEST}}})\s?/\s?(?P<under>[0-9]{{1,{_LONGEST}}})(?![0-9/]|\.[0-9]))",
    re.ASCII,
)
_ONE: Final = re.compile(_SIGNED, re.ASCII)


@dataclass(frozen=True, slots=True)
class Calculation:
    """A calculation that a solution states.

    Attributes:
        expression: as written, "20/100*20".
        operands: the numbers in it, in order; of "20%" 20.
        result: what the solution says it makes.
        value: what it makes; None where that cannot be worked out, as with a letter in it.
        written: the number that follows a calculator mark in the text; None without.
    """

    expression: str
    operands: tuple[Fraction, ...]
    result: Fraction
    value: Fraction | None
    written: Fraction | None = None

    @property
    def is_wrong(self) -> bool:
        """Whether it was worked out and makes something else, rounding apart, or another number follows its mark."""
        differs = self.value is not None and not is_rounded(self.value, self.result)
        return differs or (self.written is not None and not is_rounded(self.result, self.written))


@dataclass(frozen=True, slots=True)
class Solution:
    """What is read of a solution.

    Attributes:
        marked: calculations of calculator marks, in order.
        sums: calculations of the text without its marks, in order.
        answer: the number after the last mark of an answer; None without.
        last: the last number of the text; None without.
        text: without calculator marks.
    """

    marked: tuple[Calculation, ...]
    sums: tuple[Calculation, ...]
    answer: Fraction | None
    last: Fraction | None
    text: str

    @property
    def calculations(self) -> tuple[Calculation, ...]:
        """Those of the marks, which the text repeats; where there are none, those of the text."""
        return self.marked or self.sums

    @property
    def wrong(self) -> int:
        """How many are wrong: of the marks, and of sums in the text that no wrong mark stands for."""
        return max(sum(c.is_wrong for c in self.marked), sum(c.is_wrong for c in self.sums))


def read_solution(text: str) -> Solution:
    """The calculations and the answer of a solution; of each the first thousand are read.

    >>> found = read_solution("He buys 3 * 4 = <<3*4=12>>12 eggs and eats 2, so 12 - 2 = 11 are left.\\n#### 11")
    >>> [c.expression for c in found.marked], [c.is_wrong for c in found.sums], found.answer
    (['3*4'], [False, True], Fraction(11, 1))
    """
    plain = _MARKS.sub("", text)
    answer = marked_answer(plain)
    last = _last_number(plain) if answer is None else answer
    return Solution(tuple(_of_marks(text)), tuple(_of_text(plain)), answer, last, plain)


def marked_answer(text: str) -> Fraction | None:
    """The number that a solution gives as its answer, where it marks one; the last mark counts.

    Marks are `####`, `\\boxed{`, a line that begins with `A:` and a number, "answer is" and "answer:". What stands behind the
    last equals sign of the line is read: a number (currency, commas and units are passed over; 25% is 25), a fraction
    (`3/4`, `1 1/2`, `\\frac{3}{4}`). None without a mark, and where no number follows one.

    >>> marked_answer("So she pays\\n#### $1,250.50"), marked_answer("The answer is x = 3/4."), marked_answer("It is 7.")
    (Fraction(2501, 2), Fraction(3, 4), None)
    """
    for mark in reversed([*islice(_MARKED.finditer(text), _MOST)]):
        line = text[mark.end() : mark.end() + MAX_CHARS].partition("\n")[0]
        found = _first_number(line.rpartition("=")[2])
        if found is not None:
            return found
    return None


def final_number(text: str) -> Fraction | None:
    """The answer of a solution: the marked one, else the last number of its text; None where there is no number.

    >>> final_number("3 boxes of 4 make 12 pens."), final_number("A: 12.0 (of 20)"), final_number("None.")
    (Fraction(12, 1), Fraction(12, 1), None)
    """
    return read_solution(text).last


def numbers_in(text: str) -> list[Fraction]:
    """The numbers of a text without their signs, in order: "1,200" is one, "3.5" is one, "2nd" and "20%" count.

    >>> [str(n) for n in numbers_in("2 of 1,200 pens cost $3.50, a 1/2 of 15%.")]
    ['2', '1200', '7/2', '1', '2', '15']
    """
    return [number_of(number) for number in _NUMBERS.findall(text) if len(number) <= _LONGEST]


def is_rounded(value: Fraction, shown: Fraction) -> bool:
    """Whether `shown` is `value`, perhaps rounded or cut to the hundredth, or by a thousandth of itself.

    >>> is_rounded(Fraction(10, 3), Fraction("3.33")), is_rounded(Fraction(10, 3), Fraction(3))
    (True, False)
    """
    gap = abs(value - shown)
    return not gap or (shown.denominator != 1 and (gap < Fraction(1, 100) or gap <= abs(value) / 1000))


def _last_number(text: str) -> Fraction | None:
    found = [number for number in _NUMBERS.findall(text) if len(number) <= _LONGEST]
    return number_of(found[-1]) if found else None


def _of_marks(text: str) -> Iterator[Calculation]:
    for mark in islice(_MARK.finditer(text), _MOST):
        result = value_of(mark["result"])
        if result is None:
            continue
        written = _signed(mark) if mark["written"] else None
        expression = mark["expression"].strip()
        yield Calculation(expression, _operands(expression), result, value_of(expression), written)


def _of_text(plain: str) -> Iterator[Calculation]:
    for equals in islice(_EQUALS.finditer(plain), _MOST):
        result = _RESULT.match(plain, equals.end())
        if result is None or len(result["number"]) > _LONGEST:
            continue
        before = plain[max(0, equals.start() - MAX_CHARS) : equals.start()]
        run = before[len(before.rstrip(_OF_SUMS)) :]
        expression = _SENTENCE.split(run)[-1].strip()
        # What begins with a sign goes on from words, "4 boxes * 3 = 12": only a part of the sum is at hand.
        value = value_of(expression) if _IS_SUM.search(expression) and _BEGINS.match(expression) else None
        if value is None:
            continue
        stated = _signed(result)
        if "%" in expression and not is_rounded(
            value, stated
        ):  # 100% - 40% = 60%, and 8 * 5% = 40 in percent
            value *= 100
        yield Calculation(expression, _operands(expression), stated, value)


def _operands(expression: str) -> tuple[Fraction, ...]:
    found = (operand.rstrip("% \\") for operand in _OPERANDS.findall(expression))
    return tuple(number_of(number) for number in found if len(number) <= _LONGEST)


def _signed(match: re.Match[str]) -> Fraction:
    number = number_of(match["number"])
    return -number if match["minus"] or match["minus_after"] else number


def _first_number(line: str) -> Fraction | None:
    """The first number or fraction of a line."""
    number, fraction = _ONE.search(line), _FRACTION.search(line)
    if fraction and (number is None or fraction.start() <= number.start("number")):
        above, below = fraction["above"] or fraction["over"], fraction["below"] or fraction["under"]
        if int(below):
            value = Fraction(int(above), int(below)) + int(fraction["whole"] or 0)
            return -value if fraction["minus"] else value
    return None if number is None or len(number["number"]) > _LONGEST else _signed(number)
