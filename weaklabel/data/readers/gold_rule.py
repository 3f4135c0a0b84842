"""How the gold of one file is read: from a verdict, from a column per outcome, or from two scores.

A verdict is read in this order: what the user's `gold_values` say; the name of a response column; the name of a model
that stands beside it; a number, where the layout defines what it means; a word that everybody reads alike.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from weaklabel.data.fields.decode import leaves
from weaklabel.data.readers.base import (
    GoldProblem,
    Row,
    RowProblem,
    is_missing,
    read_number,
    short_repr,
)
from weaklabel.types.verdicts import (
    NOTHING,
    PLACES,
    TIE,
    A,
    B,
    VerdictMap,
    number_in,
    suggested,
    verdict_key,
    word_verdict,
)

LABEL_NUMBERS: Final = {"0": A, "1": B, "0.5": TIE, "-1": NOTHING}
"""What numbers mean in the canonical columns `gold` and `label`; -1 is "tie or unknown" where it is used."""

_YES: Final = {"1": True, "true": True, "0": False, "false": False, "": False}


@dataclass(frozen=True, slots=True)
class GoldRule:
    """Where a row's gold stands and what its values mean.

    Attributes:
        column: of the verdict, as it is called after renaming; None where there is none.
        shown: the same as the user's file calls it.
        values: the user's own map; it wins.
        numbers: what numbers mean where the layout defines them; without, a number is a question.
        names: what the names of the response columns mean.
        models: the columns with the names of the models, the first response's first.
        scores: a column of numbers for each response; the larger one wins.
        outcomes: a column per outcome, "a" and "b" and maybe "tie", of which one holds 1 or true.
        ties: columns that say of a tie, beside `outcomes`.
        named: whether the user named the columns.
        unread: values among the first rows whose meaning is not known, to be told of together.
    """

    column: str | None = None
    shown: str = ""
    values: VerdictMap | None = None
    numbers: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    models: tuple[str, str] | None = None
    scores: tuple[str, str] | None = None
    outcomes: tuple[str, str] | None = None
    ties: tuple[str, ...] = ()
    named: bool = False
    unread: tuple[str, ...] = ()

    @property
    def used(self) -> tuple[str, ...]:
        """The columns that are gold, which are not carried along."""
        one = () if self.column is None else (self.column,)
        return (*one, *(self.scores or ()), *(self.outcomes or ()), *self.ties)

    def read(self, row: Row) -> str | None:
        """`a`, `b`, `tie` or None (unknown), in the order of the source.

        Raises:
            GoldProblem: a value whose meaning is not known.
            RowProblem: outcomes that contradict each other, a verdict that names both models.
        """
        if self.scores is not None:
            return larger(*(read_number(name, row.get(name)) for name in self.scores))
        if self.outcomes is not None:
            return self._outcome(row)
        value = None if self.column is None else row.get(self.column)
        return None if is_missing(value) else self._meaning(value, row) or None

    def strength(self, row: Row) -> float | None:
        """How strong a preference is, where verdicts are numbers of both signs; None elsewhere."""
        if self.values is None or not self.values.is_signed or self.column is None:
            return None
        value = row.get(self.column)
        number = None if is_missing(value) else number_in(verdict_key(value))
        return None if number is None else abs(number)

    def unknown(self, rows: Iterable[Row]) -> list[str]:
        """The values in some rows whose meaning is not known, each once, as keys of a `gold_values`."""
        found: dict[str, None] = {}
        for row in rows:
            try:
                self.read(row)
            except GoldProblem:
                found[verdict_key(row.get(self.column or ""))] = None
            except RowProblem:
                continue
        return list(found)

    def _meaning(self, value: Any, row: Row) -> str:
        key = verdict_key(value)
        found = None if self.values is None else self.values.meaning(key)
        if found is None:
            found = self._named(key, row)
        if found is None and number_in(key) is not None:
            mapped = self.values is not None and self.values.has_numbers
            found = None if mapped else self.numbers.get(key)
        elif found is None and not isinstance(value, bool):
            found = word_verdict(key)
        if found is None:
            raise GoldProblem(self.problem(value))
        return found

    def _named(self, key: str, row: Row) -> str | None:
        """What a verdict means that names a response column or a model, or repeats one of the responses."""
        texts = (row.get(name) for name in ("response_a", "response_b"))
        told = [side for text, side in zip(texts, (A, B), strict=True) if key and text == key]
        if len(told) == 1 and word_verdict(key) is None and number_in(key) is None:
            return told[0]
        if (found := self.names.get(folded_name(key))) is not None or self.models is None or not key:
            return found
        sides = [
            side for name, side in zip(self.models, (A, B), strict=True) if key == str(row.get(name)).strip()
        ]
        word = word_verdict(key)
        if len(sides) > 1 or (sides and word is not None and word != sides[0]):
            raise RowProblem(
                f"{self.shown} is {short_repr(key)}, which can mean both models: map it with gold_values, or write a, b or tie"
            )
        return sides[0] if sides else None

    def _outcome(self, row: Row) -> str | None:
        assert self.outcomes is not None
        names = dict(zip(self.outcomes, (A, B), strict=True)) | dict.fromkeys(self.ties, TIE)
        said = {side for name, side in names.items() if self._yes(name, row.get(name))}
        if len(said) > 1:
            raise RowProblem(f"{' and '.join(names)} contradict each other")
        return next(iter(said), None)

    def _yes(self, name: str, value: Any) -> bool:
        key = "" if is_missing(value) else verdict_key(value)
        if key not in _YES:
            raise GoldProblem(f"gold value {short_repr(value)} in {name}. Allowed: 0 or 1, true or false.")
        return _YES[key]

    def problem(self, value: object) -> str:
        """What is said of a value whose meaning is not known."""
        where = f" in column {self.shown!r}" if self.shown else ""
        if inner := list(leaves(value)):
            said = [
                path for path, cell in inner if speaks(cell) or folded_name(verdict_key(cell)) in self.names
            ]
            path = said[0] if said else inner[0][0]
            return (
                f"gold{where} holds {verdict_key(value)[:40]}..., from which one verdict has to be taken. Reach into it, such as "
                f'columns = {{ gold = "{self.shown or self.column}.{path}" }} under [data], or write a column with one verdict '
                "per row."
            )
        numbers = ", 0 (a), 1 (b), -1 (unknown)" if self.numbers else ""
        keys = {verdict_key(value), *self.unread}
        coded = any(number_in(key) is not None or key in ("true", "false") for key in keys)
        turned = ", or the other way round" if coded else ""
        return (
            f"gold value {short_repr(value)}{where}. Allowed: a, b, tie{numbers}, or nothing. Give it a meaning with "
            f"gold_values = {suggested(keys)} under [data]{turned} (gold_values={{...}} in Python); "
            '"" says nothing.'
        )


def folded_name(name: str) -> str:
    """The name of a column without case and separators: "Response 1" means response_1.

    >>> folded_name("Response 1") == folded_name("response_1")
    True
    """
    return re.sub(r"[\s_\-]+", " ", name.casefold()).strip()


def speaks(cell: object) -> bool:
    """Whether a cell says by itself that it is a verdict: a word for a side, or for the place of one."""
    key = verdict_key(cell)
    return isinstance(cell, str) and (word_verdict(key) in (A, B, TIE) or key.casefold() in PLACES)


def larger(first: float | None, second: float | None) -> str | None:
    """Which of two scores is larger: "a", "b", "tie", None where one is missing."""
    if first is None or second is None:
        return None
    return TIE if first == second else A if first > second else B


def gold_question(rule: GoldRule, keys: Sequence[str]) -> str:
    """What is asked of a column whose values can mean either response, such as numbers."""
    found = sorted(set(keys), key=lambda key: (number_in(key) or 0.0, key))
    few = ", ".join(found[:6]) + (", ..." if len(found) > 6 else "")
    if rule.values is not None and rule.values.has_numbers:
        return (
            f"gold in column {rule.shown!r} holds {few}, which gold_values does not map. Mapped: "
            f'{", ".join(rule.values.meanings)}. Add it, as "" if it says nothing.'
        )
    return (
        f"gold in column {rule.shown!r} holds {few}, which mean different things in different files. Say which: write "
        f"gold_values = {suggested(found)} under [data], or the other way round (gold_values={{...}} in Python)."
    )
