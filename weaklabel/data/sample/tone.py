"""Short letters in a wanted tone."""

from __future__ import annotations

from typing import Final

from weaklabel.data.sample.surface import PEOPLE, SURFACE, Chosen, Dice, Task, dressed

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
    who, late = dice.pick(PEOPLE), dice.number(3, 20)
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
        return dressed(dice, chosen, " ".join(part for part in (opening, middle, extra, ending) if part))

    faults = {"rude": 3.0, "cool": 2.0, "drops": 3.0, "wrong_fact": 3.5, "unchanged": 1.0, "strays": 1.5}
    return prompt, write, SURFACE | faults


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
