"""Majority vote against hand-computed shares."""

from __future__ import annotations

import numpy as np
import pytest

from weaklabel.errors import LabelMatrixError
from weaklabel.label_models.k_class.majority_vote import MajorityVote


def p_of(*votes: int) -> float:
    L = np.array([votes])
    return float(MajorityVote().fit(L).predict_proba(L)[0, 1])


@pytest.mark.parametrize(
    ("votes", "p"),
    [((1,), 2 / 3), ((0,), 1 / 3), ((1, 1, 1, 0), 4 / 6), ((1, 0), 1 / 2), ((1, -1, -1), 2 / 3)],
)
def test_p_is_the_smoothed_share_of_votes(votes, p):
    assert p_of(*votes) == pytest.approx(p)


def test_more_votes_of_one_mind_are_surer_than_fewer():
    assert p_of(1, 1, 1) > p_of(1, 1, -1) > p_of(1, -1, -1) > 0.5


def test_turning_votes_round_turns_the_logit_to_the_bit():
    L = np.random.default_rng(0).integers(-1, 2, (500, 9))
    model = MajorityVote().fit(L)
    turned = np.where(L == -1, -1, 1 - L)
    assert (model.predict_logit(turned) == -model.predict_logit(L)).all()


def test_votes_of_other_functions_are_refused():
    with pytest.raises(LabelMatrixError, match="L has 2 columns but the model was fitted on 3"):
        MajorityVote().fit(np.zeros((1, 3))).predict_logit(np.zeros((1, 2)))
