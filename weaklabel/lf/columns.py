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
from typing import Any, Final, NamedTuple, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from weaklabel._terminal import logger
from weaklabel.errors import DataError
from weaklabel.lf.core import LabelingFunction
from weaklabel.lf.settings import (
    ColumnScoresSettings,
    ColumnVerdictSettings,
    arguments,
    takes,
)
from weaklabel.lf.sources.kinds import Described
from weaklabel.lf.votes import BatchVotes, NotAVote, check_score, fault_of
from weaklabel.types import ABSTAIN, Float32Array, Pair, Pairs
from weaklabel.types.pair import swapped_name
from weaklabel.types.pairs import HIDDEN
from weaklabel.types.verdicts import verdict_key

_log = logger()


class Remark(NamedTuple):
    """A line for the log, and its level there."""

    text: str
    level: int = logging.INFO


@dataclass(frozen=True, kw_only=True, repr=False)
class DerivedFunction(LabelingFunction):
    """A labeling function that reads columns which are made for it before anything is voted on.

    Attributes:
        settings: all that describes it, an object of its kind's settings class.
        sources: the columns of the data behind it.
    """

    settings: Any
    sources: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        kind: Described,
        settings: Any,
        family: str,
        columns: tuple[str, str],
        sources: tuple[str, ...] = (),
    ) -> Self:
        """The function that the settings describe, with a spec of this kind."""
        return cls(
            name=settings.name,
            family=family,
            columns=columns,
            version=settings.version,
            spec=kind.spec(arguments(settings)),
            allow=getattr(settings, "allow", False),
            settings=settings,
            sources=sources,
        )

    @property
    def parameters(self) -> dict[str, Any]:
        # Neither its name nor what it may read changes a vote.
        return {key: value for key, value in arguments(self.settings).items() if key not in ("name", "allow")}

    @abstractmethod
    def derive(self, table: pa.Table, *, ask: bool = True) -> pa.Table:
        """`table` with the columns that this function declares; with `ask=False` from what is at hand alone."""

    def is_derived(self, table: pa.Table) -> bool:
        """Whether `table` has the columns already."""
        return all(name in table.column_names for name in self.columns)

    def remark(self, table: pa.Table) -> Remark | None:
        """What a person should know of how the sources fit the table; functions of one source say the same."""
        return None


@dataclass(frozen=True, kw_only=True, repr=False)
class ColumnFunction(DerivedFunction):
    """A labeling function that reads two scores, one per response, from declared columns.

    A margin is score b minus score a, its sign turned where less of the score wins; the vote is its sign, an abstain
    below the smallest gap. A score that is missing or NaN is an abstain without a margin; one that is not a finite
    number is a fault.
    """

    @property
    def band(self) -> tuple[int, float]:
        """Sign of the margin (+1 where more of the score wins, else -1), and the smallest gap that votes."""
        return 1, 0.0

    def vote_all(self, pairs: Sequence[Pair]) -> BatchVotes:
        margins = np.full(len(pairs), np.nan, dtype=np.float32)
        faults = []
        sign, min_gap = self.band
        for row, pair in enumerate(pairs):
            try:
                a, b = (self._read(pair.columns[name]) for name in self.columns)
                with np.errstate(over="ignore"):  # beyond float32 it becomes infinite and keeps its sign
                    margins[row] = np.float32(sign * (b - a))
            except Exception as error:
                faults.append(fault_of(self.name, pair.id, error))
        gap = np.abs(margins)
        with np.errstate(over="ignore"):
            speaks = (gap > 0) & (gap >= np.float32(min_gap))
        votes = np.where(speaks, margins > 0, ABSTAIN).astype(np.int8)
        return BatchVotes(votes, self._margins(margins), tuple(faults))

    def _read(self, value: Any) -> float:
        return math.nan if value is None else check_score(value)

    def _margins(self, margins: Float32Array) -> Float32Array:
        return margins

    def _with_scores(
        self, table: pa.Table, first: Sequence[Any], second: Sequence[Any], kind: Any
    ) -> pa.Table:
        """`_flip_where_swapped` of values of the Arrow type `kind`."""
        made = (pa.chunked_array([pa.array(values, kind)]) for values in (first, second))
        return self._flip_where_swapped(table, *made)

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


