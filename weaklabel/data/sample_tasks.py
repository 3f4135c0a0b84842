"""The four tasks of the generated sample: their prompts, and responses with chosen faults.

A task takes `Dice` and returns `(prompt, write, faults)`: `write(dice, chosen)` gives a response that has
the chosen faults and no others, `faults` maps every fault to its price.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple, TypeVar

T = TypeVar("T")
Chosen = frozenset[str]
Write = Callable[["Dice", Chosen], str]
Task = tuple[str, Write, dict[str, float]]


class Dice:
    """Draws that are the same on every version of Python: only `Random.random()` is promised to be."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed).random

    def pick(self, options: Sequence[T]) -> T:
        """One of the options."""
        return options[int(self.random() * len(options))]

    def number(self, low: int, high: int) -> int:
        """A whole number in [low, high]."""
        return low + int(self.random() * (high - low + 1))

    def chance(self, share: float) -> bool:
        """True with this probability."""
        return self.random() < share

    def some(self, options: Sequence[T], n: int) -> list[T]:
        """`n` different options in drawn order."""
        left = list(options)
        return [left.pop(int(self.random() * len(left))) for _ in range(n)]


# --- what any response may have ----------------------------------------------------------------------------

_SURFACE: Final = {"hedges": 1.0, "filler": 0.5, "rambles": 1.0, "stops": 1.5, "disclaims": 1.0}
"""Faults of every task, and their prices."""

_HEDGES: Final = (
    "I'm not entirely sure about this, but maybe it helps.",
    "I think this could be right, though I might be mistaken.",
    "Perhaps someone else should check this, since it is possibly wrong.",
    "It seems about right to me, but I guess it depends.",
)
_FILLERS: Final = (
    "Sure! That is a great question.",
    "Certainly! I would be happy to help you with that.",
    "Of course! Thank you for asking me.",
    "Okay, well, let me see what I can do here.",
)
_DISCLAIMERS: Final = (
    "As an AI language model, I do not have personal experience of such things.",
    "As an AI, I cannot verify anything outside of this conversation.",
    "I am just an AI, so please take this for what it is.",
)
# Drawn for good and bad responses alike, so that length does not tell them apart.
_OPENINGS: Final = (
    "Let us look at this in order.",
    "Here is how I read the request.",
    "The short version comes first, the details follow.",
    "Everything needed stands in the question.",
    "This can be settled from what you wrote.",
    "Happily, there is little to look up in this case.",
)
_CLOSINGS: Final = (
    "Tell me if you would like it in another form.",
    "That should cover what you asked for.",
    "If anything has changed since then, the same way of doing it still works.",
    "I kept it short on purpose, because the rest follows from it.",
    "Let me know whether a different order suits you better!",
    "Does that work for you?",
    "For example, you could keep it beside your notes until Friday.",
    "There are 2 or 3 other ways to put it, such as a table, however this one is common.",
)


def _dressed(dice: Dice, chosen: Chosen, body: str, bare: bool = False) -> str:
    """The body with the surface faults, and (unless `bare`) an opening and closings that mean nothing."""
    before = [dice.pick(_FILLERS)] if "filler" in chosen else []
    before += [dice.pick(_DISCLAIMERS)] if "disclaims" in chosen else []
    before += [dice.pick(_OPENINGS)] if dice.chance(0.4) and not bare else []
    after = [] if bare else dice.some(_CLOSINGS, dice.pick((0, 0, 1, 1, 2, 3)))
    if "hedges" in chosen:
        (before if dice.chance(0.5) else after).append(dice.pick(_HEDGES))
    if "rambles" in chosen:
        after += dice.some([*(before or _OPENINGS[:1]), *(after or _CLOSINGS[:2])], 2)
        after += after[-2:]
    parts = [" ".join(before), body, " ".join(after)]
    text = dice.pick(("\n\n", "\n", " ")).join(part for part in parts if part)
    return _cut(dice, text) if "stops" in chosen else text


