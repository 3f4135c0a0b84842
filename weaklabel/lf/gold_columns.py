"""Columns that are gold, or a copy of it in other words: a labeling function that reads one teaches nothing.

Its accuracy on gold is 1.000, the labeler gives it all the weight, and on pairs without gold it is silent or stale. So
every column that a function declares, and every two of them, are compared with gold on the pairs that have some. What
counts is what a column says, not what it is called, so a copy under another name or in another coding is found too:

- its values, or those of two columns together, tell gold's side on every pair: words, codes, names, ranks;
- a number, or the difference of two, separates the sides: signed strengths, probabilities, the scores behind gold;
- it repeats the better response, or what stands in a column about it, such as its model's name;
- it is there for one side alone.

Each is tried in the order of the pairs and in that of their source. Fewer than 20 pairs cannot tell.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from weaklabel.errors import DataError
from weaklabel.lf.columns import DerivedFunction
from weaklabel.lf.core import LabelingFunction
from weaklabel.types import FloatArray, Pairs
from weaklabel.types.pair import swapped_name
from weaklabel.types.verdicts import verdict_key

FEWEST: Final = 20
_PER_SIDE: Final = 5
# Rows whose value an earlier one had. By chance each of them agrees with gold one time in two.
_REPEATS: Final = 15

_Sides = NDArray[np.bool_]
_Keys = list[Any]


@dataclass(frozen=True, slots=True)
class GoldColumn:
    """What was found: which columns of a function say what gold says, on how many pairs."""

    names: tuple[str, ...]
    n_pairs: int

    def __str__(self) -> str:
        shown = " and ".join(map(repr, self.names))
        many = len(self.names) > 1
        return (
            f"column{'s' if many else ''} {shown}, which {'say' if many else 'says'} what gold says on all "
            f"{self.n_pairs:,} pairs where both are known"
        )


def refuse_gold_columns(lfs: Sequence[LabelingFunction], pairs: Pairs) -> None:
    """Raises DataError where a function that is not allowed to reads what gold says.

    Args:
        lfs: labeling functions; those without columns of the data, and those with `allow`, are passed over.
        pairs: all that have gold; others do not matter.
    """
    reading = [lf for lf in lfs if not lf.allow and reads_columns(lf)]
    if not reading:
        return
    decided = _decided(pairs)
    for lf in reading:
        if (found := gold_column(lf, decided)) is not None:
            raise DataError(
                f"{lf.name!r} reads {found}. Labels would be learned from gold itself. Use another column; or, where this "
                "one is no copy of gold, write allow = true (allow=True in Python)."
            )


def gold_column(lf: LabelingFunction, pairs: Pairs) -> GoldColumn | None:
    """The columns of `lf` that say what the gold of `pairs` says; None where there are none, or too few pairs to tell."""
    decided = _decided(pairs)
    if len(decided) < FEWEST or not reads_columns(lf):
        return None
    table, names = decided.table, lf.columns
    if isinstance(lf, DerivedFunction):
        table, names = (table, lf.sources) if lf.sources else (lf.derive(table, ask=False), lf.columns)
    names = tuple(name for name in names if name in table.column_names)
    sides = _sides(decided)
    for chosen in _choices(names, set(table.column_names)):
        for view in _views(table, chosen):
            if any((n := view(side)) for side in sides):
                return GoldColumn(chosen, n)
    return None


def reads_columns(lf: LabelingFunction) -> bool:
    """Whether it reads columns of the data or of a table beside it, and does not ask somebody."""
    return bool(lf.columns) and not (isinstance(lf, DerivedFunction) and not hasattr(lf.settings, "allow"))


def _decided(pairs: Pairs) -> Pairs:
    y = pairs.y
    return pairs.take((y == 0.0) | (y == 1.0))


def _sides(pairs: Pairs) -> list[_Sides]:
    """`(n,)` whether gold is b: in the order of the pairs, and in that of their source; without orders of one side."""
    gold = pairs.y == 1.0
    swapped = np.array([value is True for value in pairs.table["swapped"].to_pylist()], dtype=np.bool_)
    return [side for side in (gold, gold ^ swapped) if min(side.sum(), (~side).sum()) >= _PER_SIDE]


def _choices(names: Sequence[str], known: set[str]) -> Iterator[tuple[str, ...]]:
    """Each column, each with its counterpart of the other response, and every two of them."""
    yield from ((name,) for name in names)
    couples = [(name, swapped_name(name, known)) for name in names]
    couples += itertools.combinations(names, 2)
    yield from dict.fromkeys((a, b) for a, b in couples if a != b)


View = Callable[[_Sides], int]
"""Given gold's sides: on how many pairs what one sees tells all of them; 0 where it does not."""


