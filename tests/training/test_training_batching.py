"""Batches of whole groups: each once an epoch, the same everywhere, within the budget, split by group over ranks."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("torch")

from weaklabel.errors import ConfigError
from weaklabel.groups import Comparison
from weaklabel.training import GroupBatchSampler, GroupDataset, TokenGroup

pytestmark = pytest.mark.trains

lengths = st.lists(st.integers(1, 300), min_size=1, max_size=120)
budgets = st.one_of(
    st.integers(1, 2000).map(lambda n: {"tokens_per_batch": n}),
    st.integers(1, 20).map(lambda n: {"groups_per_batch": n}),
)


def all_ranks(given_lengths, world, epoch=0, **settings):
    samplers = [GroupBatchSampler(given_lengths, rank=r, world=world, **settings) for r in range(world)]
    for sampler in samplers:
        sampler.set_epoch(epoch)
    return [list(sampler) for sampler in samplers]


@given(lengths, budgets, st.integers(1, 5), st.integers(0, 3), st.integers(0, 4))
def test_every_group_once_an_epoch_over_all_ranks(given_lengths, budget, world, epoch, mega_batch):
    ranks = all_ranks(given_lengths, world, epoch, mega_batch=mega_batch, **budget)
    seen = Counter(index for batches in ranks for batch in batches for index in batch if index >= 0)
    assert seen == Counter(range(len(given_lengths)))


@given(lengths, budgets, st.integers(1, 5))
def test_ranks_take_the_same_number_of_steps_and_repeats_have_no_weight(given_lengths, budget, world):
    ranks = all_ranks(given_lengths, world, **budget)
    steps = {len(batches) for batches in ranks}
    assert steps == {len(GroupBatchSampler(given_lengths, world=world, **budget))}
    idle = [batch for batches in ranks for batch in batches if min(batch) < 0]
    assert len(idle) < world
    assert all(len(batch) == 1 for batch in idle)
    assert all(min(batch) >= 0 for batches in ranks for batch in batches[:-1])


@given(lengths, st.integers(1, 2000), st.integers(1, 3))
def test_no_batch_holds_more_than_the_budget_unless_it_is_one_group(given_lengths, budget, rows):
    sampler = GroupBatchSampler(given_lengths, [rows] * len(given_lengths), tokens_per_batch=budget)
    for batch in sampler:
        cost = max(given_lengths[index] for index in batch) * rows * len(batch)
        assert cost <= budget or len(batch) == 1


@given(lengths, st.integers(1, 20))
def test_batches_by_count_are_full_but_for_the_last(given_lengths, count):
    sampler = GroupBatchSampler(given_lengths, groups_per_batch=count)
    sizes = sorted(len(batch) for batch in sampler)
    assert sizes[-1] <= count
    assert len(sizes) == -(-len(given_lengths) // count)


@given(lengths, budgets, st.integers(0, 3))
def test_the_same_seed_and_epoch_give_the_same_batches(given_lengths, budget, epoch):
    assert all_ranks(given_lengths, 2, epoch, **budget) == all_ranks(given_lengths, 2, epoch, **budget)


@given(lengths, budgets, st.sampled_from([1, 2, 4]))
def test_steps_hold_the_same_groups_however_many_ranks_share_them(given_lengths, budget, world):
    one = all_ranks(given_lengths, 1, 3, together=4, **budget)[0]
    ranks = all_ranks(given_lengths, world, 3, together=4, **budget)
    dealt = [batch for step in zip(*ranks, strict=True) for batch in step if min(batch) >= 0]
    assert dealt == one


def test_epochs_have_other_orders_and_the_same_length():
    sampler = GroupBatchSampler(range(1, 101), groups_per_batch=4)
    first = list(sampler)
    sampler.set_epoch(1)
    assert list(sampler) != first
    assert sorted(sampler) == sorted(first)


def test_another_seed_makes_other_batches():
    drawn = [sorted(GroupBatchSampler([5] * 100, groups_per_batch=4, seed=seed)) for seed in (0, 1)]
    assert drawn[0] != drawn[1]


def padding(sampler, given_lengths):
    return sum(sum(max(given_lengths[batch]) - given_lengths[batch]) for batch in map(np.array, sampler))


def test_sorting_inside_mega_batches_leaves_little_padding():
    given_lengths = np.random.default_rng(0).lognormal(5, 0.6, 800).astype(int) + 1
    sorted_, plain = (
        padding(GroupBatchSampler(given_lengths, groups_per_batch=8, mega_batch=m), given_lengths)
        for m in (50, 0)
    )
    assert sorted_ < 0.15 * plain


def test_mega_batches_keep_what_meets_in_a_batch_random():
    given_lengths = np.arange(1, 801)
    spread = [
        np.ptp(given_lengths[batch])
        for batch in GroupBatchSampler(given_lengths, groups_per_batch=8, mega_batch=5)
    ]
    assert 50 < np.median(spread) < 400


def test_batches_of_one_step_have_like_lengths():
    given_lengths = np.random.default_rng(0).permutation(np.arange(1, 401))
    ranks = all_ranks(given_lengths, 2, groups_per_batch=4)
    longest = [[max(given_lengths[batch]) for batch in batches] for batches in ranks]
    assert np.median(np.abs(np.subtract(*longest))) <= 8


def test_a_negative_index_is_the_group_without_weight():
    group = TokenGroup([1], ([2], [3]), (Comparison(0, 1, 0.9, 2.0),))
    data = GroupDataset([group])
    assert data[0] == group
    assert data[~0] == TokenGroup([1], ([2], [3]), (Comparison(0, 1, 0.9, 0.0),))
    assert len(data) == 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "Give exactly one of the two"),
        ({"tokens_per_batch": 5, "groups_per_batch": 5}, "Give exactly one of the two"),
        ({"tokens_per_batch": 0}, "a batch of 0 is empty"),
        ({"groups_per_batch": -1}, "a batch of -1 is empty"),
        ({"groups_per_batch": 1, "rank": 2, "world": 2}, "rank is 2 of 2 processes"),
        ({"groups_per_batch": 1, "world": 2, "together": 3}, "together is 3 with 2 processes"),
        ({"groups_per_batch": 1, "mega_batch": -1}, "mega_batch is -1"),
    ],
)
def test_settings_out_of_range_are_named(settings, message):
    with pytest.raises(ConfigError, match=message):
        GroupBatchSampler([3, 4], **settings)


def test_no_groups_are_refused():
    with pytest.raises(ConfigError, match="no groups"):
        GroupBatchSampler([], groups_per_batch=1)
