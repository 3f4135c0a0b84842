"""Weighted vote and one-sided rules against loops and known truth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthetic import draw_classes, draw_votes

from weaklabel.errors import ConfigError
from weaklabel.label_models.k_class.cast_votes import cast_votes
from weaklabel.label_models.k_class.majority_vote import MajorityVote
from weaklabel.label_models.k_class.one_sided import OneSided, fit_firing
from weaklabel.label_models.k_class.weighted_vote import WeightedVote


def loop_agreement(L: np.ndarray, k: int) -> np.ndarray:
    judged, agreed = np.zeros(L.shape[1]), np.zeros(L.shape[1])
    for row in L:
        for j, vote in enumerate(row):
            others = [v for i, v in enumerate(row) if i != j and v >= 0]
            votes = [others.count(c) for c in range(k)]
            if vote >= 0 and votes.count(max(votes)) == 1:
                judged[j] += 1
                agreed[j] += vote == int(np.argmax(votes))
    return (agreed + 3.5) / (judged + 5)


@given(st.integers(0, 25), st.integers(1, 5), st.integers(2, 4), st.integers(0, 99))
def test_agreement_with_the_others_is_that_of_a_loop(n, m, k, seed):
    L = np.random.default_rng(seed).integers(-1, k, (n, m))
    assert WeightedVote(n_classes=k).fit(L).agreement_ == pytest.approx(loop_agreement(L, k))


@given(st.integers(0, 40), st.integers(0, 99))
def test_parts_of_a_weighted_vote_add_up(cut, seed):
    L = np.random.default_rng(seed).integers(-1, 3, (40, 4))
    whole = WeightedVote(n_classes=3).fit(L)
    parts = WeightedVote(n_classes=3).fit(L[cut:]).merge(WeightedVote(n_classes=3).fit(L[:cut]))
    assert parts.to_dict() == whole.to_dict()


def test_a_function_cannot_vouch_for_itself():
    L = np.column_stack([np.tile([0, 1], 20), np.full((40, 2), -1)])
    assert WeightedVote().fit(L).agreement_[0] == pytest.approx(0.7)  # nobody judged it: the belief stands


def test_better_functions_weigh_more():
    L, _ = draw_votes(3000, [0.9, 0.8, 0.7, 0.6, 0.55], seed=1)
    assert (np.diff(WeightedVote().fit(L).agreement_) < 0).all()


def loop_firing(L: np.ndarray, k: int, strength: float, steps: int) -> np.ndarray:
    """The model's equations, row by row and vote by vote."""
    n, m = L.shape
    prior = np.array([[5.0 if c == v else 1.0 for c in range(k)] for v in range(k)])
    prior *= strength / prior.sum(axis=1, keepdims=True)

    def shares(votes: list[int]) -> np.ndarray:
        return np.array([votes.count(c) for c in range(k)]) / len(votes)

    firing = None
    for step in range(steps + 1):
        fired, rows = np.zeros((m, k, k)), np.zeros(k)
        for i in range(n):
            cast = [(j, int(L[i, j])) for j in range(m) if L[i, j] >= 0]
            if not cast:
                continue
            q = shares([v for _, v in cast])
            if step:
                q = np.prod([firing[j, v] for j, v in cast], axis=0)
                q = q / q.sum()
            rows += q
            if len(cast) > 1:
                for j, v in cast:
                    fired[j, v] += q if step else shares([u for i_, u in cast if i_ != j])
        firing = np.minimum((fired + prior) / (rows + strength), 1.0)
    return firing


@pytest.mark.parametrize("k", [2, 3])
def test_firing_rates_follow_the_stated_equations(k):
    L = np.random.default_rng(k).integers(-1, k, (25, 4)).astype(np.int8)
    firing, steps = fit_firing(cast_votes(L, k), 10.0, max_iter=3, tol=0)
    assert steps == 3
    assert firing == pytest.approx(loop_firing(L, k, 10.0, 3))


def rules(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Three classes, each with four precise rules, and one broad rule for class 0 that fires whatever the truth."""
    rng = np.random.default_rng(seed)
    y = rng.integers(3, size=n)
    target = np.repeat(np.arange(3), 4)
    fires = rng.random((n, 12)) < np.where(y[:, None] == target, 0.4, 0.04)
    L = np.where(fires, target, -1)
    return np.column_stack([L, np.where(rng.random(n) < 0.6, 0, -1)]), y


def test_a_broad_rule_gives_way_to_precise_ones():
    L, y = rules(3000, 0)
    model, votes = OneSided(n_classes=3).fit(L), MajorityVote(n_classes=3).fit(L)
    spoken = (L[:, :12] >= 0).any(axis=1)
    right = [(m.predict_proba(L)[spoken].argmax(axis=1) == y[spoken]).mean() for m in (model, votes)]
    assert right[0] > right[1] + 0.02
    weights = np.log(model.firing_)
    assert np.ptp(weights[12, 0]) < 0.5 * np.ptp(weights[0, 0])


def test_one_sided_rules_recover_how_often_they_fire():
    L, _ = rules(6000, 1)
    firing = OneSided(n_classes=3, prior_rows=10).fit(L).firing_
    own = np.array([firing[j, j // 4] for j in range(12)])
    at_home = np.eye(3, dtype=bool)[np.arange(12) // 4]
    assert own[at_home] == pytest.approx(np.full(12, 0.4), abs=0.05)
    assert own[~at_home] == pytest.approx(np.full(24, 0.04), abs=0.03)


def test_probabilities_of_one_sided_rules_are_those_of_the_true_firing_rates():
    L, _ = rules(20_000, 2)
    true = np.full((13, 3), 0.6)  # the broad rule fires alike in every class
    true[:12] = np.where(np.eye(3, dtype=bool)[np.arange(12) // 4], 0.4, 0.04)
    score = (L >= 0) @ np.log(true)  # votes cast alone: the model reads no silence
    exact = np.exp(score) / np.exp(score).sum(axis=1, keepdims=True)
    assert np.abs(OneSided(n_classes=3).fit(L).predict_proba(L) - exact).mean() < 0.03


def test_turned_votes_of_pairs_are_read_the_same():
    L, _ = draw_votes(500, [0.8, 0.7, 0.6, 0.6], 0.7, seed=2)
    firing = OneSided().fit(L).firing_
    assert (firing == firing[:, ::-1, ::-1]).all()


def test_settings_of_one_sided_out_of_range_are_refused():
    with pytest.raises(ConfigError, match=r"prior_rows is 0, max_iter 200. Allowed: prior_rows > 0"):
        OneSided(prior_rows=0).fit([[0, 1]])


def test_ordinary_classes_are_voted_on_by_share():
    L, _ = draw_classes(10, [0.9] * 4, k=4)
    p = MajorityVote(n_classes=4).fit(L).predict_proba([[3, 3, 1, -1]])
    assert p[0] == pytest.approx([1 / 7, 2 / 7, 1 / 7, 3 / 7])
