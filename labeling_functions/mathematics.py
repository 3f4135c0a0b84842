"""Worked solutions to mathematical questions: calculations worked out again, numbers used and invented, the answer.

About one subject, so `shipped` leaves this family out; it comes by name, `shipped:mathematics`. A function scores a response
that shows a calculation or gives an answer to a question with numbers, and says nothing of other texts.
"""

import math
import re
from collections import Counter
from fractions import Fraction

from weaklabel.lf import Text, response_scorer
from weaklabel.text.solutions import Solution, numbers_in, read_solution

_SMALL = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_WORDS = {word: (n,) for n, word in enumerate(_SMALL.split(), 1)}
_WORDS |= {word: (n,) for n, word in zip(range(20, 100, 10), _TENS.split(), strict=True)}
# fmt: off
_WORDS |= {
    "hundred": (100,), "thousand": (1000,), "million": (1000000,), "dozen": (12,), "dozens": (12,), "couple": (2,), "pair": (2,),
    "twice": (2,), "double": (2,), "doubled": (2,), "doubles": (2,), "triple": (3,), "tripled": (3,), "triples": (3,), "thrice": (3,),
    "half": (2, Fraction(1, 2)), "halves": (2, Fraction(1, 2)), "third": (3, Fraction(1, 3)), "thirds": (3,),
    "quarter": (4, Fraction(1, 4)), "quarters": (4,), "fourth": (4, Fraction(1, 4)), "fifth": (5, Fraction(1, 5)),
}
# What a question may leave unsaid, by a word of it or of the solution.
_UNSAID = {
    "second": (60,), "minute": (60,), "hour": (60, 24), "day": (24, 7, 365, 30), "week": (7, 52, 4), "month": (12, 30, 4),
    "year": (12, 52, 365, 10), "decade": (10,), "century": (100,), "cent": (100,), "dollar": (100,), "dime": (10,), "nickel": (5,),
    "quarter": (25, 4), "inch": (12,), "foot": (12, 3), "feet": (12, 3), "yard": (3,), "pound": (16,), "gallon": (4,),
    "meter": (100, 1000), "kilometer": (1000,), "gram": (1000,), "kilogram": (1000,), "liter": (1000,),
}
# fmt: on
_ALWAYS = frozenset(map(Fraction, (1, 2, 100)))  # one's own, an average of two, percent

_ASKED_NOUN = re.compile(
    r"\bhow (?:many|much)(?: more| fewer| less| total| of)?(?: the| his| her| their)? ([a-z]{3,20})"
)
_NO_NOUNS = frozenset(
    {"money", "does", "did", "will", "would", "more", "can", "are", "was", "has", "had", "per"}
)
_MONEY = re.compile(
    r"\$|\b(?:dollars?|cents?|cost|costs|money|price|pay|paid|profit|spend|spent|earn|earns|charge|salary)\b"
)
_PERCENT = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,3})?) ?(?:%|percent\b)")


def _read(response: Text) -> Solution:
    return response.remember("solution", read_solution)


def _shown(response: Text) -> Solution | None:
    """The solution, where it shows a calculation."""
    found = _read(response)
    return found if found.calculations else None


def _words_of(text: str) -> list[str]:
    return re.findall(r"[a-z]+", text.lower())


def _given(prompt: Text) -> set[Fraction]:
    """The numbers that the question gives, in digits or words."""
    return prompt.remember("given numbers", _read_given)


def _read_given(prompt: Text) -> set[Fraction]:
    found = set(numbers_in(prompt))
    for word in _words_of(prompt):
        found.update(map(Fraction, _WORDS.get(word, ())))
    return found


