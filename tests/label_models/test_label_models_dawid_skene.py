"""Dawid-Skene against known accuracies, a brute-force twin, and published matrices."""

from __future__ import annotations

import numpy as np
import pytest
from synthetic import KNOWN_TRUTH, draw_votes

from weaklabel.errors import ConfigError
from weaklabel.label_models.k_class.cast_votes import one_hot
from weaklabel.label_models.k_class.dawid_skene import DawidSkene, log_joint, run_em
from weaklabel.label_models.k_class.majority_vote import MajorityVote

ACCURACIES = np.array([0.85, 0.8, 0.7, 0.65, 0.6, 0.55, 0.75, 0.6])


def brute_force_em(L: np.ndarray, prior: np.ndarray, steps: int) -> np.ndarray:
    """Dawid & Skene's equations as loops over items, sources and classes."""
    (n, m), k = L.shape, len(prior)
    q = np.full((n, k), 1 / k)
    for i in range(n):
        cast = [v for v in L[i] if v >= 0]
        if cast:
            q[i] = [cast.count(c) / len(cast) for c in range(k)]
    for step in range(steps + 1):
        theta = np.tile(prior, (m, 1, 1)).astype(float)
        for i in range(n):
            for j in range(m):
                if L[i, j] >= 0:
                    theta[j, :, L[i, j]] += q[i]
        theta /= theta.sum(axis=2, keepdims=True)
        if step == steps:
            return theta
        for i in range(n):
            q[i] = [np.prod([theta[j, c, L[i, j]] for j in range(m) if L[i, j] >= 0]) for c in range(k)]
            q[i] /= q[i].sum()
    raise AssertionError


@pytest.mark.parametrize("k", [2, 3])
def test_em_follows_the_published_equations(k):
    L = np.random.default_rng(k).integers(-1, k, (30, 5)).astype(np.int8)
    prior = np.where(np.eye(k, dtype=bool), 2.5, 0.5)
    theta, _, steps = run_em(L, prior, max_iter=4, tol=0)
    assert steps == 4
    assert theta == pytest.approx(brute_force_em(L, prior, 4))


def test_known_accuracies_are_recovered():
    L, _ = draw_votes(5000, ACCURACIES, np.linspace(0.3, 0.95, 8), seed=1)
    confusion = DawidSkene().fit(L).confusion_
    found = (confusion[:, 0, 0] + confusion[:, 1, 1]) / 2
    assert np.abs(found - ACCURACIES).mean() < 0.03


def test_unequal_sources_are_weighed_better_than_majority_vote_does():
    L, y = draw_votes(4000, [0.9, 0.8, 0.55, 0.55, 0.55, 0.55], seed=2)
    right = {
        type(model).__name__: ((model.fit(L).predict_logit(L) > 0) == y).mean()
        for model in (DawidSkene(), MajorityVote())
    }
    assert right["DawidSkene"] > right["MajorityVote"] + 0.05


def test_a_source_below_chance_votes_for_the_other_side():
    L, _ = draw_votes(4000, [0.8, 0.8, 0.8, 0.2], seed=3)
    model = DawidSkene().fit(L)
    assert model.contributions([[-1, -1, -1, 1]])[0, 3] < -1


def test_a_bias_towards_one_position_is_learned():
    L, _ = draw_votes(6000, [0.8, 0.8, 0.8, 0.7], seed=4)
    always_b = np.random.default_rng(0).random(6000) < 0.5
    L[always_b, 3] = 1
    confusion = DawidSkene().fit(L).confusion_[3]
    assert confusion[1, 1] == pytest.approx(0.85, abs=0.03)
    assert confusion[0, 0] == pytest.approx(0.35, abs=0.03)


def test_classes_that_change_names_change_nothing_else():
    L, _ = draw_votes(300, ACCURACIES, 0.6, seed=5)
    model = DawidSkene().fit(L)
    turned = np.where(L == -1, -1, 1 - L)
    assert DawidSkene().fit(turned).predict_logit(turned) == pytest.approx(-model.predict_logit(L), abs=1e-9)


def test_a_rare_source_is_not_believed_perfect():
    L, _ = draw_votes(200, [0.8, 0.8, 0.8], seed=6)
    rare = np.full((200, 1), -1)
    rare[0] = L[0, 0]
    assert DawidSkene().fit(np.hstack([L, rare])).confusion_[3].max() < 0.9


def test_log_joint_of_silence_is_zero():
    theta = np.full((2, 3, 3), 1 / 3)
    silent = one_hot(np.full((4, 2), -1, dtype=np.int8), 3)
    assert (log_joint(silent, theta) == np.zeros((4, 3))).all()


