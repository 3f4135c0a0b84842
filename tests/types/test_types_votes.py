"""`Votes`: what fits together, and what is taken apart without losing anything."""

from __future__ import annotations

import numpy as np
import pytest

from weaklabel._validation import check_gold, check_label_matrix, check_margins
from weaklabel.errors import LabelMatrixError, UnknownNameError
from weaklabel.types import Fault, Votes, signed_votes, swap_votes


def make_votes() -> Votes:
    L = np.array([[0, 1], [-1, -1], [1, 1]], dtype=np.int8)
    margins = np.array([[-2, 3], [np.nan, 0.5], [1, 4]], dtype=np.float32)
    faults = (
        Fault("length", "2", "raised", "no", "ValueError"),
        Fault("steps", "3", "raised", "no", "TypeError"),
    )
    return Votes(L, margins, ("length", "steps"), ("1", "2", "3"), faults)


def test_coverage_is_the_share_of_pairs_with_a_vote():
    assert make_votes().coverage == pytest.approx(2 / 3)


def test_fault_share_is_of_all_votes():
    assert make_votes().fault_share == pytest.approx(2 / 6)


def test_no_pairs_have_no_coverage_and_no_faults():
    empty = Votes(np.empty((0, 1), np.int8), np.empty((0, 1), np.float32), ("x",), ())
    assert (empty.coverage, empty.fault_share) == (0.0, 0.0)


def test_taking_rows_takes_their_faults_along():
    taken = make_votes().take(np.array([2, 1]))
    assert taken.ids == ("3", "2")
    assert taken.L.tolist() == [[1, 1], [-1, -1]]
    assert len(taken.faults) == 2
    assert make_votes().take(np.array([True, False, False])).faults == ()


def test_selecting_functions_follows_the_order_asked_for():
    chosen = make_votes().select(["steps", "length"])
    assert chosen.lf_names == ("steps", "length")
    assert chosen.L[0].tolist() == [1, 0]
    assert make_votes().select(["steps"]).faults == (Fault("steps", "3", "raised", "no", "TypeError"),)


def test_turning_round_flips_votes_and_margins_and_keeps_abstains():
    turned = make_votes().swapped()
    assert turned.L.tolist() == [[1, 0], [-1, -1], [0, 0]]
    np.testing.assert_array_equal(turned.margins, [[2, -3], [np.nan, -0.5], [-1, -4]])
    assert turned.swapped().L.tolist() == make_votes().L.tolist()


def test_signed_votes_point_from_a_to_b():
    assert signed_votes(np.array([[0, 1, -1]], dtype=np.int8)).tolist() == [[-1, 1, 0]]
    assert swap_votes(np.array([-1, 0, 1], dtype=np.int8)).dtype == np.int8


def test_an_unknown_function_is_named_with_a_guess():
    with pytest.raises(UnknownNameError, match="Did you mean 'length'"):
        make_votes().column("lenght")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"L": np.zeros((3, 3), np.int8)}, r"L has shape \(3, 3\) but 3 ids and 2 LF names"),
        ({"margins": np.zeros((2, 2), np.float32)}, r"margins has shape \(2, 2\)"),
        ({"L": np.full((3, 2), 2, np.int8)}, r"L holds \[2\]. A vote is"),
        ({"lf_names": ("same", "same")}, "two labeling functions are named 'same'"),
    ],
)
def test_what_does_not_fit_together_is_refused(change, words):
    votes = make_votes()
    fields = {name: getattr(votes, name) for name in ("L", "margins", "lf_names", "ids")}
    with pytest.raises(LabelMatrixError, match=words):
        Votes(**(fields | change))


@pytest.mark.parametrize(
    ("L", "words"),
    [
        ([0, 1], "1 dimension"),
        ([[0, 3]], r"L holds \[3\.0\]"),
        ([[0.5, 0]], r"L holds \[0\.5\]"),
        ([[np.nan, 0]], "L holds"),
        ([[0, 1, 1]], "L has 3 columns but the model was fitted on 2"),
    ],
)
def test_what_is_no_label_matrix_is_refused(L, words):
    with pytest.raises(LabelMatrixError, match=words):
        check_label_matrix(L, 2)


def test_votes_of_any_number_type_become_int8():
    assert check_label_matrix(np.array([[0.0, -1.0]])).dtype == np.int8


def test_missing_margins_are_nan_and_wrong_ones_refused():
    L = np.zeros((2, 2), np.int8)
    assert np.isnan(check_margins(None, L)).all()
    with pytest.raises(LabelMatrixError, match="from the same apply"):
        check_margins(np.zeros((2, 1)), L)


def test_gold_is_a_b_tie_or_unknown():
    assert np.isnan(check_gold(None, 2)).all()
    with pytest.raises(LabelMatrixError, match=r"y holds \[-1\.0\]"):
        check_gold([-1, 0], 2)
    with pytest.raises(LabelMatrixError, match=r"y has shape \(1,\), expected \(2,\)"):
        check_gold([0], 2)


def test_votes_on_some_pairs_come_in_the_order_asked_for():
    chosen = make_votes().on(["3", "1"])
    assert chosen.ids == ("3", "1")
    assert chosen.L.tolist() == [[1, 1], [0, 1]]
    assert [fault.pair_id for fault in chosen.faults] == ["3"]


def test_votes_on_a_pair_that_has_none_are_refused():
    with pytest.raises(LabelMatrixError, match=r"the votes lack pair '4' .1 in all.*apply"):
        make_votes().on(["1", "4"])