def _unsaid(prompt: Text, response: Text) -> set[Fraction]:
    """Numbers that nobody has to give: the rest of a percentage, how many days are in a week."""
    found = set(_ALWAYS)
    for word in [*_words_of(prompt), *_words_of(response)]:
        found.update(map(Fraction, _UNSAID.get(word.removesuffix("s"), ())))
    for share in map(Fraction, _PERCENT.findall(prompt)):
        found |= {share / 100, 1 - share / 100, 1 + share / 100, 100 - share, 100 + share}
    return found


def _last_question(prompt: str) -> str:
    """The sentence that asks, lower-cased; the last one where none has a question mark."""
    sentences = Text(prompt.lower()).sentences
    asked = [sentence for sentence in sentences if "?" in sentence]
    return asked[-1] if asked else sentences[-1] if sentences else ""


@response_scorer(prefer="less")
def wrong_calculations(response: Text) -> float:
    """Calculations that make something else than stated, worked out again, in marks `<<3*4=12>>` and in the text."""
    found = _shown(response)
    return math.nan if found is None else found.wrong


@response_scorer(prefer="less")
def open_calculations(response: Text) -> float:
    """Calculator marks that cannot be worked out: letters in them, or a division by zero."""
    found = _shown(response)
    return math.nan if found is None else sum(c.value is None for c in found.marked)


@response_scorer
def given_numbers_used(response: Text, prompt: Text) -> float:
    """The share of the question's numbers that the calculations use: a number is seldom given in vain."""
    found, given = _shown(response), set(numbers_in(prompt))
    if found is None or not given:
        return math.nan
    used = _with_percentages({n for c in found.calculations for n in c.operands})
    return len(given & used) / len(given)


def _with_percentages(used: set[Fraction]) -> set[Fraction]:
    """Numbers, and the percentages behind those that are shares: behind .2, .8 and 1.2 it is 20."""
    return used | {100 * n for n in used} | {abs(100 - 100 * n) for n in used if 0 < n < 2}


@response_scorer
def given_behind_answer(response: Text, prompt: Text) -> float:
    """The share of the question's numbers, in digits or words, from which the answer follows, step by step back from it."""
    found = _shown(response)
    if found is None or found.last is None:
        return math.nan
    wanted, behind = {found.last}, set[Fraction]()
    for calculation in reversed(found.calculations):
        if calculation.result in wanted:
            wanted.update(calculation.operands)
            behind.update(calculation.operands)
    behind = _with_percentages(behind)
    digits = set(numbers_in(prompt))
    words = [set(map(Fraction, _WORDS[w])) for w in _words_of(prompt) if w in _WORDS and w != "one"]
    n_given = len(digits) + len(words)
    return (len(digits & behind) + sum(bool(w & behind) for w in words)) / n_given if n_given else math.nan


@response_scorer(prefer="less")
def given_used_again(response: Text, prompt: Text) -> float:
    """How much oftener calculations use numbers of the question than it gives them; 1, 2 and 100 may come from anywhere."""
    found, given = _shown(response), Counter(numbers_in(prompt))
    if found is None or not given:
        return math.nan
    used = Counter(n for c in found.calculations for n in c.operands)
    return sum(max(0, used[n] - given[n]) for n in given.keys() - _ALWAYS)


@response_scorer(prefer="less")
def invented_numbers(response: Text, prompt: Text) -> float:
    """Numbers in calculations that are neither given, nor made by an earlier calculation, nor known from units."""
    found = _shown(response)
    if found is None or not _given(prompt):
        return math.nan
    known = _given(prompt) | _unsaid(prompt, response)
    invented = 0
    for calculation in found.calculations:
        invented += sum(n not in known and n * 100 not in known for n in calculation.operands)
        known |= {calculation.result, abs(calculation.result), *calculation.operands}
    return invented


@response_scorer(prefer="less")
def stray_numbers(response: Text, prompt: Text) -> float:
    """Numbers of the text that are neither given, nor part of a calculation, nor known from units."""
    found = _shown(response)
    if found is None or not _given(prompt):
        return math.nan
    known = _given(prompt) | _unsaid(prompt, response)
    known |= {n for c in found.calculations for n in (c.result, *c.operands)}
    return sum(n not in known for n in numbers_in(found.text))


