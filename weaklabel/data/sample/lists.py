"""Lists with a wanted number of items and form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from weaklabel.data.sample.surface import SURFACE, Chosen, Dice, Task, dressed

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
        return dressed(dice, chosen, _laid_out(items, mark), bare=bool(limit))

    faults = {"wrong_count": 2.5, "repeats": 2.0, "off_topic": 3.0, "wrong_form": 2.0}
    return prompt, write, SURFACE | faults | ({"explains": 2.0} if limit else {})


def _laid_out(items: list[str], form: str) -> str:
    if form == "as prose":
        plain = [item.rstrip(".") for item in items]
        return f"You could take {', '.join(plain[:-1])}, and {plain[-1]}."
    capital = [item[0].upper() + item[1:] for item in items]
    marks = {"in bullet points": "- ", "one per line": ""}
    return "\n".join(f"{marks.get(form, f'{k}. ')}{item}" for k, item in enumerate(capital, 1))
