"""The pair model against truth: known weights, known accuracies, copies, and its own symmetry."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy.optimize import minimize

from weaklabel.errors import LabelMatrixError, NotFittedError
from weaklabel.label_models.agreement import agreement_weights, class_means
from weaklabel.label_models.map_logistic import map_logistic
from weaklabel.label_models.pair_model import PairModel, margin_effects
from weaklabel.types import sigmoid

Array = NDArray[np.float64]


def draw_votes(
    n: int, accuracies: list[float], coverage: float = 1.0, copies: int = 0, seed: int = 0
) -> tuple[NDArray[np.int8], Array]:
    """Votes of independent LFs, then `copies` of the first one with a twentieth of its votes turned round."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 2, n)
    columns = []
    for accuracy in accuracies:
        vote = np.where(rng.random(n) < accuracy, truth, 1 - truth)
        columns.append(np.where(rng.random(n) < coverage, vote, -1))
    for _ in range(copies):
        turned = rng.random(n) < 0.05
        columns.append(np.where(turned & (columns[0] >= 0), 1 - columns[0], columns[0]))
    return np.array(columns, dtype=np.int8).T, truth.astype(np.float64)


def draw_margins(n: int, weights: list[float], seed: int = 0) -> tuple[NDArray[np.float32], Array]:
    """Gaussian margins; gold drawn from the logistic model on their effects with the given weights."""
    rng = np.random.default_rng(seed)
    margins = rng.normal(size=(n, len(weights))).astype(np.float32)
    effects = margin_effects(votes_of(margins), margins, np.full(len(weights), 0.6745))
    return margins, (rng.random(n) < sigmoid(effects @ np.array(weights))).astype(np.float64)


def votes_of(margins: NDArray[np.float32]) -> NDArray[np.int8]:
    return np.where(margins == 0, -1, margins > 0).astype(np.int8)


def test_accuracies_of_independent_lfs_are_recovered_from_agreement_alone() -> None:
    accuracies = [0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9]
    L, _ = draw_votes(20_000, accuracies)
    signs = 2.0 * L - 1.0
    mu = class_means(signs.T @ signs / len(signs), np.ones(len(accuracies)))
    assert np.abs((mu + 1) / 2 - accuracies).max() < 0.03


def test_five_copies_of_one_lf_weigh_about_as_much_as_one() -> None:
    alone, _ = draw_votes(20_000, [0.6] + [0.7] * 15)
    copied, _ = draw_votes(20_000, [0.6] + [0.7] * 15, copies=5)
    one = agreement_weights(2.0 * alone - 1.0)[0]
    family = agreement_weights(2.0 * copied - 1.0)[[0, 16, 17, 18, 19, 20]].sum()
    assert family == pytest.approx(one, rel=0.4)


def test_without_gold_copies_leave_it_better_than_majority_vote() -> None:
    L, y = draw_votes(10_000, [0.6] + [0.7] * 15, coverage=0.3, copies=5)
    logit = PairModel().fit(L).predict_logit(L)
    majority = np.where(L >= 0, 2.0 * L - 1.0, 0.0).sum(axis=1)
    ours = np.where(logit == 0, 0.5, (logit > 0) == (y == 1)).mean()
    theirs = np.where(majority == 0, 0.5, (majority > 0) == (y == 1)).mean()
    assert ours > theirs + 0.02


def test_with_much_gold_the_weights_that_drew_it_are_recovered() -> None:
    margins, y = draw_margins(20_000, [2.0, -1.0, 0.0])
    model = PairModel().fit(votes_of(margins), margins=margins, y=y)
    assert np.abs(model.weights_ - [2.0, -1.0, 0.0]).max() < 0.2


def test_gold_turns_an_lf_below_chance_round() -> None:
    margins, y = draw_margins(2_000, [-2.0, 1.0])
    model = PairModel().fit(votes_of(margins), margins=margins, y=y)
    assert model.prior_[0] >= 0 > model.weights_[0]


def test_map_logistic_finds_the_minimum_that_a_general_optimiser_finds() -> None:
    rng = np.random.default_rng(3)
    X, y, centre = rng.normal(size=(60, 4)), rng.choice([0.0, 0.5, 1.0], 60), rng.normal(size=4)

    def objective(beta: Array) -> float:
        z = X @ beta
        return float((np.logaddexp(0, z) - y * z).sum() + 1.5 * ((beta - centre) ** 2).sum())

    found = minimize(objective, np.zeros(4), method="BFGS", options={"gtol": 1e-9}).x
    assert np.allclose(map_logistic(X, y, centre, 3.0), found, atol=1e-6)


