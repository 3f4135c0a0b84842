"""Every rule of acquisition keeps the contract of `Acquisition`, and the checks catch rules that break it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from made_pool import made_pool

from weaklabel.acquisition import ACQUISITIONS, Acquisition, Pool, check_acquisition, get_acquisition
from weaklabel.acquisition.base import Picked, largest
from weaklabel.acquisition.checks import ACQUISITION_CHECKS
from weaklabel.errors import ArgumentError, ConfigError, DataError, UnknownNameError


@pytest.mark.parametrize("name", sorted(ACQUISITIONS))
@pytest.mark.parametrize("seed", range(3))
def test_every_rule_keeps_it(name: str, seed: int) -> None:
    rule = get_acquisition(name)
    assert rule.name == name
    for known in (0, 5):
        check_acquisition(rule, made_pool(known=known, seed=seed))


@pytest.mark.parametrize("name", sorted(ACQUISITIONS))
def test_every_rule_keeps_it_where_all_pairs_are_alike(name: str) -> None:
    """Equal rows, beliefs of one half and features of zero: nothing to go by, and as many pairs all the same."""
    n = 12
    pool = Pool(
        tuple(f"p{i:02}" for i in range(n)),
        np.zeros(n),
        np.zeros(n, dtype=np.int64),
        other=np.zeros(n),
        features=np.zeros((n, 3)),
        text=np.ones((n, 3)),
    )
    check_acquisition(get_acquisition(name), pool)


def test_coreset_keeps_it_on_texts_too() -> None:
    check_acquisition(get_acquisition("coreset", space="text"), made_pool())


@pytest.mark.parametrize("name", sorted(ACQUISITIONS))
def test_a_rule_says_which_part_of_the_pool_it_lacks(name: str) -> None:
    bare = made_pool().take(np.arange(8))
    bare = Pool(bare.ids, bare.logit, bare.strata)
    rule = get_acquisition(name)
    if rule.needs:
        with pytest.raises(
            ConfigError, match=r"needs '\w+', which the pool does not have. It has: ids, logit, strata"
        ):
            rule.choose(bare, 2)
    else:
        check_acquisition(rule, bare)


def test_misspelt_names_and_settings_are_told() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'coreset'"):
        get_acquisition("corset")
    with pytest.raises(UnknownNameError, match="space of coreset"):
        get_acquisition("coreset", space="prompts")
    with pytest.raises(ConfigError, match="most is 0"):
        get_acquisition("uncertain_coreset", most=0)
    with pytest.raises(ConfigError, match="no setting of uncertainty 'most'"):
        get_acquisition("uncertainty", most=3)


class LikesB(Acquisition):
    name = "likes_b"

    def _choose(self, pool: Pool, n: int, rng: np.random.Generator) -> Picked:
        return largest(pool.logit, n)

    def _reason(self, pool: Pool, row: int, value: float) -> str:
        return "b is better"


class Unsure(LikesB):
    def _choose(self, pool: Pool, n: int, rng: np.random.Generator) -> Picked:
        return largest(-np.abs(pool.logit), n)


class Repeats(Unsure):
    def _choose(self, pool: Pool, n: int, rng: np.random.Generator) -> Picked:
        return np.zeros(n, dtype=np.int64), np.ones(n)


class TooFew(Unsure):
    def _choose(self, pool: Pool, n: int, rng: np.random.Generator) -> Picked:
        return largest(-np.abs(pool.logit), max(1, n - 1))


class Rolls(Unsure):
    def _choose(self, pool: Pool, n: int, rng: np.random.Generator) -> Picked:
        return largest(np.random.default_rng().random(len(pool)), n)


class SaysNothing(Unsure):
    def _reason(self, pool: Pool, row: int, value: float) -> str:
        return ""


class Scribbles(Unsure):
    def _choose(self, pool: Pool, n: int, rng: np.random.Generator) -> Picked:
        found = super()._choose(pool, n, rng)
        assert pool.known_logit is not None
        pool.known_logit[0] += 1  # what is known is handed over as it is
        return found


class Certain(Unsure):
    def _choose(self, pool: Pool, n: int, rng: np.random.Generator) -> Picked:
        rows, _ = super()._choose(pool, n, rng)
        return rows, np.full(n, np.nan)


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (LikesB, "when the responses of some pairs change places"),
        (Repeats, "chooses a pair twice"),
        (TooFew, "rows with"),
        (Rolls, "when asked twice with one seed"),
        (SaysNothing, "as reasons"),
        (Certain, "a value that is not a number"),
    ],
)
def test_a_rule_that_breaks_a_promise_is_told_which(made: Any, words: str) -> None:
    check_acquisition(Unsure(), made_pool())
    with pytest.raises(AssertionError, match=f"{made.__name__} .*{words}"):
        check_acquisition(made(), made_pool())


def test_a_rule_that_writes_into_its_pool_is_told() -> None:
    pool = made_pool()
    with pytest.raises(AssertionError, match="Scribbles changes the pool"):
        next(check for check in ACQUISITION_CHECKS if "left_alone" in check.__name__)(Scribbles(), pool)


def test_too_small_a_pool_checks_nothing_and_another_thing_is_no_rule() -> None:
    with pytest.raises(DataError, match="Give 8 or more"):
        check_acquisition(Unsure(), made_pool(7))
    with pytest.raises(ArgumentError, match="acquisition is 'random'"):
        check_acquisition("random", made_pool())  # type: ignore[arg-type]
