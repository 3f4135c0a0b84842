"""Folds of whole prompts, and pairs gathered into groups."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weaklabel.errors import ConfigError, LabelMatrixError
from weaklabel.groups import Comparison, folds_by_prompt, gather_groups
from weaklabel.types import CANONICAL, Pairs


def make_pairs(rows: list[tuple[str, str, str]], messages: object = None) -> Pairs:
    columns = {name: [None] * len(rows) for name in CANONICAL.names}
    columns["id"] = [str(i) for i in range(len(rows))]
    columns["prompt"], columns["response_a"], columns["response_b"] = map(list, zip(*rows, strict=True))
    columns["messages"] = [messages] * len(rows)
    return Pairs(pa.table(columns, schema=CANONICAL))


grouped = st.lists(st.integers(0, 12), min_size=2, max_size=80).filter(lambda g: len(set(g)) >= 2)


@given(grouped, st.integers(0, 3))
def test_a_prompt_is_never_divided(groups, seed):
    n_folds = min(5, len(set(groups)))
    folds = folds_by_prompt(groups, n_folds, seed)
    assert len(set(zip(groups, folds.tolist(), strict=True))) == len(set(groups))
    assert set(folds.tolist()) == set(range(n_folds))


@given(grouped)
def test_folds_differ_by_no_more_than_the_largest_prompt(groups):
    folds = folds_by_prompt(groups, 2)
    sizes = np.bincount(folds)
    assert sizes.max() - sizes.min() <= np.bincount(groups).max()


@given(st.integers(2, 60), st.integers(2, 6))
def test_prompts_of_one_row_give_folds_of_equal_size(n, n_folds):
    sizes = np.bincount(folds_by_prompt(np.arange(n), min(n, n_folds)))
    assert sizes.max() - sizes.min() <= 1


def test_the_seed_decides_the_folds():
    groups = np.arange(50)
    assert (folds_by_prompt(groups, 5, 1) == folds_by_prompt(groups, 5, 1)).all()
    assert (folds_by_prompt(groups, 5, 1) != folds_by_prompt(groups, 5, 2)).any()


def test_fold_numbers_are_int64():
    assert folds_by_prompt(["x", "y"], 2).dtype == np.int64


@pytest.mark.parametrize("n_folds", [0, 1, 4])
def test_more_folds_than_prompts_are_refused(n_folds):
    with pytest.raises(ConfigError, match=f"n_folds is {n_folds} but there are 3 distinct prompts"):
        folds_by_prompt([1, 2, 3, 3], n_folds)


def test_identical_responses_are_scored_once():
    (group,) = gather_groups(make_pairs([("q", "x", "y"), ("q", "y", "z"), ("q", "x", "z")]), [0.9, 0.8, 0.7])
    assert group.responses == ("x", "y", "z")
    assert [(c.i, c.j) for c in group.comparisons] == [(0, 1), (1, 2), (0, 2)]


def test_groups_keep_every_pair_and_its_weight():
    pairs = make_pairs([("q", "x", "y"), ("r", "x", "y"), ("q", "x", "y")])
    groups = gather_groups(pairs, [0.1, 0.2, 0.3], [1, 0, 2])
    assert [g.prompt for g in groups] == ["q", "r"]
    assert groups[0].comparisons == (Comparison(0, 1, 0.1, 1.0), Comparison(0, 1, 0.3, 2.0))
    assert groups[1].comparisons == (Comparison(0, 1, 0.2, 0.0),)


def test_p_is_the_belief_in_response_j():
    (group,) = gather_groups(make_pairs([("q", "worse", "better")]), [0.9])
    ((comparison),) = group.comparisons
    assert group.responses[comparison.j] == "better"
    assert comparison.p == 0.9


def test_a_conversation_travels_with_its_group():
    turns = [{"role": "user", "content": "hello"}]
    (group,) = gather_groups(make_pairs([("q", "x", "y")], turns), [0.5])
    assert group.messages == ({"role": "user", "content": "hello"},)


def test_beliefs_of_another_length_are_refused():
    with pytest.raises(LabelMatrixError, match=r"p has shape \(2,\), expected \(1,\)"):
        gather_groups(make_pairs([("q", "x", "y")]), [0.5, 0.5])
