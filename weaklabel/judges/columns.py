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
from typing import Any, Final, Literal

import pyarrow as pa
import pyarrow.compute as pc

from weaklabel.errors import LabelingFunctionError
from weaklabel.judges.both_orders import SAID, SAID_NOTHING, BothOrders
from weaklabel.judges.verdict import FIRST, SECOND, TIE
from weaklabel.lf.columns import ColumnFunction, DerivedFunction, change_places, keyed_votes, undefined
from weaklabel.lf.core import LabelingFunction
from weaklabel.lf.specs import spec_of
from weaklabel.lf.votes import NotAVote, check_score
from weaklabel.types.verdicts import verdict_key

Toward = Literal["first", "b"]

_MEANINGS: Final = ("a", "b", "first", "second", "tie", "abstain")
_NEVER: Final = 2.0  # a band that no margin of +-1 leaves


@dataclass(frozen=True, kw_only=True)
class ColumnJudge(BothOrders):
    """Two columns of one judge. Made by `judge_columns`."""

    votes: tuple[tuple[str, str], ...] = ()
    toward: str = "first"

    @property
    def doc(self) -> str:
        return f"Votes as columns {self.sources[0]!r} and {self.sources[1]!r} say, one per order."

    @property
    def parameters(self) -> dict[str, Any]:
        settings = {"first_a": self.sources[0], "first_b": self.sources[1], "votes": dict(self.votes)}
        return {**settings, "toward": self.toward, "min_gap": self.min_gap, "version": self.version}

    @property
    def allowed(self) -> str:
        if not self.votes:
            return "Numbers are finite, or null where nothing was said."
        return f"votes defines {', '.join(repr(key) for key, _ in self.votes)}. Add the value."

    def derive(self, table: pa.Table, *, ask: bool = True) -> pa.Table:
        if all(name in table.column_names for name in self.columns):
            return table
        swapped = pc.fill_null(table["swapped"], False).to_pylist()
        one, two = (table[name].to_pylist() for name in self.sources)
        if change_places(self.name, *self.sources):
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
            if not self.votes:
                number = check_score(value)
                if self.toward == "b" and shown_first == "a":
                    number = -number
                verdict = FIRST if number > 0 else SECOND if number < 0 else TIE
                return {"state": "said", "verdict": verdict, "log_odds": number, "note": None}
            verdict = place_of(value, dict(self.votes), shown_first)
        except NotAVote as error:
            return SAID_NOTHING | {"state": "undefined", "note": error.what}
        if verdict == "abstain":
            return dict(SAID_NOTHING)
        return {"state": "said", "verdict": verdict, "log_odds": None, "note": None}


@dataclass(frozen=True, kw_only=True)
class ShownVerdict(ColumnFunction):
    """A verdict column and the order in which the judge saw the responses. Made by `judge_column`.

    With `companion` it is the judge's `<name>.position`: no votes, and the order as its margin.
    """

    votes: tuple[tuple[str, str], ...] = ()
    shown_as: tuple[tuple[str, str], ...] = ()
    companion: bool = False

    @property
    def doc(self) -> str:
        if self.companion:
            return f"Never votes; says which response column {self.sources[1]!r} put first."
        return f"Votes as column {self.sources[0]!r} says, seen in the order of {self.sources[1]!r}."

    @property
    def parameters(self) -> dict[str, Any]:
        settings = {"column": self.sources[0], "shown": self.sources[1], "votes": dict(self.votes)}
        more = {"shown_as": dict(self.shown_as), "companion": self.companion, "version": self.version}
        return settings | more

    def derive(self, table: pa.Table, *, ask: bool = True) -> pa.Table:
        verdicts, orders = (table[name].to_pylist() for name in self.sources)
        scores = [self._scores(v, o) for v, o in zip(verdicts, orders, strict=True)]
        first, second = ([pair[i] for pair in scores] for i in (0, 1))
        return self._flip_where_swapped(
            table, *(pa.chunked_array([pa.array(values, pa.string())]) for values in (first, second))
        )

    def _scores(self, verdict: Any, order: Any) -> tuple[str | None, str | None]:
        """What is said of the source's first and second response: "1" and "0", None for nothing, "?..." a fault."""
        if order is None or verdict is None or verdict != verdict:
            return None, None
        try:
            first = dict(self.shown_as).get(verdict_key(order))
            if first is None:
                raise undefined(f"{order!r} in column {self.sources[1]!r}", "shown_as", dict(self.shown_as))
            found = place_of(verdict, dict(self.votes), first)
        except NotAVote as error:
            return f"?{error.what}", f"?{error.what}"
        if found == "abstain" or (found == TIE and not self.companion):
            return None, None
        better = first if found == FIRST or self.companion else ("b" if first == "a" else "a")
        return ("1", "0") if better == "a" else ("0", "1")

    @property
    def _defined(self) -> str:
        votes, orders = (", ".join(repr(key) for key, _ in table) for table in (self.votes, self.shown_as))
        return f"votes defines {votes}, shown_as {orders}. Add the value."

    def _read(self, value: Any) -> float:
        if value is not None and value.startswith("?"):
            raise NotAVote(value[1:], self._defined)
        return math.nan if value is None else float(value)

    def _margins(self, margins: Any) -> Any:
        return margins if self.companion else margins * math.nan