def _cut(dice: Dice, text: str) -> str:
    """The first part of a text, up to a word in the middle of a sentence."""
    words = text.split(" ")
    kept = " ".join(words[: max(8, int(len(words) * (0.6 + 0.3 * dice.random())))])
    return kept.rstrip(".!?:,;\n ")


# --- arithmetic ---------------------------------------------------------------------------------------------


class _Step(NamedTuple):
    """`left sign right`, where None stands for the result of the step before."""

    lead: str
    left: int | None
    sign: str
    right: int | None
    unit: str


_PEOPLE: Final = [
    "Mara",
    "Tom",
    "Elif",
    "Jonas",
    "Priya",
    "Ruth",
    "Diego",
    "Ana",
    "Kofi",
    "Lena",
    "Omar",
    "Yuki",
    "Nils",
    "Carla",
    "Ivan",
    "Zoe",
    "Hugo",
    "Nadia",
    "Felix",
    "Mina",
]
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
    who, what, where = dice.pick(_PEOPLE), dice.pick(_GOODS), dice.pick(_PLACES)
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
    who, first, second = dice.pick(_PEOPLE), dice.number(2, 6), dice.number(2, 5)
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
    who, daily, days, extra = dice.pick(_PEOPLE), dice.number(12, 45), dice.number(4, 14), dice.number(15, 60)
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
    who, friends, each, kept = dice.pick(_PEOPLE), dice.number(3, 9), dice.number(4, 16), dice.number(5, 25)
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
        return _dressed(dice, chosen, dice.pick(("\n", " ")).join([*lines, answer]))

    return prompt, write, _SURFACE | {"wrong_result": 4.0, "no_working": 2.0}


