"""Columns that the data already holds, used as labeling functions: two scores, or a verdict.

**Which response does a value speak of?** Readers redraw the order of the responses by a coin, and `*_a`/`*_b`
columns change places with the texts; other columns stay as the source wrote them. So:

- a pair of columns `x_a`, `x_b` speaks of the pair as it stands;
- any other pair of score columns, and every verdict, speaks of the *source's* order. `with_derived_columns`
  turns them round where the canonical column `swapped` says so, into two columns `<name>:score_a` and
  `<name>:score_b` that swap like the texts. The labeling function sees those two and nothing else; `apply` makes
  them before anything is voted on.

Both kinds are antisymmetric: turning the pair round flips every vote and the sign of every margin.

Labeling functions that get their columns in another way (a judge that is asked, a table of annotations) are
`DerivedFunction`s too: `with_derived_columns` makes what they read, before anything is voted on.
"""

from __future__ import annotations

import logging
import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from weaklabel._terminal import logger
from weaklabel.errors import DataError, LabelingFunctionError
from weaklabel.lf.core import LabelingFunction, Prefer
from weaklabel.lf.specs import spec_of
from weaklabel.lf.votes import BatchVotes, NotAVote, check_score, fault_of
from weaklabel.types import ABSTAIN, Pair, Pairs
from weaklabel.types.pair import swapped_name
from weaklabel.types.verdicts import keyed, verdict_key

_VERDICTS: Final = ("a", "b", "tie", "abstain")
_log = logger()


class Remark(NamedTuple):
    """A line for the log, and its level there."""

    text: str
    level: int = logging.INFO


@dataclass(frozen=True, kw_only=True)
class DerivedFunction(LabelingFunction):
    """A labeling function that reads columns which are made for it before anything is voted on.

    Attributes:
        sources: the columns of the data behind it.
    """

    sources: tuple[str, ...] = ()

    @abstractmethod
    def derive(self, table: pa.Table, *, ask: bool = True) -> pa.Table:
        """`table` with the columns that this function declares; with `ask=False` from what is at hand alone."""

    def remark(self, table: pa.Table) -> Remark | None:
        """What a person should know of how the sources fit the table; functions of one source say the same."""
        return None


@dataclass(frozen=True, kw_only=True)
class ColumnFunction(DerivedFunction):
    """A labeling function that reads two scores, one per response, from declared columns.

    A margin is score b minus score a, its sign turned for `prefer="less"`; the vote is its sign, an abstain
    below `min_gap`. A score that is missing or NaN is an abstain without a margin; one that is no finite
    number is a fault.
    """

    prefer: Prefer = "more"
    min_gap: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.prefer not in ("more", "less"):
            raise LabelingFunctionError(f"{self.name!r}: prefer is {self.prefer!r}. Allowed: 'more', 'less'.")
        if not (math.isfinite(self.min_gap) and self.min_gap >= 0):
            raise LabelingFunctionError(f"{self.name!r}: min_gap is {self.min_gap}. Allowed: a number >= 0.")

    def vote_all(self, pairs: Sequence[Pair]) -> BatchVotes:
        margins = np.full(len(pairs), np.nan, dtype=np.float32)
        faults = []
        sign = 1.0 if self.prefer == "more" else -1.0
        for row, pair in enumerate(pairs):
            try:
                a, b = (self._read(pair.columns[name]) for name in self.columns)
                with np.errstate(over="ignore"):  # beyond float32 it becomes infinite and keeps its sign
                    margins[row] = np.float32(sign * (b - a))
            except Exception as error:
                faults.append(fault_of(self.name, pair.id, error))
        gap = np.abs(margins)
        with np.errstate(over="ignore"):
            speaks = (gap > 0) & (gap >= np.float32(self.min_gap))
        votes = np.where(speaks, margins > 0, ABSTAIN).astype(np.int8)
        return BatchVotes(votes, self._margins(margins), tuple(faults))

    def _read(self, value: Any) -> float:
        return math.nan if value is None else check_score(value)

    def _margins(self, margins: np.ndarray[Any, np.dtype[np.float32]]) -> Any:
        return margins

    def _flip_where_swapped(
        self, table: pa.Table, first: pa.ChunkedArray, second: pa.ChunkedArray
    ) -> pa.Table:
        """Append two columns, exchanged where the pair stands in the other order than its source."""
        swapped = pc.fill_null(table["swapped"], False)
        try:
            one, two = pc.if_else(swapped, second, first), pc.if_else(swapped, first, second)
        except pa.ArrowException:
            raise DataError(
                f"{self.name!r}: columns {self.sources[0]!r} and {self.sources[-1]!r} are {first.type} and {second.type}. "
                "Give two columns of numbers."
            ) from None
        for name, values in zip(self.columns, (one, two), strict=True):
            if name not in table.column_names:
                table = table.append_column(name, values)
        return table


