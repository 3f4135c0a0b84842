"""Columns of the data as labeling functions, and what turning a pair round does to them."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_pairs import pairs_with as made_pairs

from weaklabel.engine import apply
from weaklabel.errors import DataError, DiscoveryError, LabelingFunctionError
from weaklabel.lf import column_scores, column_verdict, load_lfs, with_derived_columns
from weaklabel.types import Pairs, swap_votes

faults_are_expected = pytest.mark.filterwarnings("ignore::weaklabel.errors.FaultWarning")


def votes_of(lf, pairs):
    return apply([lf], pairs).L[:, 0].tolist()


def test_the_higher_score_wins_and_the_margin_is_b_minus_a():
    votes = apply(
        [column_scores("old", "rm_a", "rm_b")], made_pairs(rm_a=[2.0, 0.0, 1.0], rm_b=[0.5, 3.0, 1.0])
    )
    assert votes.L[:, 0].tolist() == [0, 1, -1]
    assert votes.margins[:, 0].tolist() == [-1.5, 3.0, 0.0]


def test_preferring_less_turns_the_vote():
    assert votes_of(
        column_scores("toxic", "t_a", "t_b", prefer="less"), made_pairs(t_a=[0.9], t_b=[0.1])
    ) == [1]


def test_a_difference_below_min_gap_abstains():
    lf = column_scores("old", "rm_a", "rm_b", min_gap=1)
    assert votes_of(lf, made_pairs(rm_a=[0.0, 0.0], rm_b=[0.5, 1.0])) == [-1, 1]


def test_a_missing_or_nan_score_abstains_without_a_margin_or_a_fault():
    pairs = made_pairs(rm_a=[None, math.nan, 1.0], rm_b=[1.0, 1.0, 2.0])
    votes = apply([column_scores("old", "rm_a", "rm_b")], pairs)
    assert votes.L[:, 0].tolist() == [-1, -1, 1]
    assert np.isnan(votes.margins[:2, 0]).all()
    assert not votes.faults


@faults_are_expected
def test_an_infinite_score_is_a_fault():
    votes = apply(
        [column_scores("old", "rm_a", "rm_b")], made_pairs(rm_a=[math.inf], rm_b=[1.0]), max_fault_share=None
    )
    assert "returned inf" in str(votes.faults[0])


@faults_are_expected
def test_scores_that_are_text_are_faults():
    votes = apply(
        [column_scores("old", "rm_a", "rm_b")], made_pairs(rm_a=["high"], rm_b=["low"]), max_fault_share=None
    )
    assert "returned 'high'" in str(votes.faults[0])


def test_scores_of_two_kinds_are_refused_by_name():
    with pytest.raises(DataError, match="'old': columns 'rm1' and 'rm2' are string and double"):
        apply([column_scores("old", "rm1", "rm2")], made_pairs(rm1=["high"], rm2=[1.0]))


def test_columns_that_end_in_a_and_b_speak_of_the_pair_as_it_stands():
    pairs = made_pairs(swapped=[False, True], rm_a=[1.0, 1.0], rm_b=[0.0, 0.0])
    assert votes_of(column_scores("old", "rm_a", "rm_b"), pairs) == [0, 0]


def test_other_score_columns_speak_of_the_order_of_the_source():
    pairs = made_pairs(swapped=[False, True], rm1=[1.0, 1.0], rm2=[0.0, 0.0])
    assert votes_of(column_scores("old", "rm1", "rm2"), pairs) == [0, 1]


def test_a_verdict_speaks_of_the_order_of_the_source():
    pairs = made_pairs(swapped=[False, True, False], winner=["model_1", "model_1", "both"])
    lf = column_verdict("judge", "winner", votes={"model_1": "a", "model_2": "b", "both": "tie"})
    assert votes_of(lf, pairs) == [0, 1, -1]


def test_a_verdict_has_no_margins():
    lf = column_verdict("judge", "winner", votes={"x": "a", "y": "b"})
    assert np.isnan(apply([lf], made_pairs(winner=["x"])).margins).all()


@pytest.mark.parametrize("values", [[1, 2], [1.0, 2.0], ["1", "2"]])
def test_numbers_and_their_text_are_one_verdict(values):
    assert votes_of(column_verdict("judge", "w", votes={"1": "a", 2: "b"}), made_pairs(w=values)) == [0, 1]


def test_true_and_false_are_verdicts():
    assert votes_of(
        column_verdict("j", "first", votes={True: "a", "false": "b"}), made_pairs(first=[True, False])
    ) == [
        0,
        1,
    ]


@faults_are_expected
@pytest.mark.parametrize("odd", ["c", "0", "1"])
def test_a_verdict_that_is_not_defined_is_a_fault_that_names_it(odd):
    votes = apply(
        [column_verdict("judge", "w", votes={"x": "a", "y": "b"})],
        made_pairs(w=["x", odd]),
        max_fault_share=None,
    )
    assert votes.L[:, 0].tolist() == [0, -1]
    assert f"read {odd!r} in column 'w' for pair 'p1'. votes defines 'x', 'y'" in str(votes.faults[0])


def test_a_missing_verdict_abstains():
    votes = apply([column_verdict("judge", "w", votes={"x": "a", "y": "b"})], made_pairs(w=["x", None]))
    assert (votes.L[:, 0].tolist(), votes.faults) == ([0, -1], ())


def test_a_vote_map_with_another_word_is_refused():
    with pytest.raises(LabelingFunctionError, match=r"votes maps to 'left'. Allowed: a, b, tie, abstain"):
        column_verdict("judge", "w", votes={1: "left"})


def test_a_missing_source_column_is_named_with_the_function():
    with pytest.raises(DataError, match=r"'judge' needs column 'winner'. The pairs have: id, prompt"):
        apply([column_verdict("judge", "winner", votes={1: "a"})], made_pairs(w=[1]))


@pytest.mark.parametrize(
    "lf",
    [
        column_scores("rm", "rm1", "rm2", prefer="less", min_gap=0.5),
        column_scores("rm", "rm_a", "rm_b"),
        column_verdict("judge", "w", votes={1: "a", 2: "b", 3: "tie"}),
    ],
)
def test_a_column_function_comes_back_from_its_spec(lf):
    (again,) = load_lfs(lf.spec)
    assert again == lf


def test_a_spec_that_is_no_settings_is_refused():
    with pytest.raises(DiscoveryError, match="describes no labeling function of the kind 'column'"):
        load_lfs("column:{}")


scores = st.lists(
    st.tuples(st.none() | st.floats(-9, 9), st.none() | st.floats(-9, 9), st.booleans()), min_size=1
)


@given(scores)
def test_turning_pairs_round_flips_every_vote_whatever_the_names(rows):
    first, second, swapped = ([row[i] for row in rows] for i in range(3))
    kind = pa.float64()
    pairs = made_pairs(swapped, w=[None if a is None else int(a > 0) for a in first])
    for name, values in {"m1": first, "m2": second, "m_a": first, "m_b": second}.items():
        pairs = Pairs(pairs.table.append_column(name, pa.array(values, kind)))
    lfs = [
        column_scores("source_order", "m1", "m2"),
        column_scores("own_order", "m_a", "m_b"),
        column_verdict("verdict", "w", votes={0: "a", 1: "b"}),
    ]
    there, back = apply(lfs, pairs), apply(lfs, pairs.swapped())
    assert (swap_votes(back.L) == there.L).all()
    assert np.array_equal(there.margins, -back.margins, equal_nan=True)


def test_a_single_pair_turns_round_too():
    lf = column_verdict("judge", "w", votes={1: "a", 2: "b"})
    (pair,) = with_derived_columns([lf], made_pairs(w=[2])).iter_pairs(lf.columns)
    assert (lf(pair), lf(pair.swapped())) == (1, 0)


def test_columns_named_the_other_way_round_change_places_with_the_texts_too():
    # A column of losses of the other response, say: the first response's score is in rm_b.
    lf = column_scores("other", "rm_b", "rm_a")
    assert votes_of(lf, made_pairs(rm_a=[1.0], rm_b=[3.0])) == [0]
    # Read in the other order the reader has exchanged the columns: now response b is the better one.
    assert votes_of(lf, made_pairs([True], rm_a=[3.0], rm_b=[1.0])) == [1]


def test_one_column_named_twice_is_a_mistake():
    with pytest.raises(LabelingFunctionError, match="column 'rm_a' is named twice"):
        column_scores("old", "rm_a", "rm_a")
