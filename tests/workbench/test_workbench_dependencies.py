"""Planted copies and independent functions are told apart; the figures equal a count by hand; nothing has a direction."""

from __future__ import annotations

import itertools
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_pairs import made_pairs
from synthetic import draw_votes

from weaklabel.errors import GoldError, LabelMatrixError
from weaklabel.types import Pairs, Votes
from weaklabel.workbench._correlation import rank_correlation
from weaklabel.workbench.dependencies import dependencies


def made(L: Any, y: Any = None, prompts: Any = None, margins: Any = None) -> tuple[Votes, Pairs | None]:
    L = np.asarray(L, dtype=np.int8)
    n, m = L.shape
    gaps = np.full(L.shape, np.nan, np.float32) if margins is None else np.asarray(margins, np.float32)
    votes = Votes(L, gaps, tuple(f"lf{j}" for j in range(m)), tuple(f"p{i}" for i in range(n)))
    if y is None:
        return votes, None
    gold = [{0: "a", 1: "b", 0.5: "tie"}[v] for v in y]
    return votes, made_pairs([("x", "y")] * n, gold=gold, prompts=prompts)


@pytest.mark.parametrize("with_gold", [True, False])
def test_planted_copies_are_near_duplicates_and_one_cluster(with_gold: bool) -> None:
    L, y = draw_votes(1500, [0.7] * 12, 0.8, copies=3, copy_noise=0.02)
    votes, gold = made(L, y)
    found = dependencies(votes, gold if with_gold else None)
    family = {"lf0", "lf12", "lf13", "lf14"}
    assert {frozenset((d.one, d.other)) for d in found.near_duplicates} == {
        frozenset(couple) for couple in itertools.combinations(family, 2)
    }
    assert [set(names) for names in found.clusters] == [family]


@pytest.mark.parametrize("with_gold", [True, False])
def test_independent_functions_have_next_to_no_links(with_gold: bool) -> None:
    links = 0
    for seed in range(10):
        votes, gold = made(*draw_votes(800, [0.6, 0.65, 0.7, 0.75, 0.8] * 3, 0.7, seed=seed))
        links += len(dependencies(votes, gold if with_gold else None).links)
    assert links <= 4  # of 1,050 couples


def test_two_good_functions_agree_often_without_being_copies() -> None:
    votes, gold = made(*draw_votes(3000, [0.98, 0.98, 0.98], seed=1))
    found = dependencies(votes, gold)
    assert found.agreement[0, 1] > 0.95
    assert found.near_duplicates == ()


def test_correlation_of_errors_equals_a_count_by_hand() -> None:
    L, y = draw_votes(300, [0.7, 0.7], 0.7, copies=1, copy_noise=0.2, seed=3)
    found = dependencies(*made(L, y))
    for i, j in ((0, 1), (0, 2), (1, 2)):
        both = (L[:, i] >= 0) & (L[:, j] >= 0)
        wrong = (L[both] != y[both][:, None]).astype(float)
        assert found.correlation[i, j] == pytest.approx(np.corrcoef(wrong[:, i], wrong[:, j])[0, 1])
        assert found.both[i, j] == both.sum()


def test_interval_covers_the_true_correlation() -> None:
    # A copy of an LF right .7 of the time, each vote turned with chance .2: errors e and e xor f.
    hit = 0
    for seed in range(60):
        L, y = draw_votes(400, [0.7], copies=1, copy_noise=0.2, seed=seed)
        found = dependencies(*made(L, y))
        p, q = 0.3, 0.3 * 0.8 + 0.7 * 0.2
        true = (0.3 * 0.8 - p * q) / np.sqrt(p * (1 - p) * q * (1 - q))
        hit += found.low[0, 1] <= true <= found.high[0, 1]
    assert hit >= 52  # 57 expected


def test_agreement_alone_finds_the_correlation_that_gold_tells() -> None:
    L, y = draw_votes(6000, [0.7] * 15, copies=1, copy_noise=0.2, seed=2)
    by_gold, alone = dependencies(*made(L, y)), dependencies(made(L)[0])
    assert alone.correlation[0, 15] == pytest.approx(by_gold.correlation[0, 15], abs=0.08)
    assert (by_gold.by, alone.by) == ("gold", "agreement")


def test_five_copies_are_worth_about_one() -> None:
    L, y = draw_votes(2000, [0.7], copies=4, copy_noise=0.0)
    assert dependencies(*made(L, y)).effective == pytest.approx(1.0)
    assert dependencies(*made(*draw_votes(2000, [0.7] * 5))).effective > 4.5


