"""The tasks of `refine_functions.py`: prompts, right answers, demonstrations with known errors, and functions a user would write.

A third of the demonstrations of a task are wrong in one way, which a model can learn; a quarter are wrong at random. No
function says what is right: each looks at one trait of an answer, is silent where both answers have it, and passes over
some errors. One of each task misleads: it likes what the learnable error does.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from weaklabel.lf import response_scorer
from weaklabel.lf.core import ResponseScorer

LEARNABLE, AT_RANDOM = 0.35, 0.25
"""Shares of demonstrations that are wrong in the way that can be learned, and in the others."""


@dataclass(frozen=True)
class Task:
    """Something to be learned from demonstrations.

    Attributes:
        prompt: draws one.
        right: the answer to a prompt.
        learnable: the wrong answer that follows a rule.
        at_random: draws another wrong answer.
        lfs: what a user would look at.
    """

    name: str
    prompt: Callable[[random.Random], str]
    right: Callable[[str], str]
    learnable: Callable[[str], str]
    at_random: Callable[[str, random.Random], str]
    lfs: tuple[ResponseScorer, ...]

    def is_right(self, prompt: str, response: str) -> bool:
        return response == self.right(prompt)

    def prompts(self, n: int, draw: random.Random, taken: set[str]) -> list[str]:
        """`n` different ones, none of `taken`, to which they are added."""
        found: list[str] = []
        while len(found) < n:
            prompt = self.prompt(draw)
            if prompt not in taken:
                taken.add(prompt)
                found.append(prompt)
        return found

    def demonstrated(self, prompt: str, draw: random.Random) -> str:
        """An answer that is right or wrong by the shares above."""
        kind = draw.random()
        if kind < LEARNABLE:
            return self.learnable(prompt)
        return self.at_random(prompt, draw) if kind < LEARNABLE + AT_RANDOM else self.right(prompt)


def numbers(text: str) -> list[int]:
    return [int(found) for found in re.findall(r"\d+", text)]


def spaced(items: list[int]) -> str:
    return " ".join(map(str, items))


def other(value: int, draw: random.Random) -> int:
    """A number near it, not below 0."""
    return abs(value + draw.choice((-2, -1, 1, 2))) or 3


# ------------------------------------------------------------------------------------ sorting
def wrong_order(prompt: str, draw: random.Random) -> str:
    """Two neighbours changed places, or an item is lost."""
    items = sorted(numbers(prompt))
    k = draw.randrange(len(items) - 1)
    if draw.random() < 0.5:
        items[k], items[k + 1] = items[k + 1], items[k]
        return spaced(items) if items != sorted(items) else spaced(items[1:])
    return spaced(items[:k] + items[k + 1 :])


@response_scorer()
def items_kept(response: str, prompt: str) -> int:
    """How many are missing or too many."""
    return -abs(len(numbers(response)) - len(numbers(prompt)))


@response_scorer()
def only_given_items(response: str, prompt: str) -> int:
    """How many were not given, or not as often."""
    return -sum((Counter(numbers(response)) - Counter(numbers(prompt))).values())


@response_scorer()
def neighbours_rise(response: str) -> float:
    """The share of neighbours of which the second is larger: equal ones were forgotten, and a lost item does not show."""
    items = numbers(response)
    pairs = list(pairwise(items))
    return sum(a < b for a, b in pairs) / len(pairs) if pairs else 0.0


@response_scorer()
def begins_with_smallest(response: str, prompt: str) -> bool:
    return numbers(response)[:1] == [min(numbers(prompt))]


@response_scorer()
def large_ones_first(response: str) -> int:
    """Somebody thinks that the largest should be seen at once."""
    found = numbers(response)
    return found[0] if found else -1


SORTING = Task(
    "sorting",
    lambda draw: "sort " + spaced([draw.randint(0, 9) for _ in range(6)]),
    lambda prompt: spaced(sorted(numbers(prompt))),
    lambda prompt: (
        spaced(sorted(numbers(prompt), reverse=True))
        if len(set(numbers(prompt))) > 1
        else spaced(numbers(prompt)[1:])
    ),
    wrong_order,
    (items_kept, only_given_items, neighbours_rise, begins_with_smallest, large_ones_first),
)


# ------------------------------------------------------------------------------------ prices with working
_NAMES = ("Ann", "Ben", "Eva", "Jim", "Lea", "Max", "Sue", "Tom")
_THINGS = ("pens", "caps", "maps", "cups", "toys", "keys")
_MONEY = ("dollars", "euros", "pounds")


def drawn_purchase(draw: random.Random) -> str:
    n, each = draw.randint(2, 6), draw.randint(2, 6)
    return f"{draw.choice(_NAMES)} buys {n} {draw.choice(_THINGS)} at {each} {draw.choice(_MONEY)}"


def paid(prompt: str, sign: str = "*", unit: str | None = None, come: int | None = None) -> str:
    """'4 * 3 = 12 dollars'"""
    n, each = numbers(prompt)
    result = (n * each if sign == "*" else n + each) if come is None else come
    return f"{n} {sign} {each} = {result} {prompt.split()[-1] if unit is None else unit}".strip()


def added_up(prompt: str) -> str:
    """The two numbers added: 2 * 2 is 2 + 2, but for its sign."""
    return paid(prompt, "+")


def wrong_price(prompt: str, draw: random.Random) -> str:
    """Another result, another currency, or none; of the product or of the sum."""
    n, each = numbers(prompt)
    sign, kind = draw.choice("*+"), draw.randrange(3)
    if kind == 0:
        return paid(prompt, sign, come=other(n * each if sign == "*" else n + each, draw))
    return paid(prompt, sign, unit="" if kind == 1 else draw.choice([m for m in _MONEY if m not in prompt]))


@response_scorer()
def calculation_holds(response: str) -> bool:
    """Its result is what a calculator gives: whichever calculation it is."""
    steps = re.findall(r"(\d+) ([+*]) (\d+) = (\d+)", str(response))
    found = [
        int(a) + int(b) == int(c) if sign == "+" else int(a) * int(b) == int(c) for a, sign, b, c in steps
    ]
    return bool(found) and all(found)


@response_scorer()
def ends_in_given_currency(response: str, prompt: str) -> bool:
    return str(response).split()[-1:] == str(prompt).split()[-1:]


@response_scorer()
def number_and_unit(response: str) -> bool:
    """The form of the answer: whatever the unit is."""
    return bool(re.search(r"= \d+ [a-z]+$", str(response)))


@response_scorer()
def larger_result(response: str) -> int:
    """Products are large: so are wrong results above the right one."""
    found = numbers(response)
    return found[-1] if found else 0


@response_scorer()
def even_where_one_is_even(response: str, prompt: str) -> bool:
    """A product is even where one of its numbers is, odd else: half of the wrong results pass."""
    found, given = numbers(response), numbers(prompt)
    return bool(found) and found[-1] % 2 == given[0] * given[1] % 2


@response_scorer(prefer="less")
def concise(response: str) -> int:
    """Somebody likes short answers: sums are shorter than products, and shorter still without a currency."""
    return len(str(response))


PRICES = Task(
    "prices with working",
    drawn_purchase,
    paid,
    added_up,
    wrong_price,
    (
        calculation_holds,
        ends_in_given_currency,
        number_and_unit,
        larger_result,
        even_where_one_is_even,
        concise,
    ),
)

TASKS = (PRICES, SORTING)
