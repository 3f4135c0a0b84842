"""`averaged`, what `auto` answers for a crowd: balance, spread and confusion from known truth, and the formula by hand."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthetic import draw_classes, even_accuracies

from weaklabel.errors import ConfigError
from weaklabel.label_models.auto.averaged import Averaged
from weaklabel.label_models.auto.balance import balance_of_votes, spread_of_sources
from weaklabel.label_models.auto.confusion import confusion_matrices
from weaklabel.label_models.auto.model import Auto
from weaklabel.label_models.checks import check_label_model
from weaklabel.label_models.k_class.cast_votes import one_hot
from weaklabel.label_models.k_class.majority_vote import MajorityVote
from weaklabel.label_models.k_class.moments import Moments

sys.path.append(str(Path(__file__).resolve().parents[2] / "benchmarks"))
from _drawn_crowds import CROWDS, draw_crowd

pytestmark = pytest.mark.same_everywhere


def log_loss(p: np.ndarray, y: np.ndarray) -> float:
    return float(-np.log(np.maximum(p[np.arange(len(y)), y], 1e-6)).mean())


@pytest.mark.parametrize("k", [2, 5])
def test_it_keeps_the_contract_of_label_models(k):
    check_label_model(lambda: Averaged(n_classes=k))


@pytest.mark.parametrize("balance", [[0.5, 0.5], [0.8, 0.2], [0.6, 0.3, 0.1], [0.7, 0.1, 0.1, 0.1]])
def test_the_balance_is_found_from_shares_of_votes(balance):
    k = len(balance)
    L, _ = draw_classes(20_000, [0.7, 0.7, 0.7, 0.7], 0.5, k=k, balance=balance)
    edges = np.full(4, (k * 0.7 - 1) / (k - 1))
    assert balance_of_votes(L, edges, k, spread=0.0) == pytest.approx(balance, abs=0.02)
    assert balance_of_votes(L, edges, k, spread=0.15) == pytest.approx(
        (np.array(balance) + 1 / k) / 2, abs=0.01
    )
    assert balance_of_votes(L, edges, k, spread=0.3).tolist() == [1 / k] * k


def test_the_balance_of_no_votes_and_of_chance_is_finite():
    silent = np.full((5, 2), -1, np.int8)
    assert balance_of_votes(silent, np.zeros(2), 2, spread=0.0).tolist() == [0.5, 0.5]
    for_one = balance_of_votes(np.zeros((50, 2), np.int8), np.full(2, -0.5), 2, spread=0.0)
    assert 0 < for_one[1] < 0.1


def test_the_spread_of_two_votes_follows_its_definition():
    L = np.random.default_rng(1).integers(-1, 3, (9, 4))
    L[:5, 0] = 2
    votes = [(i, j, L[i, j]) for i, j in zip(*np.nonzero(L >= 0), strict=True)]
    couples = [(one[1] == two[1], one[2] == two[2]) for one in votes for two in votes if one[:2] != two[:2]]
    same, other = (
        np.mean([agree for own, agree in couples if own is wanted or own == wanted])
        for wanted in (True, False)
    )
    assert spread_of_sources(L.astype(np.int8), 3) == pytest.approx((same - other) / (1 - other))


def test_the_spread_is_0_for_a_crowd_and_1_for_rules():
    L, _ = draw_classes(5000, [0.8] * 6, 0.5, k=3)
    assert spread_of_sources(L, 3) == pytest.approx(0.0, abs=0.01)
    rules = np.where(L >= 0, np.arange(6) % 3, -1).astype(np.int8)
    assert spread_of_sources(rules, 3) == pytest.approx(1.0)
    assert spread_of_sources(np.zeros((4, 1), np.int8), 3) == 0.0


def test_confusion_of_many_votes_is_recovered_and_of_few_is_the_belief():
    rng = np.random.default_rng(2)
    y = rng.integers(2, size=40_000)
    chances = np.array([[[0.9, 0.1], [0.3, 0.7]], [[0.8, 0.2], [0.2, 0.8]], [[0.6, 0.4], [0.1, 0.9]]])
    L = (rng.random((40_000, 3)) > chances[:, y, 0].T).astype(np.int8)
    truth = np.eye(2)[y]
    theta = confusion_matrices(one_hot(L, 2), truth, np.full(3, 0.8), np.array([0.5, 0.5]))
    assert np.abs(theta - chances).max() < 0.12  # two steps on its own posterior, from the truth
    rare = np.hstack([L, np.full((40_000, 1), -1, np.int8)])
    rare[0, 3] = y[0]
    theta = confusion_matrices(one_hot(rare, 2), truth, np.array([0.8, 0.8, 0.8, 0.7]), np.array([0.5, 0.5]))
    assert np.diag(theta[3]) == pytest.approx([0.7, 0.7], abs=0.1)


def test_its_answer_follows_its_formula():
    L, _ = draw_classes(300, even_accuracies(6), 0.6, k=3)
    model, row = Averaged(n_classes=3).fit(L), L[7]
    voters = np.flatnonzero(row >= 0)
    p = 0.2 * (np.bincount(row[voters], minlength=3) + 1) / (len(voters) + 3)
    log_odds = np.log(model.accuracies_ * 2 / (1 - model.accuracies_)) * model.discounts_
    scores = [sum(log_odds[j] * (np.arange(3) == row[j]) for j in voters)]
    scores.append(sum(np.log(model.confusion_[j, :, row[j]]) for j in voters))
    for S, share, T in zip(scores, model.shares_, model.temperatures_, strict=True):
        q = np.exp((S + np.log(model.class_balance_)) / (1.5 * T))
        p = p + 0.8 * share * q / q.sum()
    assert model.predict_proba(row[None])[0] == pytest.approx(p)
    moments = Moments(n_classes=3).fit(L)
    assert (model.accuracies_ == moments.accuracies_).all()


def test_the_better_model_weighs_by_how_much_better_held_out_votes_are_predicted():
    L, _ = draw_classes(600, even_accuracies(8), 0.6)
    model = Averaged(n_classes=2).fit(L)
    worse = model.nats_.max() / model.nats_.min() - 1
    assert model.shares_.max() / model.shares_.min() == pytest.approx(np.exp(worse / 0.01))
    assert model.shares_.argmax() == model.nats_.argmin()


@given(st.integers(1, 40), st.integers(1, 5), st.integers(2, 4), st.floats(0, 1), st.integers(0, 99))
def test_any_votes_give_probabilities_that_are_saved_as_they_are(n, m, k, coverage, seed):
    rng = np.random.default_rng(seed)
    L = np.where(rng.random((n, m)) < coverage, rng.integers(0, k, (n, m)), -1)
    model = Averaged(n_classes=k).fit(L)
    p = model.predict_proba(L)
    assert np.isfinite(p).all()
    again = Averaged.from_dict(json.loads(json.dumps(model.to_dict(), allow_nan=False, sort_keys=True)))
    assert (again.predict_proba(L) == p).all()
    assert again.to_dict() == model.to_dict()


def test_pairs_are_refused_with_what_to_take_instead():
    with pytest.raises(ConfigError, match=r"averaged: n_classes is None.*take pair_model"):
        Averaged(n_classes=None).fit([[0, 1]])


def test_crowds_with_troubles_are_answered_better_than_by_counting():
    gains = []
    for number in (
        5,
        8,
        12,
        18,
    ):  # sparse without trouble, cliques, spammers on skewed classes, cliques on four
        L, y = draw_crowd(CROWDS[number], seed=100)
        model = Auto(n_classes=CROWDS[number].k).fit(L)
        assert model.chosen_ == "averaged"
        counted = MajorityVote(n_classes=CROWDS[number].k).fit(L).predict_proba(L)
        gains.append(log_loss(counted, y) - log_loss(model.predict_proba(L), y))
    assert min(gains) > 0.03
    assert np.mean(gains) > 0.15
