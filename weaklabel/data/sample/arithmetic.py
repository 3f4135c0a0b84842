"""Arithmetic with steps: shopping, journeys, pages and sharing; wrong sums and left-out steps are the faults."""

from __future__ import annotations

from typing import Final, NamedTuple

from weaklabel.data.sample.surface import PEOPLE, SURFACE, Chosen, Dice, Task, dressed


class _Step(NamedTuple):
    """`left sign right`, where None stands for the result of the step before."""

    lead: str
    left: int | None
    sign: str
    right: int | None
    unit: str


_GOODS: Final = [
    "notebooks",
    "lamps",
    "mugs",
    "jars",
    "candles",
    "chairs",
    "tickets",
    "plants",
    "puzzles",
    "blankets",
    "bottles",
    "frames",
]
_PLACES: Final = [
    "market",
    "school",
    "library",
    "bakery",
    "workshop",
    "garden",
    "museum",
    "harbour",
    "station",
    "theatre",
]


def _shopping(dice: Dice) -> tuple[str, list[_Step]]:
    who, what, where = dice.pick(PEOPLE), dice.pick(_GOODS), dice.pick(_PLACES)
    boxes, each, price = dice.number(3, 12), dice.number(4, 15), dice.number(2, 9)
    note = dice.number(boxes * each * price + 10, boxes * each * price + 90)
    text = (
        f"{who} orders {boxes} boxes of {what} for the {where}. Every box holds {each} {what}, and each of them costs "
        f"{price} dollars. {who} has {note} dollars. How much money is left after paying?"
    )
    steps = [
        _Step("The number of items is", boxes, "*", each, what),
        _Step("Their price is", None, "*", price, "dollars"),
        _Step("What is left is", note, "-", None, "dollars"),
    ]
    return text, steps


def _journey(dice: Dice) -> tuple[str, list[_Step]]:
    who, first, second = dice.pick(PEOPLE), dice.number(2, 6), dice.number(2, 5)
    slow, fast = dice.number(30, 60), dice.number(61, 95)
    text = (
        f"{who} drives to the {dice.pick(_PLACES)}: {first} hours at {slow} miles per hour, then {second} hours at "
        f"{fast} miles per hour. How many miles is that in all?"
    )
    steps = [
        _Step("The first part is", first, "*", slow, "miles"),
        _Step("The second part adds", second, "*", fast, "miles"),
        _Step(f"Together with the first {first * slow} that makes", first * slow, "+", None, "miles"),
    ]
    return text, steps


def _pages(dice: Dice) -> tuple[str, list[_Step]]:
    who, daily, days, extra = dice.pick(PEOPLE), dice.number(12, 45), dice.number(4, 14), dice.number(15, 60)
    total = daily * days + extra + dice.number(20, 150)
    text = (
        f"A book has {total} pages. {who} reads {daily} pages on each of {days} days, and {extra} pages more at the "
        f"{dice.pick(_PLACES)}. How many pages remain?"
    )
    steps = [
        _Step("On the ordinary days it was", daily, "*", days, "pages"),
        _Step("With the others it was", None, "+", extra, "pages"),
        _Step("What remains is", total, "-", None, "pages"),
    ]
    return text, steps


def _sharing(dice: Dice) -> tuple[str, list[_Step]]:
    who, friends, each, kept = dice.pick(PEOPLE), dice.number(3, 9), dice.number(4, 16), dice.number(5, 25)
    what = dice.pick(_GOODS)
    text = (
        f"{who} finds {friends * each + kept} {what} in the {dice.pick(_PLACES)}, keeps {kept} of them, and shares the "
        f"rest evenly among {friends} friends. How many {what} does each friend get, and how many do two friends have?"
    )
    steps = [
        _Step("To be shared are", friends * each + kept, "-", kept, what),
        _Step("Each friend gets", None, "/", friends, what),
        _Step("Two friends have", None, "*", 2, what),
    ]
    return text, steps


_WORDS_FOR: Final = {"*": "times", "+": "plus", "-": "minus", "/": "divided by"}
_OTHER_SIGN: Final = {"*": "+", "+": "-", "-": "+", "/": "-"}
_ASIDES: Final = (
    "", "", "The units stay the same. ", "This needs one step. ", "Nothing else enters here. ", "So far so good. "
)  # fmt: skip


def arithmetic(dice: Dice) -> Task:
    """A word problem in three steps."""
    prompt, steps = dice.pick((_shopping, _journey, _pages, _sharing))(dice)
    bad_step, slip = dice.number(0, 2), dice.pick((-10, -2, -1, 1, 2, 10, 20))

    def write(dice: Dice, chosen: Chosen) -> str:
        wrong_plan = "wrong_result" in chosen and dice.chance(0.35)
        wrong_sum = "wrong_result" in chosen and not wrong_plan
        lines, result, form = [], 0, dice.pick(("signs", "signs", "words", "words", "none"))
        for k, step in enumerate(steps):
            left = result if step.left is None else step.left
            right = result if step.right is None else step.right
            sign = _OTHER_SIGN[step.sign] if wrong_plan and k == bad_step else step.sign
            result = _work_out(left, sign, right) + (slip if wrong_sum and k == bad_step else 0)
            lines.append(
                f"{dice.pick(_ASIDES)}{step.lead} {_stated(left, sign, right, result, form)} {step.unit}."
            )
        answer = f"The answer is {result} {steps[-1].unit}."
        if "no_working" in chosen:
            lines = [f"I worked it out for {dice.pick(('you', 'this case', 'these figures'))} with care."]
        return dressed(dice, chosen, dice.pick(("\n", " ")).join([*lines, answer]))

    return prompt, write, SURFACE | {"wrong_result": 4.0, "no_working": 2.0}


def _work_out(left: int, sign: str, right: int) -> int:
    return {"*": left * right, "+": left + right, "-": left - right, "/": left // max(1, right)}[sign]


def _stated(left: int, sign: str, right: int, result: int, form: str) -> str:
    if form == "none":
        return str(result)  # nothing that could be worked out again
    if form == "words":
        return f"{left} {_WORDS_FOR[sign]} {right} is {result}"
    return f"{left} {sign} {right} = {result}"
