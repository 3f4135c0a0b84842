"""The ledger: what is reserved counts until it is settled, and no budget is passed, whoever asks at once."""

from __future__ import annotations

import random
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weaklabel.errors import ConfigError
from weaklabel.ledger import UNITS, Budget, Cost, Ledger


@pytest.mark.parametrize("unit", UNITS)
def test_a_budget_holds_what_reaches_it_and_refuses_what_passes_it(unit):
    ledger = Ledger(Budget(**{unit: 2}))
    assert ledger.reserve(Cost(**{unit: 2})) is not None
    assert ledger.reserve(Cost(**{unit: 1})) is None


def test_what_was_reserved_too_much_comes_back_with_the_answer():
    ledger = Ledger(Budget(money=1.0))
    [reserved] = ledger.reserve(Cost(money=1.0)) or ()
    assert (ledger.under_way, ledger.is_waiting) == (Cost(money=1.0), True)
    ledger.settle(reserved, Cost(money=0.25))
    assert (ledger.spent, ledger.under_way, ledger.is_waiting) == (Cost(money=0.25), Cost(), False)
    assert ledger.holds(Cost(money=0.75))


def test_an_unanswered_question_costs_nothing():
    ledger = Ledger(Budget(calls=1))
    [reserved] = ledger.reserve(Cost(calls=1)) or ()
    ledger.release(reserved)
    assert ledger.spent == Cost()
    assert ledger.holds(Cost(calls=1))


def test_several_costs_are_reserved_together_or_not_at_all():
    ledger = Ledger(Budget(calls=3))
    assert len(ledger.reserve(Cost(calls=1), Cost(calls=1)) or ()) == 2
    assert ledger.reserve(Cost(calls=1), Cost(calls=1)) is None
    assert ledger.under_way == Cost(calls=2)


def test_what_was_spent_before_counts():
    assert not Ledger(Budget(pairs=10), spent=Cost(pairs=10)).holds(Cost(pairs=1))


def test_a_cost_above_its_reservation_is_counted_and_nothing_more_is_granted():
    ledger = Ledger(Budget(tokens=10))
    [reserved] = ledger.reserve(Cost(tokens=5)) or ()
    ledger.settle(reserved, Cost(tokens=50))
    assert ledger.spent.tokens == 50
    assert not ledger.holds(Cost(tokens=0))


def test_a_reservation_is_settled_once():
    ledger = Ledger()
    [reserved] = ledger.reserve(Cost(calls=1)) or ()
    ledger.settle(reserved, Cost(calls=1))
    with pytest.raises(KeyError):
        ledger.release(reserved)
    assert ledger.spent == Cost(calls=1)


def test_without_a_budget_everything_is_granted_and_counted():
    ledger = Ledger()
    for _ in range(3):
        [reserved] = ledger.reserve(Cost(pairs=1, calls=2, money=0.1)) or ()
        ledger.settle(reserved, reserved.cost)
    assert ledger.spent == Cost(pairs=3, calls=6, money=0.3)


@pytest.mark.parametrize("limit", [-1, float("nan"), float("inf")])
def test_a_limit_that_is_no_amount_is_refused(limit):
    with pytest.raises(ConfigError, match=r"budget in money is .*Allowed: a number of at least 0"):
        Budget(money=limit)


@given(st.lists(st.tuples(st.floats(0, 2), st.floats(0, 1), st.booleans()), max_size=30), st.floats(0, 5))
def test_no_order_of_reservations_and_answers_passes_the_budget(asked, limit):
    ledger, open_ = Ledger(Budget(money=limit)), []
    for most, share, at_once in asked:
        open_ += [(reserved, most * share) for reserved in ledger.reserve(Cost(money=most)) or ()]
        if open_ and at_once:
            reserved, cost = open_.pop(0)
            ledger.settle(reserved, Cost(money=cost))
        assert ledger.spent.money + ledger.under_way.money <= limit * (1 + 1e-12)


def test_four_threads_that_ask_at_once_do_not_pass_the_budget():
    ledger, answered, highest = Ledger(Budget(calls=97, money=30.0)), [0] * 4, [0.0] * 4
    begin = threading.Barrier(4)

    def ask(number: int) -> None:
        rng = random.Random(number)
        begin.wait()
        for _ in range(300):
            most = Cost(calls=1, money=rng.uniform(0.2, 0.6))
            for reserved in ledger.reserve(most) or ():
                highest[number] = max(highest[number], (ledger.spent + most).money)
                ledger.settle(reserved, Cost(calls=1, money=most.money * rng.random()))
                answered[number] += 1

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ledger.spent.calls == sum(answered) <= 97
    assert max(highest) <= 30.0 * (1 + 1e-12)
    assert not ledger.is_waiting