@dataclass(frozen=True, kw_only=True, repr=False)
class ColumnScores(ColumnFunction):
    """Two score columns. Made by `column_scores`."""

    settings: ColumnScoresSettings

    @property
    def doc(self) -> str:
        return f"Prefers {self.settings.prefer} of column {self.sources[1]!r} against {self.sources[0]!r}."

    @property
    def band(self) -> tuple[int, float]:
        return (1 if self.settings.prefer == "more" else -1), self.settings.min_gap

    def derive(self, table: pa.Table, *, ask: bool = True) -> pa.Table:
        if self.columns == self.sources:
            return table
        return self._flip_where_swapped(table, *(table[name] for name in self.sources))


@dataclass(frozen=True, kw_only=True, repr=False)
class ColumnVerdict(ColumnFunction):
    """A verdict column. Made by `column_verdict`. It has votes and no margins."""

    settings: ColumnVerdictSettings

    @property
    def doc(self) -> str:
        return f"Votes as column {self.settings.column!r} says."

    def derive(self, table: pa.Table, *, ask: bool = True) -> pa.Table:
        verdicts = [self._beliefs(value) for value in table[self.settings.column].to_pylist()]
        return self._with_scores(table, [a for a, _ in verdicts], [b for _, b in verdicts], pa.string())

    def _beliefs(self, value: object) -> tuple[str | None, str | None]:
        """What a verdict says of the source's first and second response: "1" and "0", None to abstain.

        A value that is not defined travels on behind a "?", so that the vote on it fails with its name.
        """
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return None, None
        verdict = self.settings.votes.get(verdict_key(value))
        if verdict is None:
            return f"?{value!r}", f"?{value!r}"
        return {"a": ("1", "0"), "b": ("0", "1")}.get(verdict, (None, None))

    def _read(self, value: Any) -> float:
        if value not in (None, "0", "1"):
            raise undefined(f"{value[1:]} in column {self.settings.column!r}", "votes", self.settings.votes)
        return math.nan if value is None else float(value)

    def _margins(self, margins: Float32Array) -> Float32Array:
        return np.full_like(margins, np.nan)


@takes(ColumnScoresSettings)
def column_scores(settings: ColumnScoresSettings) -> ColumnScores:
    """Two columns of scores as a labeling function with margins.

    Example:
        lf = column_scores("old_model", "rm_a", "rm_b", min_gap=0.5)
    """
    sources = (settings.score_a, settings.score_b)
    columns = sources if change_places(*sources) else made_for(settings.name)
    return ColumnScores.of(COLUMN, settings, "columns", columns, sources)


@takes(ColumnVerdictSettings)
def column_verdict(settings: ColumnVerdictSettings) -> ColumnVerdict:
    """A column that says which response is better as a labeling function."""
    return ColumnVerdict.of(COLUMN, settings, "columns", made_for(settings.name), (settings.column,))


def _from_spec(values: Mapping[str, Any]) -> LabelingFunction:
    return column_verdict(**values) if "votes" in values else column_scores(**values)


COLUMN: Final = Described("column", _from_spec, is_harmless=True)


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
        if hidden := [name for name in lf.sources if name in HIDDEN]:
            raise DataError(
                f"{lf.name!r}: column {hidden[0]!r} can hold the answer, so no function reads it. Name another."
            )
        missing = [name for name in lf.sources if name not in table.column_names]
        if missing:
            raise DataError(
                f"{lf.name!r} needs column {missing[0]!r}. The pairs have: {', '.join(pairs.table.column_names)}."
            )
        table = lf.derive(table, ask=ask)
    return pairs if table is pairs.table else Pairs(table, pairs.set_aside)


def made_for(name: str, kind: str = "score") -> tuple[str, str]:
    """The names of the two columns that are made for a function.

    >>> made_for("gpt", "first")
    ('gpt:first_a', 'gpt:first_b')
    """
    return f"{name}:{kind}_a", f"{name}:{kind}_b"


def change_places(one: str, two: str) -> bool:
    """Whether two columns change places with the texts when a pair is turned round: `x_a` and `x_b` do."""
    return swapped_name(one, {one, two}) == two


def undefined(what: str, setting: str, known: Mapping[str, str]) -> NotAVote:
    """The error of a function that read a value to which its settings give no meaning."""
    defined = ", ".join(map(repr, known))
    return NotAVote(
        f"read {what}", f"{setting} defines {defined}. Add the value, as 'abstain' if it says nothing."
    )