@dataclass(frozen=True, kw_only=True)
class ColumnScores(ColumnFunction):
    """Two score columns. Made by `column_scores`."""

    @property
    def doc(self) -> str:
        return f"Prefers {self.prefer} of column {self.sources[1]!r} against {self.sources[0]!r}."

    @property
    def parameters(self) -> dict[str, Any]:
        settings = {"score_a": self.sources[0], "score_b": self.sources[1]}
        return {**settings, "prefer": self.prefer, "min_gap": self.min_gap, "version": self.version}

    def derive(self, table: pa.Table, *, ask: bool = True) -> pa.Table:
        if self.columns == self.sources:
            return table
        return self._flip_where_swapped(table, *(table[name] for name in self.sources))


@dataclass(frozen=True, kw_only=True)
class ColumnVerdict(ColumnFunction):
    """A verdict column. Made by `column_verdict`. It has votes and no margins."""

    votes: tuple[tuple[str, str], ...]

    @property
    def doc(self) -> str:
        return f"Votes as column {self.sources[0]!r} says."

    @property
    def parameters(self) -> dict[str, Any]:
        return {"column": self.sources[0], "votes": dict(self.votes), "version": self.version}

    def derive(self, table: pa.Table, *, ask: bool = True) -> pa.Table:
        known = dict(self.votes)
        verdicts = [_beliefs(value, known) for value in table[self.sources[0]].to_pylist()]
        for_a = pa.chunked_array([pa.array([a for a, _ in verdicts], pa.string())])
        for_b = pa.chunked_array([pa.array([b for _, b in verdicts], pa.string())])
        return self._flip_where_swapped(table, for_a, for_b)

    def _read(self, value: Any) -> float:
        if value not in (None, "0", "1"):
            raise undefined(f"{value[1:]} in column {self.sources[0]!r}", "votes", dict(self.votes))
        return math.nan if value is None else float(value)

    def _margins(self, margins: np.ndarray[Any, np.dtype[np.float32]]) -> Any:
        return np.full_like(margins, np.nan)


def column_scores(
    name: str,
    score_a: str,
    score_b: str,
    *,
    prefer: Prefer = "more",
    min_gap: float = 0.0,
    version: str = "1",
) -> ColumnScores:
    """Two columns of scores as a labeling function with margins.

    Args:
        name: the labeling function's name.
        score_a, score_b: columns with the score of the first and of the second response. Names that differ in
            their ending `_a`/`_b` alone change places with the texts; others count in the source's order.
        prefer: whether "more" or "less" of the score wins.
        min_gap: differences below this abstain, in units of the score.

    >>> lf = column_scores("old_model", "rm_a", "rm_b", min_gap=0.5)
    >>> pair = Pair("1", "Hi", "Hello", "Yo", columns={"rm_a": 2.0, "rm_b": 0.5})
    >>> lf(pair), lf(pair.swapped())
    (0, 1)
    """
    oriented = change_places(name, score_a, score_b)
    settings = {
        "name": name,
        "score_a": score_a,
        "score_b": score_b,
        "prefer": prefer,
        "min_gap": min_gap,
        "version": version,
    }
    return ColumnScores(
        name=name,
        family="columns",
        columns=(score_a, score_b) if oriented else _derived(name),
        version=version,
        spec=spec_of("column", settings),
        sources=(score_a, score_b),
        prefer=prefer,
        min_gap=min_gap,
    )