def _views(table: pa.Table, names: tuple[str, ...]) -> Iterator[View]:
    """The ways in which columns can say what gold says."""
    values = [table[name].to_pylist() for name in names]
    there = [[not _is_missing(v) for v in column] for column in values]
    keys = [
        tuple(map(_key, row)) if all(known) else None
        for row, known in zip(zip(*values, strict=True), zip(*there, strict=True), strict=True)
    ]
    yield lambda side: _tells(keys, side)
    yield lambda side: _tells(list(zip(*there, strict=True)), side)
    numbers = [_numbers(column) for column in values]
    if all(found is not None for found in numbers):
        number: FloatArray = numbers[0] if len(numbers) == 1 else numbers[1] - numbers[0]  # type: ignore[assignment, operator]
        yield lambda side: _separates(number, side)
    if len(names) == 1:
        for a, b in _texts_of_sides(table, names[0]):
            better = [_which(v, x, y) for v, x, y in zip(values[0], a, b, strict=True)]
            yield lambda side, better=better: _tells(better, side)  # type: ignore[misc]


def _tells(keys: _Keys, side: _Sides) -> int:
    """How many keys are known, where each stands for one side; None is not known."""
    known = [(key, bool(is_b)) for key, is_b in zip(keys, side, strict=True) if key is not None]
    meaning = dict(known)
    enough = _are_enough(np.array([is_b for _, is_b in known], dtype=np.bool_), len(side))
    repeats = len(known) - len(meaning)
    if not enough or repeats < _REPEATS or 2 * len(meaning) > len(known):
        return 0
    return len(known) if all(meaning[key] == is_b for key, is_b in known) else 0


def _separates(numbers: FloatArray, side: _Sides) -> int:
    """How many numbers are known, where all of one side lie above all of the other."""
    known = ~np.isnan(numbers)
    if not _are_enough(side[known], len(side)):
        return 0
    a, b = numbers[known & ~side], numbers[known & side]
    return int(known.sum()) if a.max() < b.min() or b.max() < a.min() else 0


def _are_enough(side: _Sides, n_gold: int) -> bool:
    """Whether so many pairs can tell: 20, half of those with gold, and some of either side."""
    n, n_b = len(side), int(side.sum())
    return n >= FEWEST and 2 * n >= n_gold and min(n_b, n - n_b) >= _PER_SIDE


def _texts_of_sides(table: pa.Table, name: str) -> Iterator[tuple[list[Any], list[Any]]]:
    """Couples of columns about the two responses, the responses among them, that a text may repeat one of."""
    if not pa.types.is_string(table.schema.field(name).type):
        return
    known = set(table.column_names)
    for other in table.column_names:
        partner = swapped_name(other, known)
        if other < partner and name not in (other, partner):
            yield table[other].to_pylist(), table[partner].to_pylist()


def _which(value: Any, a: Any, b: Any) -> bool | None:
    """Whether a value repeats what belongs to b; None where it repeats both or neither."""
    return None if _is_missing(value) or (value == a) == (value == b) else bool(value == b)


def _numbers(values: Sequence[Any]) -> FloatArray | None:
    """The values as numbers, NaN where there is none; None where one is something else."""
    try:
        found = [np.nan if _is_missing(v) or isinstance(v, bool) else float(v) for v in values]
    except (TypeError, ValueError):
        return None
    return np.array(found, dtype=np.float64)


def _key(value: Any) -> str:
    return verdict_key(value) if isinstance(value, str | int | float) else repr(value)


def _is_missing(value: Any) -> bool:
    return value is None or value == "" or value != value
