"""What LLM judges will cost, and budgets that are never passed."""

from __future__ import annotations

import math

import numpy as np
import pytest
from made_judges import judges_in, longer_wins, some_pairs
from model_server import serving

import weaklabel as wl
from weaklabel.types import Pair, Pairs

pytestmark = pytest.mark.same_everywhere


@pytest.fixture
def made(tmp_path):
    return judges_in(tmp_path)


# ------------------------------------------------------------------------------------ money
def test_an_estimate_counts_pairs_calls_tokens_and_money_before_the_first_call(made):
    pair = Pair(
        "1", "p" * 100, "a" * 200, "b" * 84
    )  # 100 + 284 + 14 of the template, and 16 around it, is 414 bytes
    gpt = made("http://127.0.0.1:1/v1", price_in=10.0, price_out=20.0, max_tokens=5)
    estimate = gpt.estimate(Pairs.of([pair]))
    assert (estimate.n_asked, estimate.calls, estimate.tokens_in, estimate.tokens_out) == (
        1,
        2,
        232,
        10,
    )  # twice 398 / 4 and 16 around it
    assert estimate.cost == pytest.approx((232 * 10 + 10 * 20) / 1e6)
    assert (
        "1 of 1 pairs to ask, 2 calls, about 232 tokens in and at most 10 out; about 0.00252 to pay"
        in str(estimate)
    )


def test_an_estimate_knows_what_is_judged_already(made):
    with serving(longer_wins) as server:
        gpt = made(server.url, price_in=1.0, price_out=1.0)
        wl.apply([gpt], some_pairs(4))
        estimate = gpt.estimate(some_pairs(10))
    assert (estimate.n_pairs, estimate.n_known, estimate.n_asked) == (10, 4, 6)
    assert estimate.spent == pytest.approx(8 * 101 / 1e6)
    assert "nothing to ask, 4 of 4 pairs are judged" in str(gpt.estimate(some_pairs(4)))


@pytest.mark.parametrize(
    ("max_cost", "n_asked"), [(3e-4, 0), (3.6e-4, 1), (4.2e-4, 3), (1e-3, 14), (1.5e-3, 24), (9.0, 30)]
)
def test_an_estimate_within_a_budget_says_what_the_careful_budget_then_does(made, max_cost, n_asked):
    def answer(body):  # a server that counts as the estimate does: four bytes a token, 16 around the prompt
        size = len(body["messages"][0]["content"].encode())
        status, headers, value = longer_wins(body)
        usage = {"prompt_tokens": math.ceil(size / 4) + 16, "completion_tokens": 1}
        return status, headers, {**value, "usage": usage}

    pairs = Pairs.of([Pair(f"p{i}", f"Question {i:02}?", "x", "yy") for i in range(30)])
    with serving(answer) as server:
        gpt = made(server.url, price_in=1.0, price_out=1.0, max_tokens=1, max_cost=max_cost, concurrency=1)
        estimate = gpt.estimate(pairs)
        wl.apply([gpt], pairs)
    assert estimate.n_asked == n_asked == len(server.bodies) / 2
    assert estimate.n_left == 30 - n_asked


def test_an_estimate_says_when_the_budget_cannot_hold_even_one_pair(made):
    gpt = made("http://127.0.0.1:1/v1", price_in=1.0, price_out=1.0, max_cost=1e-4)
    said = str(gpt.estimate(some_pairs(2)))
    assert "0 of 2 open pairs can be asked within the budget; about 0 to pay, 0 of 0.0001 spent" in said
    assert "until it is answered, the next pair counts as 0.000" in said
    assert "2 pairs are beyond the budget and will abstain" in said


def test_a_budget_in_pairs_stops_and_the_rest_abstain_counted_and_warned_of(made, caplog):
    with serving(longer_wins) as server:
        gpt, pairs = made(server.url, max_pairs=4), some_pairs(10)
        votes = wl.apply([gpt], pairs)
        again = wl.apply([gpt], pairs)
    assert len(server.bodies) == 8
    assert not votes.faults
    assert np.array_equal(votes.L, again.L)
    assert np.isnan(votes.margins[:, 0]).sum() == 6
    assert "the budget is used up; 12 of 20 answers were not asked for" in caplog.text
    assert gpt.estimate(pairs).n_left == 6


def test_a_larger_budget_goes_on_where_the_smaller_one_ended(made):
    with serving(longer_wins) as server:
        wl.apply([made(server.url, max_pairs=4)], some_pairs(10))
        votes = wl.apply([made(server.url, max_pairs=7)], some_pairs(10))
    assert len(server.bodies) == 14
    assert np.isnan(votes.margins[:, 0]).sum() == 3


@pytest.mark.parametrize("concurrency", [1, 8])
def test_a_budget_in_money_is_used_and_never_passed(made, concurrency):
    with serving(longer_wins) as server:  # each call costs 101 tokens, a pair 202 of a million
        gpt = made(server.url, price_in=1.0, price_out=1.0, max_cost=3e-3, concurrency=concurrency)
        pairs = some_pairs(40)
        wl.apply([gpt], pairs)
    spent = gpt.summary(pairs).cost
    assert spent == pytest.approx(101e-6 * len(server.bodies))
    assert 2.4e-3 <= spent <= 3e-3


def test_a_server_that_counts_more_than_the_text_has_does_not_break_the_budget(made):
    def answer(body):
        status, headers, value = longer_wins(body)
        usage = {"prompt_tokens": 900, "completion_tokens": 70}
        return status, headers, {**value, "usage": usage}

    with serving(answer) as server:
        gpt = made(server.url, price_in=1.0, price_out=1.0, max_cost=9e-3, concurrency=8)
        wl.apply([gpt], some_pairs(40))
    assert gpt.summary(some_pairs(40)).cost == pytest.approx(970e-6 * len(server.bodies))
    assert 6e-3 <= gpt.summary(some_pairs(40)).cost <= 9e-3


def test_the_pairs_within_a_budget_do_not_depend_on_the_order_of_the_rows(made, tmp_path):
    pairs, said = some_pairs(10), []
    order = np.random.default_rng(0).permutation(10)
    with serving(longer_wins) as server:
        for i, table in enumerate((pairs, pairs.take(order))):
            votes = wl.apply([made(server.url, max_pairs=4, cache=tmp_path / str(i))], table)
            said.append({i for i, m in zip(votes.ids, votes.margins[:, 0], strict=True) if not np.isnan(m)})
    assert said[0] == said[1]


def test_a_server_that_reports_no_usage_is_counted_by_the_estimate(made):
    def answer(body):
        status, headers, value = longer_wins(body)
        return status, headers, {**value, "usage": None}

    with serving(answer) as server:
        gpt, pairs = made(server.url, price_in=1.0, price_out=0.0), some_pairs(3)
        expected = gpt.estimate(pairs).cost
        wl.apply([gpt], pairs)
    assert gpt.summary(pairs).cost == pytest.approx(expected)