@response_scorer(prefer="less")
def unused_results(response: Text) -> float:
    """Results, but the last, that no later calculation uses: steps that lead nowhere."""
    found = _shown(response)
    if found is None:
        return math.nan
    unused, needed = 0, set[Fraction]()
    for place, calculation in enumerate(reversed(found.calculations)):
        unused += place > 0 and calculation.result not in needed
        needed.update(calculation.operands)
    return unused


@response_scorer
def answer_from_last_result(response: Text) -> float:
    """The answer is the result of the last calculation (1), or of an earlier one (one half), or of none."""
    found = _shown(response)
    if found is None or found.last is None:
        return math.nan
    results = [c.result for c in found.calculations]
    return 1.0 if found.last == results[-1] else 0.5 if found.last in results else 0.0


@response_scorer(prefer="less")
def answer_was_given(response: Text, prompt: Text) -> float:
    """The answer is a number of the question: nothing was worked out."""
    found = _read(response)
    if found.last is None or not _given(prompt):
        return math.nan
    return float(found.last in numbers_in(prompt))


@response_scorer
def marks_its_answer(response: Text) -> float:
    """The solution comes to an end and marks its answer: `#### 72`, `A: 72`, `The answer is 72`."""
    found = _shown(response)
    return math.nan if found is None else float(found.answer is not None)


@response_scorer(prefer="less")
def negative_results(response: Text) -> float:
    """Results below zero: something was taken from too little."""
    found = _shown(response)
    return math.nan if found is None else sum(c.result < 0 for c in found.calculations)


@response_scorer(prefer="less")
def broken_answer(response: Text, prompt: Text) -> float:
    """An answer that is not whole (1), or has cents where money is asked for (one half): most answers are whole."""
    found = _read(response)
    if found.last is None or not _given(prompt):
        return math.nan
    cents = (found.last * 100).denominator == 1 and _MONEY.search(_last_question(prompt))
    return 0.0 if found.last.denominator == 1 else 0.5 if cents else 1.0


@response_scorer(prefer="less")
def broken_results(response: Text) -> float:
    """Results with parts of a hundredth: a division that was hardly meant."""
    found = _shown(response)
    return math.nan if found is None else sum((c.result * 100).denominator != 1 for c in found.calculations)


@response_scorer
def asked_unit(response: Text, prompt: Text) -> float:
    """The last step names what is asked for: "how many bolts" ends in bolts, money in dollars."""
    found, asked = _shown(response), _last_question(prompt)
    if found is None:
        return math.nan
    last = _last_step(found)
    noun = _ASKED_NOUN.search(asked)
    if noun and noun[1] not in _NO_NOUNS:
        return float(noun[1].removesuffix("s") in last)
    return float("$" in last or "dollar" in last or "cent" in last) if _MONEY.search(asked) else math.nan


def _last_step(found: Solution) -> str:
    """The last line with a calculation or words, lower-cased: not the bare answer."""
    lines = [line.lower() for line in found.text.splitlines() if len(re.findall(r"[A-Za-z]{2,}", line)) > 1]
    return lines[-1] if lines else ""


@response_scorer(prefer="less")
def idle_calculations(response: Text) -> float:
    """Calculations that change nothing, `5*1` and `5+0`, or that were made before."""
    found = _shown(response)
    if found is None:
        return math.nan
    before = [c.expression.replace(" ", "") for c in found.calculations]
    idle = sum(
        c.result in c.operands and (0 in c.operands or (1 in c.operands and "-" not in c.expression))
        for c in found.calculations
    )
    return idle + len(before) - len(set(before))


@response_scorer
def calculations(response: Text) -> float:
    """More calculations: more of the question was worked on."""
    found = _shown(response)
    return math.nan if found is None else len(found.calculations)