def judge_columns(
    name: str,
    first_a: str,
    first_b: str,
    *,
    votes: Mapping[Any, str] | None = None,
    toward: Toward = "first",
    min_gap: float | None = None,
    version: str = "1",
) -> ColumnJudge:
    """What one judge said in both orders, in two columns, as one labeling function without position bias.

    Args:
        name: the labeling function's name.
        first_a: column of what it said when the source's first response was shown first.
        first_b: column of what it said when the source's second response was shown first.
        votes: value -> "a", "b" (the source's first and second response), "first", "second" (as shown), "tie" or
            "abstain"; values compare as text. None: the columns hold numbers, such as differences of log-odds.
        toward: of numbers, what a positive one favours: the response shown "first", or the source's second one, "b".
        min_gap: margins from here on vote although the two verdicts disagree. Default 1 for verdicts (a verdict
            counts 1, so they never do), 0 for numbers.
        version: raise it when the judge changes and its column's name does not.

    >>> from weaklabel.types import Pair, Pairs
    >>> judge = judge_columns("gpt", "ab", "ba", votes={"A": "first", "B": "second"})
    >>> pairs = Pairs.of([Pair("1", "?", "x", "y", columns={"ab": "A", "ba": "B"}),
    ...                   Pair("2", "?", "x", "y", columns={"ab": "A", "ba": "A"})])
    >>> table = judge.derive(pairs.table)
    >>> judge.vote_all(list(Pairs(table).iter_pairs(judge.columns))).votes.tolist()
    [0, -1]
    """
    table = checked_votes(name, votes)
    change_places(name, first_a, first_b)  # two columns, not one twice
    if toward not in ("first", "b"):
        raise LabelingFunctionError(f"{name!r}: toward is {toward!r}. Allowed: 'first', 'b'.")
    gap = float(bool(table)) if min_gap is None else min_gap
    settings = {
        "name": name,
        "first_a": first_a,
        "first_b": first_b,
        "votes": dict(table) or None,
        "toward": toward,
        "min_gap": gap,
        "version": version,
    }
    return ColumnJudge(
        name=name,
        family="columns",
        columns=(f"{name}:first_a", f"{name}:first_b"),
        version=version,
        spec=spec_of("judge_column", settings),
        sources=(first_a, first_b),
        min_gap=gap,
        votes=table,
        toward=toward,
    )


def judge_column(
    name: str,
    column: str,
    shown: str,
    *,
    votes: Mapping[Any, str],
    shown_as: Mapping[Any, str] | None = None,
    version: str = "1",
) -> list[LabelingFunction]:
    """What a judge said in one order that is known: its votes, and `<name>.position`, by which its bias can be learned.

    Args:
        name: the labeling function's name.
        column: its verdicts.
        shown: column that says which of the source's responses it saw first.
        votes: value of `column` -> "a", "b" (the source's), "first", "second" (as shown), "tie" or "abstain".
        shown_as: value of `shown` -> "a" or "b". Default: "a" and "b" themselves.
        version: raise it when the judge changes and its column's name does not.
    """
    orders = {"a": "a", "b": "b"} if shown_as is None else dict(shown_as)
    odd = [value for value in orders.values() if value not in ("a", "b")]
    if odd or not orders:
        raise LabelingFunctionError(
            f"{name!r}: shown_as maps to {odd[0] if odd else 'nothing'!r}. Allowed: a, b."
        )
    settings: dict[str, Any] = {
        "name": name,
        "column": column,
        "shown": shown,
        "votes": dict(checked_votes(name, votes)),
        "shown_as": {verdict_key(value): side for value, side in orders.items()},
        "version": version,
    }
    return [_shown(**settings, companion=False), _shown(**settings, companion=True)]


def from_settings(settings: Mapping[str, Any]) -> DerivedFunction:
    """The function that the settings of a spec describe."""
    return judge_columns(**settings) if "first_a" in settings else _shown(**settings)


def _shown(
    *,
    name: str,
    column: str,
    shown: str,
    votes: Mapping[str, str],
    shown_as: Mapping[str, str],
    version: str,
    companion: bool,
) -> ShownVerdict:
    settings = {
        "name": name,
        "column": column,
        "shown": shown,
        "votes": dict(votes),
        "shown_as": dict(shown_as),
        "version": version,
        "companion": companion,
    }
    own = f"{name}.position" if companion else name
    return ShownVerdict(
        name=own,
        family="columns",
        columns=(f"{own}:score_a", f"{own}:score_b"),
        version=version,
        spec=spec_of("judge_column", settings),
        sources=(column, shown),
        min_gap=_NEVER if companion else 0.0,
        votes=tuple(sorted(votes.items())),
        shown_as=tuple(sorted(shown_as.items())),
        companion=companion,
    )


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


def checked_votes(name: str, votes: Mapping[Any, str] | None) -> tuple[tuple[str, str], ...]:
    """`votes` with its values as text, sorted; empty for None.

    Raises:
        LabelingFunctionError: a meaning that is not known, or none at all.
    """
    if votes is None:
        return ()
    return tuple(sorted(keyed_votes(name, votes, _MEANINGS).items()))


def _exchange(one: Sequence[Any], two: Sequence[Any], swapped: Sequence[bool]) -> tuple[list[Any], list[Any]]:
    """The two columns, changing places where `swapped` says so."""
    both = [(b, a) if turned else (a, b) for a, b, turned in zip(one, two, swapped, strict=True)]
    return [a for a, _ in both], [b for _, b in both]