def test_one_lf_of_known_accuracy_gets_its_log_odds() -> None:
    # Two LFs right six times in ten agree only through the truth: each speaks with log(.6 / .4) or close to it.
    L, _ = draw_votes(50_000, [0.6, 0.6, 0.6, 0.6])
    weights = agreement_weights(2.0 * L - 1.0)
    assert np.abs(weights - np.log(0.6 / 0.4)).max() < 0.1


@settings(max_examples=30, deadline=None)
@given(
    arrays(np.float32, st.tuples(st.integers(1, 30), st.just(4)), elements=st.floats(-1e6, 1e6, width=32)),
    st.data(),
)
def test_turning_pairs_round_flips_every_logit_exactly(
    margins: NDArray[np.float32], data: st.DataObject
) -> None:
    L = votes_of(margins)
    y = np.array(data.draw(st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=len(L), max_size=len(L))))
    model = PairModel().fit(L, margins=margins, y=y)
    logit = model.predict_logit(L, margins=margins)
    turned = model.predict_logit(np.where(L < 0, L, 1 - L), margins=-margins)
    assert (logit == -turned).all()
    alone = [model.predict_logit(L[i : i + 1], margins=margins[i : i + 1])[0] for i in range(len(L))]
    assert (logit == alone).all()


def test_turning_training_rows_round_does_not_change_the_fit() -> None:
    margins, y = draw_margins(300, [1.0, -0.5, 0.2])
    turn = np.random.default_rng(1).random(300) < 0.5
    turned = np.where(turn[:, None], -margins, margins)
    model = PairModel().fit(votes_of(margins), margins=margins, y=y)
    again = PairModel().fit(votes_of(turned), margins=turned, y=np.where(turn, 1 - y, y))
    assert np.abs(model.weights_ - again.weights_).max() < 1e-9


def test_contributions_add_up_to_the_logit() -> None:
    margins, y = draw_margins(100, [1.0, -0.5])
    model = PairModel().fit(votes_of(margins), margins=margins, y=y)
    shares = model.contributions(votes_of(margins), margins=margins)
    assert (shares.sum(axis=1) == model.predict_logit(votes_of(margins), margins=margins)).all()


def test_effect_is_the_vote_where_there_is_no_margin_and_half_at_the_median_margin() -> None:
    L = np.array([[1, 0], [0, -1]], dtype=np.int8)
    margins = np.array([[4.0, np.nan], [-12.0, np.nan]], dtype=np.float32)
    assert margin_effects(L, margins, np.array([4.0, np.nan])).tolist() == [[0.5, -1.0], [-0.75, 0.0]]


def test_a_row_without_votes_and_margins_gets_a_logit_of_zero() -> None:
    L, y = draw_votes(200, [0.7, 0.8])
    model = PairModel().fit(L, y=y)
    assert model.predict_logit(np.full((1, 2), -1))[0] == 0.0


def test_saved_and_loaded_it_says_the_same_to_the_bit() -> None:
    margins, y = draw_margins(200, [1.0, -0.5])
    model = PairModel().fit(votes_of(margins), margins=margins, y=y)
    again = PairModel.from_dict(json.loads(json.dumps(model.to_dict())))
    assert (
        again.predict_logit(votes_of(margins), margins=margins)
        == model.predict_logit(votes_of(margins), margins=margins)
    ).all()


def test_silent_lfs_and_no_rows_are_no_trouble() -> None:
    L = np.full((50, 3), -1, dtype=np.int8)
    assert (PairModel().fit(L, y=np.ones(50)).predict_logit(L) == 0).all()
    assert PairModel().fit(np.zeros((0, 3), dtype=np.int8)).weights_.tolist() == [0.0, 0.0, 0.0]


def test_asking_before_fitting_and_wrong_shapes_are_named() -> None:
    with pytest.raises(NotFittedError, match="PairModel is not fitted"):
        PairModel().predict_logit(np.zeros((1, 1), dtype=np.int8))
    model = PairModel().fit(np.array([[0, 1]]))
    with pytest.raises(LabelMatrixError, match="3 columns but the model was fitted on 2"):
        model.predict_logit(np.zeros((1, 3), dtype=np.int8))
