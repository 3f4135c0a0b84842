"""Questions about a small table that the prompt holds."""

from __future__ import annotations

from typing import Final

from weaklabel.data.sample.surface import SURFACE, Chosen, Dice, Task, dressed

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
        return dressed(dice, chosen, body)

    faults = {"wrong_figure": 4.0, "wrong_town": 3.0, "vague": 2.5}
    return prompt, write, SURFACE | faults


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