def em_over_all_cells(L: np.ndarray, prior: np.ndarray, steps: int) -> np.ndarray:
    """EM as column by column over the whole matrix, silent cells among them."""
    (n, m), k = L.shape, len(prior)
    counts = np.stack([(c == L).sum(axis=1) for c in range(k)], axis=1)
    q = np.where(
        counts.sum(axis=1, keepdims=True) > 0,
        counts / np.maximum(counts.sum(axis=1, keepdims=True), 1),
        1 / k,
    )
    for step in range(steps + 1):
        theta = (
            np.stack([np.stack([q[L[:, j] == v].sum(axis=0) for v in range(k)], axis=1) for j in range(m)])
            + prior
        )
        theta /= theta.sum(axis=2, keepdims=True)
        if step < steps:
            score = np.zeros((n, k))
            for j in range(m):
                score += np.vstack([np.log(theta[j]).T, np.zeros(k)])[L[:, j]]
            q = np.exp(score - score.max(axis=1, keepdims=True))
            q /= q.sum(axis=1, keepdims=True)
    return theta


@pytest.mark.parametrize(
    ("n", "m", "k", "share"), [(600, 150, 2, 0.02), (300, 60, 5, 0.05), (200, 8, 3, 1.0), (40, 3, 2, 0.0)]
)
def test_em_over_cast_votes_is_em_over_all_cells(n, m, k, share):
    rng = np.random.default_rng(n)
    truth = rng.integers(k, size=(n, 1))
    said = np.where(rng.random((n, m)) < 0.7, truth, rng.integers(k, size=(n, m)))
    L = np.where(rng.random((n, m)) < share, said, -1).astype(np.int8)
    prior = np.where(np.eye(k, dtype=bool), 2.5, 0.5)
    theta = run_em(L, prior, max_iter=12, tol=-1.0).theta
    assert np.abs(theta - em_over_all_cells(L, prior, 12)).max() < 1e-9


def test_confusion_of_three_classes_is_recovered():
    rng = np.random.default_rng(7)
    theta = np.array([[0.8, 0.15, 0.05], [0.3, 0.6, 0.1], [0.1, 0.1, 0.8]])
    y = rng.integers(3, size=6000)
    L = (rng.random((6000, 8, 1)) > theta.cumsum(axis=1)[y][:, None, :]).sum(axis=2)
    assert DawidSkene(n_classes=3).fit(L).confusion_.mean(axis=0) == pytest.approx(theta, abs=0.03)


def test_an_estimated_balance_finds_a_rare_class():
    L, y, _ = KNOWN_TRUTH["class balance .05"](6000, 0)
    model = DawidSkene(n_classes=2, estimate_balance=True).fit(L)
    assert model.class_balance_ == pytest.approx([0.95, 0.05], abs=0.01)
    assert model.predict_proba(np.full((1, 10), -1))[0] == pytest.approx(model.class_balance_)
    assert (model.predict_proba(L).argmax(axis=1) == y).mean() > 0.95


def test_a_temperature_divides_what_votes_say():
    L, _ = draw_votes(500, ACCURACIES, 0.6, seed=8)
    model = DawidSkene(temperature=2.0, max_iter=1).fit(L)
    assert model.contributions(L) == pytest.approx(DawidSkene.from_dict(plain(model)).contributions(L) / 2)


def plain(model: DawidSkene) -> dict:
    state = model.to_dict()
    return {**state, "settings": {**state["settings"], "temperature": 1.0}}


def test_pairs_have_no_balance_to_estimate():
    with pytest.raises(ConfigError, match=r"A pair has no direction, so its balance is one half"):
        DawidSkene(estimate_balance=True).fit([[0, 1]])


@pytest.mark.parametrize(
    "settings", [{"max_iter": 0}, {"on_diagonal": 0}, {"off_diagonal": -1}, {"temperature": 0}]
)
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(ConfigError, match=r"dawid_skene: max_iter is .* Allowed: max_iter >= 1"):
        DawidSkene(**settings).fit([[0, 1]])


def test_seven_published_matrices_reach_the_trial_accuracy(shared):
    found = []
    for file in sorted((shared / "data" / "label_matrices").glob("*.npz")):
        with np.load(file) as data:
            L, gold, k = data["L"], data["gold"], len(data["classes"])
        theta = run_em(L, np.where(np.eye(k, dtype=bool), 2.5, 0.5)).theta
        score = log_joint(one_hot(L, k), theta)[gold >= 0]
        best = np.isclose(score, score.max(axis=1, keepdims=True))  # ties share
        hit = best[np.arange(len(score)), gold[gold >= 0]] / best.sum(axis=1)
        found.append(hit.mean())
    assert np.mean(found) == pytest.approx(0.777, abs=0.002)