def column_verdict(name: str, column: str, *, votes: Mapping[Any, str], version: str = "1") -> ColumnVerdict:
    """A column that says which response is better as a labeling function.

    Args:
        name: the labeling function's name.
        column: it holds verdicts about the source's order, whatever order the pair was redrawn to.
        votes: value -> "a", "b", "tie" or "abstain". Values are compared as text, so that 1, 1.0 and "1" are
            one value. Null abstains; any value that is not listed is a fault.
    """
    table = keyed_votes(name, votes, _VERDICTS)
    return ColumnVerdict(
        name=name,
        family="columns",
        columns=_derived(name),
        version=version,
        spec=spec_of("column", {"name": name, "column": column, "votes": table, "version": version}),
        sources=(column,),
        votes=tuple(sorted(table.items())),
    )


def from_settings(settings: Mapping[str, Any]) -> DerivedFunction:
    """The column LF that the settings of a spec describe."""
    return column_verdict(**settings) if "votes" in settings else column_scores(**settings)


def with_derived_columns(
    lfs: Sequence[LabelingFunction], pairs: Pairs, *, ask: bool = True, quiet: bool = False
) -> Pairs:
    """`pairs` with the columns that column LFs, judges and crowds declare and the data does not hold as such.

    Args:
        lfs: labeling functions; those that read no made columns are passed over.
        pairs: the pairs.
        ask: whether judges may be asked, which costs money; without, what they said before is all there is.
        quiet: log no remark on how the columns fit, for callers who see a part of the pairs.

    Raises:
        DataError: a source column is missing; names the labeling function.
    """
    table = pairs.table
    derived = [lf for lf in lfs if isinstance(lf, DerivedFunction)]
    remarks = {} if quiet else dict.fromkeys(lf.remark(table) for lf in derived)
    for remark in filter(None, remarks):
        _log.log(remark.level, "%s", remark.text)
    for lf in derived:
        missing = [name for name in lf.sources if name not in table.column_names]
        if missing:
            raise DataError(
                f"{lf.name!r} needs column {missing[0]!r}. The pairs have: {', '.join(pairs.table.column_names)}."
            )
        table = lf.derive(table, ask=ask)
    return pairs if table is pairs.table else Pairs(table, pairs.set_aside)


def _beliefs(value: object, votes: Mapping[str, str]) -> tuple[str | None, str | None]:
    """What a verdict says of the source's first and second response: "1" and "0", None to abstain.

    A value that is not defined travels on behind a "?", so that the vote on it fails with its name.
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None, None
    verdict = votes.get(verdict_key(value))
    if verdict is None:
        return f"?{value!r}", f"?{value!r}"
    return {"a": ("1", "0"), "b": ("0", "1")}.get(verdict, (None, None))


def _derived(name: str) -> tuple[str, str]:
    return f"{name}:score_a", f"{name}:score_b"


def change_places(name: str, one: str, two: str) -> bool:
    """Whether two columns change places with the texts when a pair is turned round: `x_a` and `x_b` do.

    Raises:
        LabelingFunctionError: they are one column.
    """
    if one == two:
        raise LabelingFunctionError(f"{name!r}: column {one!r} is named twice. Name two columns.")
    return swapped_name(one, {one, two}) == two


def undefined(what: str, setting: str, known: Mapping[str, str]) -> NotAVote:
    """The error of a function that read a value to which its settings give no meaning."""
    defined = ", ".join(map(repr, known))
    return NotAVote(
        f"read {what}", f"{setting} defines {defined}. Add the value, as 'abstain' if it says nothing."
    )


def keyed_votes(name: str, votes: Mapping[Any, str], meanings: Sequence[str]) -> dict[str, str]:
    """`votes` with its values as text.

    Raises:
        LabelingFunctionError: a meaning that is not one of `meanings`, or none at all.
    """
    try:
        return keyed(votes, meanings)
    except ValueError as error:
        raise LabelingFunctionError(f"{name!r}: votes {error}") from None
