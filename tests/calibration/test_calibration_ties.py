"""Davidson's tie model: the formula by hand, truth recovered, and what must hold for every belief."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq

from weaklabel.calibration import TieModel
from weaklabel.errors import ArtifactError, LabelMatrixError, NotFittedError
from weaklabel.types import sigmoid

beliefs = st.floats(0, 1)
readiness = st.floats(0, 1e4)


def with_nu(nu: float) -> TieModel:
    return TieModel.from_dict({"nu": nu})


def drawn(n: int, nu: float, seed: int = 0, spread: float = 1.5) -> tuple[np.ndarray, np.ndarray]:
    """Beliefs and outcomes of Davidson's model with known strengths."""
    rng = np.random.default_rng(seed)
    g = np.exp(rng.standard_normal(n) * spread / 2)
    total = g + 1 / g + nu
    u = rng.random(n)
    y = np.where(u < g / total, 1.0, np.where(u < (g + nu) / total, 0.5, 0.0))
    return (g + nu / 2) / total, y


@pytest.mark.parametrize("nu", [0.02, 0.3, 1.0, 4.0])
def test_data_drawn_from_the_model_give_its_parameter_back(nu):
    assert TieModel().fit(*drawn(60_000, nu)).nu_ == pytest.approx(nu, rel=0.06)


@pytest.mark.parametrize("nu", [0.1, 0.7, 3.0])
@pytest.mark.parametrize("p", [0.02, 0.4, 0.5, 0.77, 0.999])
def test_the_closed_form_solves_the_equation(nu, p):
    g = brentq(lambda g: (g + nu / 2) / (g + 1 / g + nu) - p, 1e-9, 1e9, xtol=1e-15, rtol=1e-14)
    assert with_nu(nu).p_tie([p])[0] == pytest.approx(nu / (g + 1 / g + nu), rel=1e-6)


@given(st.lists(beliefs, min_size=1, max_size=20), readiness)
def test_no_outcome_is_negative_and_the_belief_is_kept(p, nu):
    chances = with_nu(nu).probabilities(p)
    assert (chances >= 0).all()
    assert chances.sum(axis=1) == pytest.approx(1.0)
    assert chances[:, 2] + chances[:, 1] / 2 == pytest.approx(np.array(p))
    assert (chances[:, 1] / 2 <= np.minimum(p, 1 - np.array(p))).all()


@given(st.lists(beliefs, min_size=1, max_size=20), readiness)
def test_a_tie_is_as_likely_either_way_round(p, nu):
    forth = 1 - (1 - np.array(p))  # a number whose distance from 1 is exact
    assert (with_nu(nu).p_tie(forth) == with_nu(nu).p_tie(1 - forth)).all()


def test_ties_are_likeliest_between_equals():
    p_tie = with_nu(0.8).p_tie(np.linspace(0.5, 1, 50))
    assert (np.diff(p_tie) < 0).all()
    assert p_tie[0] == pytest.approx(0.8 / 2.8)
    assert p_tie[-1] == 0


def test_gold_without_a_tie_has_none_to_expect():
    model = TieModel().fit([0.5, 0.9], [1, 0])
    assert model.nu_ == 0
    assert (model.p_tie([0.5, 0.1]) == 0).all()


def test_nothing_but_ties_is_no_certainty():
    p_tie = TieModel().fit([0.5] * 10, [0.5] * 10).p_tie([0.5])
    assert p_tie[0] == pytest.approx((10 + 1 / 3) / 11)


@given(st.lists(st.tuples(beliefs, st.sampled_from([0.0, 0.5, 1.0])), min_size=1, max_size=20))
def test_turning_gold_round_changes_nothing(rows):
    p, y = (np.array(column) for column in zip(*rows, strict=True))
    p = np.round(p * 64) / 64
    assert TieModel().fit(p, y).nu_ == TieModel().fit(1 - p, 1 - y).nu_


def test_pairs_without_gold_change_nothing():
    p, y = drawn(200, 0.5)
    more = TieModel().fit(np.append(p, 0.7), np.append(y, np.nan))
    assert more.nu_ == TieModel().fit(p, y).nu_


def test_a_better_likelihood_is_nowhere_near():
    p, y = drawn(500, 0.5, seed=3)
    nu = TieModel().fit(p, y).nu_

    def loss(nu: float) -> float:
        chances = with_nu(nu).probabilities(np.append(p, [0.5] * 3))
        outcome = (np.append(y, [0.0, 0.5, 1.0]) * 2).astype(int)
        weight = np.append(np.ones(500), [1 / 3] * 3)
        return float(-(weight * np.log(chances[np.arange(503), outcome])).sum())

    assert loss(nu) < min(loss(nu * 1.01), loss(nu / 1.01))


def test_certain_beliefs_that_are_wrong_are_survived():
    assert np.isfinite(TieModel().fit([1.0, 0.0, 1.0], [0, 0.5, 0.5]).nu_)


def test_a_saved_model_is_the_same():
    model = TieModel().fit(*drawn(300, 0.4))
    again = TieModel.from_dict(json.loads(json.dumps(model.to_dict())))
    p = sigmoid(np.linspace(-4, 4, 30))
    assert (again.p_tie(p) == model.p_tie(p)).all()


@pytest.mark.parametrize("state", [{}, {"nu": -1.0}, {"nu": "much"}, {"nu": float("inf")}])
def test_a_torn_model_is_refused(state):
    with pytest.raises(ArtifactError, match="no nu of 0 or more"):
        TieModel.from_dict(state)


def test_asking_before_fitting_is_refused():
    with pytest.raises(NotFittedError, match="Call fit"):
        TieModel().p_tie([0.5])
    with pytest.raises(NotFittedError, match="Call fit"):
        TieModel().to_dict()


@pytest.mark.parametrize(
    ("p", "y", "words"),
    [
        ([1.5], [1], "Pass P"),
        ([np.nan], [1], "Pass P"),
        ([0.5], [0.3], "y holds"),
        ([0.5], [1, 1], "y has shape"),
    ],
)
def test_wrong_input_is_refused(p, y, words):
    with pytest.raises(LabelMatrixError, match=words):
        TieModel().fit(p, y)
