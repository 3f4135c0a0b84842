"""Folds of whole prompts, and pairs gathered into groups."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weaklabel.errors import ConfigError, DataError, LabelMatrixError
from weaklabel.groups import Comparison, Group, folds_by_prompt, gather_groups, trainable_groups
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


def test_prompts_that_only_look_the_same_are_trained_on_as_they_were_written():
    pairs = make_pairs([("Say US.", "x", "y"), ("say us", "x", "y"), ("say  us ", "x", "z")])
    assert [group.prompt for group in gather_groups(pairs, [0.5] * 3)] == ["Say US.", "say us"]


def test_a_conversation_travels_with_its_group():
    turns = [{"role": "user", "content": "hello"}]
    (group,) = gather_groups(make_pairs([("q", "x", "y")], turns), [0.5])
    assert group.messages == ({"role": "user", "content": "hello"},)


def test_beliefs_of_another_length_are_refused():
    with pytest.raises(LabelMatrixError, match=r"p has shape \(2,\), expected \(1,\)"):
        gather_groups(make_pairs([("q", "x", "y")]), [0.5, 0.5])


@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan")])
def test_a_belief_outside_zero_to_one_is_refused(p):
    with pytest.raises(
        LabelMatrixError, match=rf"p holds {p} at pair 1 \(1 of 2 pairs\). Allowed: a probability"
    ):
        gather_groups(make_pairs([("q", "x", "y"), ("r", "x", "y")]), [0.5, p])


@pytest.mark.parametrize("w", [-1.0, float("inf"), float("nan")])
def test_a_weight_that_is_none_is_refused(w):
    with pytest.raises(LabelMatrixError, match="Allowed: a weight, 0 or more and finite"):
        gather_groups(make_pairs([("q", "x", "y")]), [0.5], [w])


def group(*comparisons, responses=("x", "y", "z"), prompt="q"):
    return Group(prompt, responses, tuple(Comparison(*c) for c in comparisons))


def test_identical_responses_are_left_out_of_training_and_counted():
    pairs = make_pairs([("q", "x", "x"), ("q", "x", "y"), ("r", "x", "x")])
    found = trainable_groups(gather_groups(pairs, [0.5, 0.7, 0.5]))
    assert (found.identical, found.weightless) == (2, 0)
    assert [(g.prompt, g.responses) for g in found.groups] == [("q", ("x", "y"))]


def test_responses_that_only_weightless_comparisons_name_are_not_scored():
    found = trainable_groups([group((0, 1, 0.2, 0.0), (0, 2, 0.3, 1.0))])
    assert found.weightless == 1
    assert found.groups == (group((0, 1, 0.3, 1.0), responses=("x", "z")),)


def test_what_can_be_trained_on_stays_as_it_is():
    groups = (group((0, 1, 0.2, 1.0), (2, 0, 0.3, 0.5)),)
    assert trainable_groups(groups).groups == groups


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (group(responses=("x",)), r"group 1 \('q'\) has 1 response\(s\). A group compares at least two"),
        (group((0, 1, 0.5, 1.0), responses=("x",)), r"has 1 response\(s\)"),
        (group(responses=()), r"has 0 response\(s\)"),
        (group(), "has no comparison"),
        (group((0, 3, 0.5, 1.0)), "compares responses 0 and 3 but has 3. Indices run from 0 to 2"),
        (group((-1, 1, 0.5, 1.0)), "compares responses -1 and 1"),
        (group((0, 1, 1.5, 1.0)), "has p = 1.5. p is the probability that j beats i"),
        (group((0, 1, float("nan"), 1.0)), "has p = nan"),
        (group((0, 1, 0.5, -1.0)), "has w = -1.0"),
    ],
)
def test_a_group_that_makes_no_sense_is_named(bad, message):
    with pytest.raises(DataError, match=message):
        trainable_groups([group((0, 1, 0.5, 1.0)), bad])


@pytest.mark.parametrize("groups", [[], [group((0, 1, 0.5, 0.0))], [group((1, 1, 0.5, 1.0))]])
def test_nothing_to_train_on_is_an_error(groups):
    with pytest.raises(DataError, match=r"nothing to train on in \d group\(s\): .* Check the weights"):
        trainable_groups(groups)
