"""Judges whose verdicts the data already holds: in both orders, or in one order that is known.

Verdicts and numbers speak of the order of the *source*, as in `weaklabel.lf.columns`; values may also name a place
("first", "second": of the two responses in the order in which they were shown).

- Both orders (`judge_columns`): the taste for a place goes out exactly, see `weaklabel.judges.both_orders`.
- One order, with a column that says which response was shown first (`judge_column`): nothing in one pair tells taste
  from text, but a companion `<name>.position` never votes and carries the margin +1 where b was shown first and -1 where
  a was. It turns with the pair. A label model that weighs margins learns from gold how much of the verdict it takes back.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from weaklabel.judges.both_orders import SAID, SAID_NOTHING, BothOrders
from weaklabel.judges.settings import JudgeColumnSettings, JudgeColumnsSettings
from weaklabel.judges.verdict import FIRST, SECOND, TIE
from weaklabel.lf.columns import ColumnFunction, change_places, made_for, undefined
from weaklabel.lf.core import LabelingFunction
from weaklabel.lf.settings import arguments, takes
from weaklabel.lf.sources.kinds import Described
from weaklabel.lf.votes import NotAVote, check_score
from weaklabel.types import Float32Array
from weaklabel.types.verdicts import verdict_key

_NEVER: Final = 2.0  # a gap that no margin of +-1 reaches


@dataclass(frozen=True, kw_only=True, repr=False)
class ColumnJudge(BothOrders):
    """Two columns of one judge. Made by `judge_columns`."""

    settings: JudgeColumnsSettings

    @property
    def doc(self) -> str:
        return f"Votes as columns {self.sources[0]!r} and {self.sources[1]!r} say, one per order."

    @property
    def allowed(self) -> str:
        if self.settings.votes is None:
            return "Numbers are finite, or null where nothing was said."
        return undefined("", "votes", self.settings.votes).hint

    def derive(self, table: pa.Table, *, ask: bool = True) -> pa.Table:
        if self.is_derived(table):
            return table
        swapped = pc.fill_null(table["swapped"], False).to_pylist()
        one, two = (table[name].to_pylist() for name in self.sources)
        if change_places(*self.sources):
            # The reader has exchanged these with the texts; the values in them still speak of the source's order.
            one, two = _exchange(one, two, swapped)
        said = [self._said(value, "a") for value in one], [self._said(value, "b") for value in two]
        for name, values in zip(self.columns, _exchange(*said, swapped), strict=True):
            table = table.append_column(name, pa.array(values, SAID))
        return table

    def _said(self, value: Any, shown_first: str) -> dict[str, Any]:
        """A value as what was said of the response shown first, which was the source's `shown_first`."""
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return dict(SAID_NOTHING)
        try:
            if self.settings.votes is not None:
                verdict = place_of(value, self.settings.votes, shown_first)
                return dict(SAID_NOTHING) if verdict == "abstain" else _verdict(verdict)
            number = check_score(value)
        except NotAVote as error:
            return SAID_NOTHING | {"state": "undefined", "note": error.what}
        if self.settings.toward == "b" and shown_first == "a":
            number = -number
        return _verdict(FIRST if number > 0 else SECOND if number < 0 else TIE, number)


def _verdict(verdict: str, log_odds: float | None = None) -> dict[str, Any]:
    return {"state": "said", "verdict": verdict, "log_odds": log_odds, "note": None}