def _work_out(left: int, sign: str, right: int) -> int:
    return {"*": left * right, "+": left + right, "-": left - right, "/": left // max(1, right)}[sign]


def _stated(left: int, sign: str, right: int, result: int, form: str) -> str:
    if form == "none":
        return str(result)  # nothing that could be worked out again
    if form == "words":
        return f"{left} {_WORDS_FOR[sign]} {right} is {result}"
    return f"{left} {sign} {right} = {result}"


# --- lists ---------------------------------------------------------------------------------------------------

_POOLS: Final[Mapping[str, tuple[str, ...]]] = {
    "ways to sleep better": (
        "a fixed bedtime, weekends too", "a cool and dark bedroom", "no screens in the last hour",
        "less coffee after lunch", "a short walk in the evening", "a warm bath before bed", "a lighter dinner",
        "a quiet book in place of the news", "earplugs on noisy nights", "morning light by the window",
    ),
    "things to pack for a day hike": (
        "a full water bottle", "a paper map of the trail", "a rain jacket", "sunscreen and a hat",
        "plasters for blisters", "nuts and dried fruit", "a whistle", "a head torch with batteries",
        "spare wool socks", "a light fleece",
    ),
    "cheap gifts for a grandparent": (
        "a framed family photo", "homemade jam", "a pot of herbs", "a recorded story", "a knitted scarf",
        "a large print crossword book", "a calendar of birthdays", "a tin of biscuits", "a voucher for garden work",
        "a handwritten letter",
    ),
    "games for a rainy afternoon": (
        "charades in two teams", "a treasure hunt with clues", "a card tower contest", "shadow puppets on the wall",
        "a paper plane race", "twenty questions", "an indoor picnic", "a memory game with spoons",
        "a drawing chain", "a quiz about the family",
    ),
    "ways to save water at home": (
        "shorter showers with a timer", "a full dishwasher only", "repaired taps", "rain barrels for the garden",
        "a low flow shower head", "reused cooking water for plants", "no running tap while brushing teeth",
        "watering early in the morning", "a smaller lawn", "a broom in place of the hose",
    ),
    "questions to ask at a job interview": (
        "what a normal day looks like", "how success is measured", "who joins the team next",
        "why the post is open", "how feedback is given", "which tools are used", "how people are trained",
        "what the next step is", "how often the team meets", "what the team finds hardest",
    ),
    "quick breakfast ideas": (
        "oats with banana", "toast with tomato and oil", "yoghurt with berries", "a boiled egg with rye bread",
        "peanut butter on apple slices", "leftover rice with egg", "cottage cheese with honey", "a bean wrap",
        "muesli with grated carrot", "a smoothie with spinach",
    ),
}  # fmt: skip
_ASK: Final = ("Give me", "List", "Suggest", "Please write down", "Name", "I need", "Could you come up with")
_FOR_WHOM: Final = (
    "for my sister", "for a small flat", "for beginners", "for a family of four", "for the school paper",
    "for our newsletter", "for next weekend", "for my neighbours", "for two busy parents", "for a poster",
    "for a talk on Monday", "for my aunt", "for a youth club", "for a student flat", "for the notice board",
)  # fmt: skip
_NUMERALS: Final = ("zero", "one", "two", "three", "four", "five", "six", "seven")
_WHY: Final = (
    "it costs little", "it is easy to begin with", "most people forget it", "it lasts", "nobody regrets it",
    "the effort is small", "it suits any age", "it pays off within weeks", "guests notice it at once",
)  # fmt: skip
_FORMS: Final = ("in bullet points", "as a numbered list", "one per line")


def lists(dice: Dice) -> Task:
    """So many things of a kind, in a given form."""
    topic, form, n = dice.pick(list(_POOLS)), dice.pick(_FORMS), dice.number(3, 7)
    number = dice.pick((str(n), _NUMERALS[n]))
    limit = dice.pick((0, 0, 0, 10 * n + 10))
    prompt = f"{dice.pick(_ASK)} {number} {topic} {dice.pick(_FOR_WHOM)}, {form}."
    prompt += f" Use no more than {limit} words." if limit else ""
    others = [item for name, pool in _POOLS.items() if name != topic for item in pool]

    def write(dice: Dice, chosen: Chosen) -> str:
        wanted = n + dice.pick((-2, -1, 2)) if "wrong_count" in chosen else n
        items = dice.some(_POOLS[topic], min(wanted, len(_POOLS[topic])))
        if "repeats" in chosen:
            items[-1] = items[0]
        if "off_topic" in chosen:
            items[:2] = dice.some(others, 2)
        if "explains" in chosen or (not limit and dice.chance(0.5)):
            items = [f"{item}, because {dice.pick(_WHY)}." for item in items]
        if "explains" in chosen and limit:
            items = [f"{item[:-1]}, and because {dice.pick(_WHY)}." for item in items]
        mark = "as prose" if "wrong_form" in chosen else form
        return _dressed(dice, chosen, _laid_out(items, mark), bare=bool(limit))

    faults = {"wrong_count": 2.5, "repeats": 2.0, "off_topic": 3.0, "wrong_form": 2.0}
    return prompt, write, _SURFACE | faults | ({"explains": 2.0} if limit else {})


def _laid_out(items: list[str], form: str) -> str:
    if form == "as prose":
        plain = [item.rstrip(".") for item in items]
        return f"You could take {', '.join(plain[:-1])}, and {plain[-1]}."
    capital = [item[0].upper() + item[1:] for item in items]
    marks = {"in bullet points": "- ", "one per line": ""}
    return "\n".join(f"{marks.get(form, f'{k}. ')}{item}" for k, item in enumerate(capital, 1))


# --- questions about a table ---------------------------------------------------------------------------------

_TOWNS: Final = [
    "Arnby",
    "Belmora",
    "Castrel",
    "Dunwick",
    "Elsport",
    "Farholt",
    "Gressau",
    "Hallen",
    "Istrava",
    "Jorvin",
    "Kelmond",
    "Lurgan",
    "Mirstad",
    "Nordal",
    "Ostrey",
    "Pellham",
]
_COLUMNS: Final = {
    "inhabitants": (1200, 98000),
    "bridges": (2, 48),
    "schools": (3, 60),
    "libraries": (1, 19),
    "hotels": (2, 75),
    "parks": (2, 55),
}


def facts(dice: Dice) -> Task:
    """A question about four invented towns, whose figures stand in the prompt."""
    towns, columns = dice.some(_TOWNS, 4), dice.some(list(_COLUMNS), 3)
    table = {t: {c: dice.number(*_COLUMNS[c]) for c in columns} for t in towns}
    rows = [f"{t}: " + ", ".join(f"{table[t][c]} {c}" for c in columns) + "." for t in towns]
    town, other, third = dice.some(towns, 3)
    column, wrong = dice.some(columns, 2)
    compare = dice.chance(0.5)
    question = (
        f"Which has more {column}, {town} or {other}, and what is the difference?"
        if compare
        else f"How many {column} does {town} have?"
    )
    prompt = "Here are the figures of four towns.\n" + "\n".join(rows) + f"\n{question}"

    def write(dice: Dice, chosen: Chosen) -> str:
        from_column = "wrong_figure" in chosen and dice.chance(0.5)
        used = wrong if from_column else column
        row = third if "wrong_figure" in chosen and not from_column else town
        one, two = table[row][used], table[other][used]
        named = third if "wrong_town" in chosen else town
        if "vague" in chosen:
            body = _vague(dice, named, other if compare else None, column)
        elif compare:
            more, fewer = (named, other) if one >= two else (other, named)
            body = _comparison(dice, more, fewer, max(one, two), min(one, two), column)
        else:
            body = _figure(dice, named, one, column)
        if dice.chance(0.5):
            body += f" By contrast, {third} has {table[third][column]} {column}."
        return _dressed(dice, chosen, body)

    faults = {"wrong_figure": 4.0, "wrong_town": 3.0, "vague": 2.5}
    return prompt, write, _SURFACE | faults


def _figure(dice: Dice, town: str, value: int, column: str) -> str:
    return dice.pick(
        (
            f"According to your list, {town} has {value} {column}.",
            f"{town} has {value} {column}; the figure stands in its own line.",
            f"The number of {column} in {town} is {value}.",
            f"{value}. That is what the list gives for the {column} of {town}.",
        )
    )


def _comparison(dice: Dice, more: str, fewer: str, high: int, low: int, column: str) -> str:
    return dice.pick(
        (
            f"{more} has more {column}: {high} against {low} in {fewer}. The difference is {high - low}.",
            f"With {high} {column}, {more} is ahead of {fewer}, which has {low}. That is {high - low} more.",
            f"{more} does. It has {high} {column} and {fewer} has {low}, so {high - low} lie between them.",
            f"The difference is {high} - {low} = {high - low}, and {more} has more {column} than {fewer}.",
        )
    )


def _vague(dice: Dice, town: str, other: str | None, column: str) -> str:
    beside = f" than {other}" if other else " than one would expect"
    return dice.pick(
        (
            f"{town} has rather many {column}, clearly more{beside}, as the list shows when it is read closely.",
            f"There are more {column} in {town}{beside}. The exact figure can be read from the list above.",
            f"As for {column}, {town} does well, and it has more of them{beside}.",
        )
    )


# --- tone ----------------------------------------------------------------------------------------------------

_THINGS: Final = [
    "invoice",
    "parcel",
    "report",
    "heater",
    "booking",
    "contract",
    "repair",
    "refund",
    "laptop",
    "delivery",
]
_DAYS: Final = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]
_RUDE_OPENINGS: Final = (
    "Are you people asleep?", "This is pathetic.", "What a ridiculous mess.", "I have had it with you.",
    "Only an idiot would work like this.", "Nobody over there can be that lazy.", "Unbelievable nonsense, as always.",
)  # fmt: skip
_RUDE_ENDINGS: Final = (
    "Get it done or get lost!", "Stop being so lazy.", "Do your damn job.", "I hate dealing with you.",
    "Useless, all of you!", "Shut up and fix it.", "A fool could do better!",
)  # fmt: skip
_POLITE_OPENINGS: Final = (
    "I hope you are well.", "Thank you for your work so far.", "I know that you are busy at the moment.",
    "I am writing about a small matter.", "May I ask for your help?", "Good morning to all of you.",
)  # fmt: skip
_POLITE_ENDINGS: Final = (
    "Please let me know what you can do.", "Thank you very much for your help.", "I would appreciate a short reply.",
    "Many thanks in advance.", "I look forward to your answer.", "With kind regards.", "A word from you would be welcome.",
)  # fmt: skip
_COOL_ENDINGS: Final = (
    "See to it.",
    "That is all there is to say.",
    "I expect it done.",
    "Act on it now.",
    "No further delay.",
)
_STYLES: Final = ("polite", "friendly", "courteous", "professional")
_EXTRAS: Final = (
    "By the way, the coffee in your lobby is excellent.", "My cousin had the same trouble with a bicycle last year.",
    "The weather has been fine here, which is nice for the garden.", "I also wonder when your summer party takes place.",
)  # fmt: skip