def test_pairs_of_one_prompt_count_as_dependent() -> None:
    L, y = draw_votes(60, [0.7], copies=1, copy_noise=0.25, seed=5)
    prompts = [f"prompt {i // 10}" for i in range(600)]
    many = dependencies(*made(np.repeat(L, 10, axis=0), np.repeat(y, 10), [f"q{i}" for i in range(600)]))
    few = dependencies(*made(np.repeat(L, 10, axis=0), np.repeat(y, 10), prompts))
    assert few.correlation[0, 1] == pytest.approx(many.correlation[0, 1])
    assert few.high[0, 1] - few.low[0, 1] > 2 * (many.high[0, 1] - many.low[0, 1])


@given(st.lists(st.booleans(), min_size=120, max_size=120))
def test_turning_pairs_round_changes_nothing(rows: list[bool]) -> None:
    L, y = draw_votes(120, [0.7, 0.6, 0.8], 0.8, seed=1)
    margins = np.where(L == 0, -1.0, 1.0) * np.random.default_rng(0).random(L.shape)
    flip = np.array(rows)
    turned = np.where(flip[:, None] & (L >= 0), 1 - L, L)
    votes, gold = made(L, y, margins=margins)
    other, other_gold = made(
        turned, np.where(flip, 1 - y, y), margins=np.where(flip[:, None], -margins, margins)
    )
    assert dependencies(votes, gold).to_dict() == dependencies(other, other_gold).to_dict()
    assert dependencies(votes).to_dict() == dependencies(other).to_dict()


def test_many_pairs_are_told_by_a_sample_of_whole_prompts() -> None:
    L, y = draw_votes(12_000, [0.7, 0.7], copies=1, copy_noise=0.2, seed=2)
    found = dependencies(made(L)[0], groups=np.arange(12_000) // 3)
    assert found.notes == ("The correlations are those of a sample of 9999 pairs.",)
    assert found.n_pairs == 12_000
    votes, gold = made(L, y)
    assert dependencies(votes, gold).both[0, 1] == 10_000


def test_too_few_common_pairs_say_nothing() -> None:
    L, y = draw_votes(200, [0.7, 0.7], seed=0)
    L[10:, 1] = -1
    found = dependencies(*made(L, y))
    assert np.isnan(found.correlation[0, 1])
    assert np.isnan(found.q[0, 1])


def test_too_little_gold_is_not_called_independence() -> None:
    L, y = draw_votes(300, [0.7] * 4, 1.0)
    votes, gold = made(L, y)
    assert gold is not None
    shown = dependencies(votes, gold.take(np.arange(10))).text()
    assert "Nothing can be told by 10 gold pairs" in shown
    assert "worth about" not in shown


def test_gold_ties_are_left_out_and_test_gold_is_not_looked_at() -> None:
    L, y = draw_votes(200, [0.7, 0.7], seed=0)
    y[:20] = 0.5
    votes, gold = made(L, y)
    assert gold is not None
    assert dependencies(votes, gold).n_gold == 180
    locked = made_pairs([("x", "y")] * 200, gold=["a"] * 200, part=["test"] * 150 + ["dev"] * 50)
    assert dependencies(votes, locked).n_gold == 50


def test_rank_correlation_is_spearmans_where_all_margins_have_one_sign() -> None:
    from scipy.stats import spearmanr

    m = np.random.default_rng(0).gamma(1.0, size=(500, 2)).astype(np.float32)
    m[:, 1] += m[:, 0]
    both = np.vstack([m, -m])  # symmetric, as pairs in random order are
    assert rank_correlation(both)[0, 1] == pytest.approx(spearmanr(both).statistic, abs=1e-2)


@pytest.mark.parametrize("m", [0, 1])
def test_one_function_or_none_is_no_problem(m: int) -> None:
    L, y = draw_votes(50, [0.7], seed=0)
    found = dependencies(*made(L[:, :m], y))
    assert (found.links, found.clusters, found.effective) == ((), (), float(m))
    assert "No two functions" in str(found)


def test_report_prints_and_gives_json() -> None:
    found = dependencies(*made(*draw_votes(500, [0.7] * 4, copies=1, copy_noise=0.0)))
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["clusters"] == [["lf0", "lf4"]]
    assert "copies" in str(found)
    assert list(found.to_pandas()["one"]) == ["lf0"]
    assert sorted(found.order) == [0, 1, 2, 3, 4]


def test_bad_input_is_told_in_one_line() -> None:
    votes, gold = made(*draw_votes(50, [0.7, 0.7]))
    assert gold is not None
    with pytest.raises(LabelMatrixError, match="groups have shape"):
        dependencies(votes, groups=[1, 2])
    with pytest.raises(GoldError, match="10 of 50 gold pairs have no votes"):
        dependencies(votes.take(np.arange(40)), gold)
    with pytest.raises(GoldError, match="no pair has dev gold"):
        dependencies(votes, made_pairs([("x", "y")] * 50))