@dataclass(frozen=True, kw_only=True, repr=False)
class ShownVerdict(ColumnFunction):
    """A verdict column and the order in which the judge saw the responses. Made by `judge_column`.

    With `companion` it is the judge's `<name>.position`: no votes, and the order as its margin.
    """

    settings: JudgeColumnSettings
    companion: bool = False

    @property
    def doc(self) -> str:
        column, shown = self.sources
        if self.companion:
            return f"Never votes; says which response column {shown!r} put first."
        return f"Votes as column {column!r} says, seen in the order of {shown!r}."

    @property
    def parameters(self) -> dict[str, Any]:
        return super().parameters | {"companion": self.companion}

    @property
    def band(self) -> tuple[int, float]:
        return 1, _NEVER if self.companion else 0.0

    def derive(self, table: pa.Table, *, ask: bool = True) -> pa.Table:
        verdicts, orders = (table[name].to_pylist() for name in self.sources)
        scores = [self._scores(v, o) for v, o in zip(verdicts, orders, strict=True)]
        return self._with_scores(table, [a for a, _ in scores], [b for _, b in scores], pa.string())

    def _scores(self, verdict: Any, order: Any) -> tuple[str | None, str | None]:
        """What is said of the source's first and second response: "1" and "0", None for nothing, "?..." a fault."""
        if order is None or verdict is None or verdict != verdict:
            return None, None
        orders = self._orders
        try:
            if verdict_key(order) not in orders:
                raise undefined(f"{order!r} in column {self.settings.shown!r}", "shown_as", orders)
            first = orders[verdict_key(order)]
            found = place_of(verdict, self.settings.votes, first)
        except NotAVote as error:
            return f"?{error.what}", f"?{error.what}"
        if found == "abstain" or (found == TIE and not self.companion):
            return None, None
        better = first if found == FIRST or self.companion else ("b" if first == "a" else "a")
        return ("1", "0") if better == "a" else ("0", "1")

    @property
    def _orders(self) -> Mapping[str, str]:
        return self.settings.shown_as or {}

    def _read(self, value: Any) -> float:
        if value is not None and value.startswith("?"):
            votes, orders = (", ".join(map(repr, known)) for known in (self.settings.votes, self._orders))
            raise NotAVote(value[1:], f"votes defines {votes}, shown_as {orders}. Add the value.")
        return math.nan if value is None else float(value)

    def _margins(self, margins: Float32Array) -> Float32Array:
        return margins if self.companion else margins * np.float32(math.nan)


@takes(JudgeColumnsSettings)
def judge_columns(settings: JudgeColumnsSettings) -> ColumnJudge:
    """What one judge said in both orders, in two columns, as one labeling function without position bias.

    Example:
        gpt = judge_columns("gpt", "ab", "ba", votes={"A": "first", "B": "second"})
    """
    sources = (settings.first_a, settings.first_b)
    return ColumnJudge.of(JUDGE_COLUMN, settings, "columns", made_for(settings.name, "first"), sources)


@takes(JudgeColumnSettings)
def judge_column(settings: JudgeColumnSettings) -> list[LabelingFunction]:
    """What a judge said in one order that is known: its votes, and `<name>.position`, by which its bias can be learned."""
    return [_shown(settings, companion=False), _shown(settings, companion=True)]


def _shown(settings: JudgeColumnSettings, *, companion: bool) -> ShownVerdict:
    name = f"{settings.name}.position" if companion else settings.name
    return ShownVerdict(
        name=name,
        family="columns",
        columns=made_for(name),
        version=settings.version,
        spec=JUDGE_COLUMN.spec(arguments(settings) | {"companion": companion}),
        sources=(settings.column, settings.shown),
        allow=settings.allow,
        settings=settings,
        companion=companion,
    )


def _from_spec(values: Mapping[str, Any]) -> LabelingFunction:
    if "first_a" in values:
        return judge_columns(**values)
    companion = values["companion"]
    settings = JudgeColumnSettings(**{key: value for key, value in values.items() if key != "companion"})
    return _shown(settings, companion=companion)


JUDGE_COLUMN: Final = Described("judge_column", _from_spec, is_harmless=True)


def place_of(value: Any, votes: Mapping[str, str], shown_first: str) -> str:
    """What a verdict says: "first" or "second" (of the responses as shown), "tie" or "abstain".

    Raises:
        NotAVote: a value that is not defined.
    """
    meaning = votes.get(verdict_key(value))
    if meaning is None:
        raise undefined(f"the verdict {value!r}", "votes", votes)
    if meaning in ("a", "b"):
        return FIRST if meaning == shown_first else SECOND
    return meaning


def _exchange(one: Sequence[Any], two: Sequence[Any], swapped: Sequence[bool]) -> tuple[list[Any], list[Any]]:
    """The two columns, changing places where `swapped` says so."""
    both = [(b, a) if turned else (a, b) for a, b, turned in zip(one, two, swapped, strict=True)]
    return [a for a, _ in both], [b for _, b in both]