def tone(dice: Dice) -> Task:
    """A rude message to be rewritten: its facts shall stay, its insults shall go."""
    thing, day, number = dice.pick(_THINGS), dice.pick(_DAYS), dice.number(1000, 9999)
    who, late = dice.pick(_PEOPLE), dice.number(3, 20)
    fact = f"The {thing} with the number {number} is {late} days late, and {who} needs it by {day}"
    rude = f"{dice.pick(_RUDE_OPENINGS)} {fact}. {dice.pick(_RUDE_ENDINGS)}"
    style = dice.pick(_STYLES)
    prompt = f'Rewrite this message so that it is {style}, and keep its facts: "{rude}"'

    def write(dice: Dice, chosen: Chosen) -> str:
        opening, ending = dice.pick(_POLITE_OPENINGS), dice.pick(_POLITE_ENDINGS)
        if "cool" in chosen:
            opening, ending = "", dice.pick(_COOL_ENDINGS)
        middle = _told(dice, chosen, thing, number, late, who, day)
        if "unchanged" in chosen:
            opening, middle = "", f"{fact}."
        if "rude" in chosen:
            opening, ending = dice.pick((("", dice.pick(_RUDE_ENDINGS)), (dice.pick(_RUDE_OPENINGS), ending)))
        extra = dice.pick(_EXTRAS) if "strays" in chosen else ""
        return _dressed(dice, chosen, " ".join(part for part in (opening, middle, extra, ending) if part))

    faults = {"rude": 3.0, "cool": 2.0, "drops": 3.0, "wrong_fact": 3.5, "unchanged": 1.0, "strays": 1.5}
    return prompt, write, _SURFACE | faults


def _told(dice: Dice, chosen: Chosen, thing: str, number: int, late: int, who: str, day: str) -> str:
    """The facts in other words; all of them, some, or one of them wrong."""
    if "drops" in chosen:
        return dice.pick(
            (
                f"I am still waiting for the {thing}, and it would be good to have it soon, because others wait as well.",
                f"It seems that something has not arrived yet, and {who} is counting on it for the coming week.",
            )
        )
    if "wrong_fact" in chosen:
        number, day = dice.pick(((number + 111, day), (number, dice.pick([d for d in _DAYS if d != day]))))
    return dice.pick(
        (
            f"The {thing} with the number {number} has been late for {late} days now. {who} will need it by {day}.",
            f"We have waited {late} days for the {thing}, number {number}. Could it reach {who} by {day}?",
            f"{who} needs the {thing} by {day}. It carries the number {number} and was due {late} days ago.",
        )
    )


TASKS: Final[dict[str, Callable[[Dice], Task]]] = {
    "arithmetic": arithmetic,
    "lists": lists,
    "facts": facts,
    "tone": tone,
}
"""Category -> task."""
