"""What every rule of acquisition keeps: the contract of `Acquisition`, as checks that can be run on any.

Each check takes a rule and a pool that has what the rule needs, and raises AssertionError saying what the rule did and
what the contract asks.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Final

import numpy as np

from weaklabel._arguments import checked
from weaklabel.acquisition.base import Acquisition, Chosen
from weaklabel.acquisition.pool import Pool
from weaklabel.errors import ConfigError, DataError

Check = Callable[[Acquisition, Pool], None]
_FEWEST: Final = 8


@checked
def check_acquisition(acquisition: Acquisition, pool: Pool) -> None:
    """Run every check in `ACQUISITION_CHECKS`.

    Args:
        acquisition: the rule.
        pool: eight pairs or more, with the parts that the rule needs.

    Raises:
        AssertionError: the first promise that is broken, in words.
        DataError: fewer than eight pairs.

    >>> from weaklabel.acquisition.registry import get_acquisition
    >>> pool = Pool(tuple("abcdefgh"), np.linspace(-2, 2, 8), np.zeros(8, dtype=np.int64))
    >>> check_acquisition(get_acquisition("uncertainty"), pool)
    """
    if len(pool) < _FEWEST:
        raise DataError(f"check_acquisition got a pool of {len(pool)} pairs. Give {_FEWEST} or more.")
    for check in ACQUISITION_CHECKS:
        check(acquisition, pool)


def check_it_chooses_as_many_as_asked(acquisition: Acquisition, pool: Pool) -> None:
    for n in (1, len(pool) // 2, len(pool)):
        chosen = acquisition.choose(pool, n)
        rows = chosen.rows
        _require(
            acquisition,
            rows.shape == (n,) == chosen.value.shape,
            f"chooses {rows.shape} rows with {chosen.value.shape} values when asked for {n}",
        )
        _require(acquisition, len(set(rows.tolist())) == n, f"chooses a pair twice when asked for {n}")
        _require(
            acquisition,
            bool(((rows >= 0) & (rows < len(pool))).all()),
            "chooses rows that are not in the pool",
        )
        _require(acquisition, bool(np.isfinite(chosen.value).all()), "gives a value that is not a number")


def check_every_choice_has_a_reason(acquisition: Acquisition, pool: Pool) -> None:
    reasons = acquisition.choose(pool, _FEWEST // 2).reasons
    kept = len(reasons) == _FEWEST // 2 and all(isinstance(r, str) and r.strip() for r in reasons)
    _require(acquisition, kept, f"gives {reasons!r} as reasons, expected a text for each pair")


def check_the_same_seed_chooses_the_same(acquisition: Acquisition, pool: Pool) -> None:
    for seed in range(3):
        _same(acquisition, pool, pool, seed, "when asked twice with one seed")


def check_no_pair_has_a_direction(acquisition: Acquisition, pool: Pool) -> None:
    rng = np.random.default_rng(0)
    for seed in range(3):
        turned = pool.swapped(rng.random(len(pool)) < 0.5)
        _same(acquisition, pool, turned, seed, "when the responses of some pairs change places")
    everything = pool.swapped(np.ones(len(pool), dtype=np.bool_))
    _same(acquisition, pool, everything, 0, "when the responses of all pairs change places")


def check_the_pools_order_has_no_say(acquisition: Acquisition, pool: Pool) -> None:
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(len(pool))
        _same(acquisition, pool, pool.take(order), seed, "when the pool comes in another order")


def check_the_pool_is_left_alone(acquisition: Acquisition, pool: Pool) -> None:
    copy = deepcopy(pool)
    acquisition.choose(pool, _FEWEST // 2)
    same = all(np.array_equal(getattr(pool, name), getattr(copy, name)) for name in pool.parts)
    _require(acquisition, same, "changes the pool")


def check_an_impossible_number_is_refused(acquisition: Acquisition, pool: Pool) -> None:
    for n in (0, len(pool) + 1):
        try:
            acquisition.choose(pool, n)
        except ConfigError:
            continue
        _require(acquisition, False, f"chooses {n} of {len(pool)} pairs, which is a ConfigError")


ACQUISITION_CHECKS: Final[tuple[Check, ...]] = (
    check_it_chooses_as_many_as_asked,
    check_every_choice_has_a_reason,
    check_the_same_seed_chooses_the_same,
    check_no_pair_has_a_direction,
    check_the_pools_order_has_no_say,
    check_the_pool_is_left_alone,
    check_an_impossible_number_is_refused,
)
"""The promises of a rule of acquisition, each on its own."""


def _same(acquisition: Acquisition, one: Pool, other: Pool, seed: int, when: str) -> None:
    n = max(1, len(one) // 3)
    first, second = (_told(pool, acquisition.choose(pool, n, seed=seed)) for pool in (one, other))
    _require(acquisition, first == second, f"chooses {second[:3]} in place of {first[:3]} {when}")


def _told(pool: Pool, chosen: Chosen) -> list[tuple[str, float]]:
    """Ids and values, in their order."""
    return [(pool.ids[row], float(value)) for row, value in zip(chosen.rows, chosen.value, strict=True)]


def _require(acquisition: Acquisition, kept: bool, what: str) -> None:
    if not kept:
        raise AssertionError(f"{type(acquisition).__name__} {what}.")
