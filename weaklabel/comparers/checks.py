"""What every comparer keeps: the contract of `Comparer`, as checks that can be run on any.

Each check takes a comparer and pairs that it can answer for, and raises AssertionError saying what the comparer did
and what the contract asks. Nothing is bought: `compare` spends no money.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from weaklabel._arguments import checked
from weaklabel.errors import DataError
from weaklabel.types import CANONICAL, TURNED_GOLD, Comparer, FloatArray, Pairs, interval_of

Check = Callable[[Comparer, Pairs], None]

_FEWEST: Final = 4
# Neural models sum in another order for another batch; every other comparer of ours is exact.
_CLOSE: Final = 1e-6


@checked
def check_comparer(comparer: Comparer, pairs: Pairs) -> None:
    """Run every check in `COMPARER_CHECKS`.

    Args:
        comparer: fitted, whatever it is.
        pairs: four pairs or more that it can answer for, best with gold and of several prompts.

    Raises:
        AssertionError: the first promise that is broken, in words.
        DataError: fewer than four pairs.

    >>> from weaklabel.types import Pair
    >>> class Coin(Comparer):
    ...     def compare(self, pairs):
    ...         return np.full(len(pairs), 0.5)
    >>> check_comparer(Coin(), Pairs.of([Pair(str(i), "2 + 2?", "4", f"{i}") for i in range(6)]))
    """
    if len(pairs) < _FEWEST:
        raise DataError(f"check_comparer got {len(pairs)} pairs. Give {_FEWEST} or more.")
    for check in COMPARER_CHECKS:
        check(comparer, pairs)


def check_says_what_it_rests_on(comparer: Comparer, pairs: Pairs) -> None:
    for name in ("compare", "saw"):
        _require(comparer, callable(getattr(comparer, name, None)), f"has no method {name}(pairs)")
    calibrated = getattr(comparer, "calibrated", None)
    _require(
        comparer, isinstance(calibrated, bool), f"has {calibrated!r} as calibrated, which is True or False"
    )


def check_answers_are_probabilities(comparer: Comparer, pairs: Pairs) -> None:
    for n in (len(pairs), 1, 0):
        p = comparer.compare(_first(pairs, n))
        _require(comparer, isinstance(p, np.ndarray), f"answers with {type(p).__name__}, not a numpy array")
        _require(comparer, p.shape == (n,), f"answers {n} pairs with shape {p.shape}, expected ({n},)")
        _require(comparer, p.dtype == np.float64, f"answers with {p.dtype}, not float64")
        _require(comparer, bool(((p >= 0) & (p <= 1)).all()), "answers with values outside [0, 1], or NaN")


def check_a_swap_turns_the_answer(comparer: Comparer, pairs: Pairs) -> None:
    gap = _gap(comparer.compare(pairs.swapped()), 1 - comparer.compare(pairs))
    _require(
        comparer,
        gap <= _CLOSE,
        f"misses 1 - p by {gap:.1e} when the responses are swapped; average over both orders",
    )


def check_asked_twice_it_says_the_same(comparer: Comparer, pairs: Pairs) -> None:
    gap = _gap(comparer.compare(pairs), comparer.compare(pairs))
    _require(comparer, gap == 0, f"answers the same pairs with a difference of {gap:.1e}")


def check_other_pairs_change_nothing(comparer: Comparer, pairs: Pairs) -> None:
    n = len(pairs)
    whole = comparer.compare(pairs)
    parts = [pairs.take(rows) for rows in (np.arange(n // 2), np.arange(n // 2, n))]
    backwards = comparer.compare(pairs.take(np.arange(n)[::-1]))[::-1]
    alone = comparer.compare(pairs.take(np.array([n - 1])))
    halves = np.concatenate([comparer.compare(part) for part in parts])
    for how, gap in (
        ("asked in halves", _gap(halves, whole)),
        ("asked in the other order", _gap(backwards, whole)),
        ("asked one alone", _gap(alone, whole[-1:])),
    ):
        _require(
            comparer, gap <= _CLOSE, f"answers otherwise by {gap:.1e} when {how}; a pair speaks for itself"
        )


def check_the_answer_is_not_looked_at(comparer: Comparer, pairs: Pairs) -> None:
    expected = comparer.compare(pairs)
    gold = pairs.table["gold"].to_pylist()
    changed: dict[str, list[Any]] = {
        "gold": [TURNED_GOLD.get(value, "b") if value else "a" for value in gold],
        "part": ["test" if part != "test" else "dev" for part in pairs.parts],
    }
    for name, values in changed.items():
        gap = _gap(comparer.compare(_with(pairs, name, values)), expected)
        _require(comparer, gap == 0, f"answers otherwise by {gap:.1e} when column {name!r} changes")


def check_the_sources_order_is_not_looked_at(comparer: Comparer, pairs: Pairs) -> None:
    bare = Pairs(pairs.table.select(CANONICAL.names))
    try:
        expected = comparer.compare(bare)
    except DataError:
        return  # it needs further columns; those that speak of the source's order rightly turn with `swapped`
    turned = pc.invert(pc.fill_null(bare.table["swapped"], False))
    gap = _gap(comparer.compare(_with(bare, "swapped", turned.to_pylist())), expected)
    _require(comparer, gap == 0, f"answers otherwise by {gap:.1e} when column 'swapped' changes")


def check_saw_answers_every_pair(comparer: Comparer, pairs: Pairs) -> None:
    for n in (len(pairs), 1, 0):
        saw = comparer.saw(_first(pairs, n))
        is_mask = isinstance(saw, np.ndarray) and saw.shape == (n,) and saw.dtype == np.bool_
        _require(comparer, is_mask, f"answers saw for {n} pairs with {saw!r}, expected ({n},) bool")
    same = comparer.saw(pairs.swapped()) == comparer.saw(pairs)
    _require(comparer, bool(same.all()), "has seen other pairs when the responses are swapped")


def check_an_interval_holds_the_answer_and_turns_with_it(comparer: Comparer, pairs: Pairs) -> None:
    p, ends = comparer.compare(pairs), interval_of(type(comparer).__name__, comparer, pairs)
    if np.isnan(ends).any():
        return  # it offers none
    holds = (ends[:, 0] <= p + _CLOSE) & (p <= ends[:, 1] + _CLOSE)
    _require(comparer, bool(holds.all()), f"has {int((~holds).sum())} intervals that do not hold its answer")
    turned = interval_of(type(comparer).__name__, comparer, pairs.swapped())
    gap = _gap(turned, 1 - ends[:, ::-1])
    _require(comparer, gap <= _CLOSE, f"misses 1 - interval by {gap:.1e} when the responses are swapped")


COMPARER_CHECKS: Final[tuple[Check, ...]] = (
    check_says_what_it_rests_on,
    check_answers_are_probabilities,
    check_a_swap_turns_the_answer,
    check_asked_twice_it_says_the_same,
    check_other_pairs_change_nothing,
    check_the_answer_is_not_looked_at,
    check_the_sources_order_is_not_looked_at,
    check_saw_answers_every_pair,
    check_an_interval_holds_the_answer_and_turns_with_it,
)
"""The promises of a comparer, each on its own."""


def _first(pairs: Pairs, n: int) -> Pairs:
    return pairs.take(np.arange(n))


def _with(pairs: Pairs, column: str, values: list[Any]) -> Pairs:
    at = pairs.table.schema.get_field_index(column)
    field = pairs.table.schema.field(at)
    return Pairs(pairs.table.set_column(at, field, pa.array(values, field.type)))


def _gap(one: FloatArray, other: FloatArray) -> float:
    return float(np.abs(np.asarray(one) - np.asarray(other)).max(initial=0.0))


def _require(comparer: Comparer, kept: bool, what: str) -> None:
    if not kept:
        raise AssertionError(f"{type(comparer).__name__} {what}.")
