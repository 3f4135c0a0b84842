"""What the tasks of the generated sample share: draws, and faults that any response may have.

A task takes `Dice` and returns `(prompt, write, faults)`: `write(dice, chosen)` gives a response that has
the chosen faults and no others, `faults` maps every fault to its price.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

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


PEOPLE: Final = [
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

SURFACE: Final = {"hedges": 1.0, "filler": 0.5, "rambles": 1.0, "stops": 1.5, "disclaims": 1.0}
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


def dressed(dice: Dice, chosen: Chosen, body: str, bare: bool = False) -> str:
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
    return cut(dice, text) if "stops" in chosen else text


def cut(dice: Dice, text: str) -> str:
    """The first part of a text, up to a word in the middle of a sentence."""
    words = text.split(" ")
    kept = " ".join(words[: max(8, int(len(words) * (0.6 + 0.3 * dice.random())))])
    return kept.rstrip(".!?:,;\n ")
