"""`Labels`: belief, importance, verdict and reasons, all of the same pairs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weaklabel.errors import LabelMatrixError, UnknownNameError
from weaklabel.types import Labels, Pair, Pairs, Votes, sigmoid


def make_labels(**change: object) -> Labels:
    pairs = Pairs.of(Pair(str(i), "q", f"a{i}", f"b{i}", columns={"p": 7}) for i in range(3))
    L = np.array([[1, 0], [0, -1], [-1, -1]], dtype=np.int8)
    margins = np.array([[4, np.nan], [-1, np.nan], [0.5, np.nan]], dtype=np.float32)
    fields = {
        "pairs": pairs,
        "votes": Votes(L, margins, ("length", "polite"), ("0", "1", "2")),
        "logit": np.array([1.0, -2.0, 0.0]),
        "w": np.array([1.0, 1.0, 0.0]),
        "contributions": np.array([[1.5, -0.5], [-2.0, 0.0], [0.0, 0.0]]),
        "calibrated": True,
        "in_sample": np.array([True, False, False]),
    }
    return Labels(**(fields | change))  # type: ignore[arg-type]


@given(st.floats(-800, 800))
def test_sigmoid_is_reflected_to_the_bit(z):
    p, q = sigmoid(np.array([z])), sigmoid(np.array([-z]))
    assert q == 1 - p
    assert 0 <= p[0] <= 1


def test_sigmoid_is_the_inverse_of_the_log_odds():
    p = np.array([0.01, 0.25, 0.5, 0.9])
    assert sigmoid(np.log(p / (1 - p))) == pytest.approx(p)


def test_label_follows_the_sign_and_a_zero_logit_is_a_tie():
    assert make_labels().label.tolist() == ["b", "a", "tie"]


def test_confidence_is_the_larger_of_p_and_its_rest():
    labels = make_labels()
    assert labels.confidence == pytest.approx(np.maximum(labels.p, 1 - labels.p))


def test_a_source_column_called_p_gives_way_to_ours():
    table = make_labels().to_table()
    assert table.column_names.count("p") == 1
    assert table["p"].to_pylist() == pytest.approx(make_labels().p.tolist())


def test_columns_of_an_earlier_labelling_are_replaced_and_others_stay():
    first = make_labels().to_table()
    pairs = Pairs(first.append_column("vote:gone", [[1, 1, 1]]).append_column("margin", [[7, 8, 9]]))
    again = make_labels(pairs=pairs).to_table()
    assert set(again.column_names) == {*first.column_names, "margin"}
    assert again["in_sample"].to_pylist() == [True, False, False]


def test_a_probability_of_a_tie_of_an_earlier_labelling_does_not_outlive_it():
    first = make_labels(p_tie=np.array([0.1, 0.2, 0.3])).to_table()
    again = make_labels(pairs=Pairs(first)).to_table()
    assert "p_tie" in first.column_names
    assert "p_tie" not in again.column_names


def test_the_table_holds_every_vote():
    table = make_labels().to_table()
    assert table["vote:length"].to_pylist() == [1, 0, -1]
    assert table["calibrated"].to_pylist() == [True] * 3


def test_an_explanation_adds_up_and_names_the_strongest_first():
    explanation = make_labels().explain("0")
    assert [(r.lf, r.vote, r.log_odds) for r in explanation.reasons] == [
        ("length", 1, 1.5),
        ("polite", 0, -0.5),
    ]
    assert sum(r.log_odds for r in explanation.reasons) == explanation.logit
    assert "length  votes b  log-odds +1.500  margin +4" in str(explanation)


def test_an_explanation_says_when_p_is_not_calibrated():
    assert "not calibrated" in str(make_labels(calibrated=False).explain("1"))


def test_votes_are_named_where_a_model_has_no_shares():
    (reason,) = make_labels(contributions=None).explain("1").reasons
    assert (reason.lf, reason.log_odds) == ("length", None)


def test_what_the_texts_say_is_told_apart_from_votes():
    shares = np.array([[1.5, -0.5, 0.25], [-2.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    shown = str(make_labels(contributions=shares, extra_names=("text:words",)).explain("0")).splitlines()
    assert "  text:words  learned  log-odds +0.250" in shown
    assert shown[-1].startswith("text: what gold taught of the responses themselves")
    assert "2 of 2 labeling functions voted" in shown[0]
    assert "text" not in str(make_labels().explain("0"))


def test_silence_has_no_reasons():
    assert make_labels().explain("2").reasons == ()


def test_an_unknown_id_is_refused():
    with pytest.raises(UnknownNameError, match="no pair '9' among the 3 labelled ones"):
        make_labels().explain("9")


def test_taken_rows_keep_everything():
    more = {
        "contributions": np.eye(3),
        "extra_names": ("text:words",),
        "p_tie": np.array([0.1, 0.2, 0.3]),
        "p_low": np.array([0.0, 0.1, 0.2]),
        "p_high": np.array([0.9, 0.8, 1.0]),
    }
    taken = make_labels(**more).take(np.array([2, 0]))
    assert taken.pairs.ids == taken.votes.ids == ("2", "0")
    assert (taken.logit.tolist(), taken.w.tolist()) == ([0.0, 1.0], [0.0, 1.0])
    assert taken.contributions is not None
    assert taken.contributions.tolist() == [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
    assert taken.p_tie is not None
    assert taken.p_low is not None
    assert taken.p_high is not None
    assert (taken.p_low.tolist(), taken.p_high.tolist()) == ([0.2, 0.0], [1.0, 0.9])
    assert (taken.extra_names, taken.p_tie.tolist()) == (("text:words",), [0.3, 0.1])
    assert taken.in_sample.tolist() == [False, True]


def test_arrays_of_other_pairs_are_refused():
    with pytest.raises(LabelMatrixError, match="labels of 3 pairs came with 3 rows of votes and 2 logits"):
        make_labels(logit=np.zeros(2))
