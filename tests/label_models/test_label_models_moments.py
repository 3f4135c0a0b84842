"""Moments and triplets against known accuracies, loops that follow the formulas, and copies that must not count."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthetic import KNOWN_TRUTH, draw_classes, draw_votes, even_accuracies

from weaklabel.errors import ConfigError, LabelMatrixError
from weaklabel.label_models.k_class.agreement_counts import accuracy_of, count_agreements, edge_products
from weaklabel.label_models.k_class.majority_vote import MajorityVote
from weaklabel.label_models.k_class.moments import Moments, discounts, robust_edges
from weaklabel.label_models.k_class.triplet import Triplet, triplet_edges

matrices = st.tuples(st.integers(0, 30), st.integers(1, 5), st.integers(2, 4), st.integers(0, 99)).map(
    lambda t: (np.random.default_rng(t[3]).integers(-1, t[2], (t[0], t[1])).astype(np.int8), t[2])
)


def loop_counts(L: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    m = L.shape[1]
    both, agree = np.zeros((m, m), dtype=int), np.zeros((m, m), dtype=int)
    for row in L:
        for i, j in itertools.product(range(m), repeat=2):
            both[i, j] += row[i] >= 0 and row[j] >= 0
            agree[i, j] += row[i] >= 0 and row[i] == row[j]
    return both, agree


@given(matrices)
def test_counts_are_those_of_a_loop(matrix):
    L, k = matrix
    both, agree = loop_counts(L)
    counts = count_agreements(L, k)
    assert (counts["both"] == both).all()
    assert (counts["agree"] == agree).all()
    assert (counts["cast"] == (L >= 0).sum(axis=0)).all()


def test_counts_of_many_chunks_are_exact(monkeypatch):
    L, _ = draw_classes(1000, even_accuracies(6), 0.5, k=3)
    whole = count_agreements(L, 3)
    monkeypatch.setattr("weaklabel.label_models.k_class.bit_counts._CHUNK", 7)
    assert all((count_agreements(L, 3)[name] == whole[name]).all() for name in whole)


@given(matrices, st.integers(0, 30), st.sampled_from([Moments, Triplet, MajorityVote]))
def test_merging_two_parts_is_fitting_the_whole(matrix, cut, kind):
    L, k = matrix
    whole = kind(n_classes=k).fit(L)
    first, second = kind(n_classes=k).fit(L[:cut]), kind(n_classes=k).fit(L[cut:])
    assert second.merge(first).to_dict() == whole.to_dict()
    assert first.partial_fit(L[cut:]).to_dict() == whole.to_dict()


def brute_force_triplets(G: np.ndarray, n: np.ndarray, i: int) -> float:
    sizes = []
    for j, k in itertools.combinations([x for x in range(len(G)) if x != i], 2):
        if G[i, j] and G[i, k] and abs(G[j, k]) > 2 / np.sqrt(n[j, k]):
            sizes.append(np.sqrt(abs(G[i, j] * G[i, k] / G[j, k])))
    return float(np.median(sizes))


def test_triplets_are_those_of_a_loop():
    L, _ = draw_classes(800, even_accuracies(7), 0.7, seed=3)
    G, n = edge_products(count_agreements(L, 2), 2)
    edges, used = triplet_edges(G, n)
    assert edges == pytest.approx([brute_force_triplets(G, n, i) for i in range(7)])
    clear = np.triu(np.abs(G) > 2 / np.sqrt(np.maximum(n, 1)), 1)
    assert used.tolist() == [clear.sum() - clear[i].sum() - clear[:, i].sum() for i in range(7)]


def brute_force_edges(G: np.ndarray, n: np.ndarray) -> np.ndarray:
    """The stated objective by coordinate search over a fine grid, from the same start."""
    grid, m = np.linspace(-0.9, 0.9, 3601), len(G)
    r = np.full(m, 0.2)
    for _ in range(40):
        for i in range(m):
            j = [x for x in range(m) if n[i, x]]
            weight = n[i, j] / (n[i, j] + 20)
            cost = (weight[:, None] * np.abs(G[i, j][:, None] - np.outer(r[j], grid))).sum(axis=0)
            r[i] = grid[np.argmin(cost + 2 * 0.2 * np.abs(grid - 0.2))]
    return r


def test_edges_minimise_the_stated_absolute_error():
    L, _ = draw_classes(3000, even_accuracies(9), 0.6, seed=5)
    G, n = edge_products(count_agreements(L, 2), 2)
    assert robust_edges(G, n, 2) == pytest.approx(brute_force_edges(G, n), abs=5e-3)


@pytest.mark.parametrize("kind", [Moments, Triplet])
@pytest.mark.parametrize("seed", range(3))
def test_two_hundred_independent_functions_are_recovered(kind, seed):
    L, _, accuracies = KNOWN_TRUTH["200 independent LFs"](10_000, seed)
    found = kind(n_classes=2).fit(L).accuracies_
    assert np.sqrt(np.mean((found - accuracies) ** 2)) < 0.03


@pytest.mark.parametrize("kind", [Moments, Triplet])
def test_accuracies_of_four_classes_are_recovered(kind):
    L, _, accuracies = KNOWN_TRUTH["four classes"](10_000, 0)
    assert kind(n_classes=4).fit(L).accuracies_ == pytest.approx(accuracies, abs=0.04)


@pytest.mark.parametrize("kind", [Moments, Triplet])
def test_an_unequal_class_balance_changes_no_accuracy(kind):
    L, _, accuracies = KNOWN_TRUTH["class balance .05"](10_000, 0)
    assert kind(n_classes=2).fit(L).accuracies_ == pytest.approx(accuracies, abs=0.04)


@pytest.mark.parametrize("kind", [Moments, Triplet])
def test_functions_below_chance_are_found_out(kind):
    L, _, accuracies = KNOWN_TRUTH["two of ten LFs below chance"](10_000, 0)
    found = kind(n_classes=2).fit(L).accuracies_
    assert found[-2:] == pytest.approx(accuracies[-2:], abs=0.04)


def test_three_functions_are_enough():
    L, _, accuracies = KNOWN_TRUTH["3 LFs"](20_000, 0)
    assert Moments(n_classes=2).fit(L).accuracies_ == pytest.approx(accuracies, abs=0.03)
    assert Triplet(n_classes=2).fit(L).accuracies_ == pytest.approx(accuracies, abs=0.03)


@pytest.mark.parametrize("seed", range(3))
def test_five_copies_weigh_about_as_much_as_one(seed):
    L, _, accuracies = KNOWN_TRUTH["five near-copies among 20, all vote"](10_000, seed)
    model = Moments(n_classes=2).fit(L)
    copies = [0, 16, 17, 18, 19]
    assert model.accuracies_[copies] == pytest.approx(accuracies[copies], abs=0.03)
    assert 0.8 < model.discounts_[copies].sum() < 1.6
    assert (model.discounts_[1:16] > 0.9).all()


def test_copies_that_rarely_speak_together_are_hardly_discounted():
    G, n = np.array([[0, 0.9], [0.9, 0]]), np.array([[0, 900.0], [900.0, 0]])
    edges = np.array([0.4, 0.4])
    often = discounts(G, n, edges, np.array([1000.0, 1000.0]), 2)
    seldom = discounts(G, n, edges, np.array([9000.0, 9000.0]), 2)
    # Copies with edge .4 agree always: excess (1 - .16) / 2, as a share of 2 a (1 - a) = .42 it is 1 without noise.
    assert often == pytest.approx([1 / (1 + 0.9 * 0.82)] * 2, abs=0.04)
    assert (seldom > 0.9).all()


def test_the_weight_of_a_vote_is_the_log_odds_of_its_accuracy_discounted():
    L, _ = draw_votes(2000, [0.8, 0.7, 0.65, 0.6, 0.6, 0.7], seed=1)
    model = Moments().fit(L)
    odds = model.accuracies_ / (1 - model.accuracies_)
    assert model.contributions(np.ones((1, 6)))[0] == pytest.approx(np.log(odds) * model.discounts_)


def test_edges_and_accuracies_are_two_names_of_one_thing():
    assert accuracy_of(np.array([0.0, 1.0, 0.5]), 4) == pytest.approx([0.25, 1.0, 0.625])


def test_moments_has_more_right_than_majority_vote_where_functions_differ():
    L, y, _ = KNOWN_TRUTH["two of ten LFs below chance"](4000, 1)
    right = [
        (kind(n_classes=2).fit(L).predict_proba(L).argmax(axis=1) == y).mean()
        for kind in (Moments, MajorityVote)
    ]
    assert right[0] > right[1] + 0.1


def test_models_of_other_settings_or_columns_do_not_merge():
    L, _ = draw_votes(50, [0.8, 0.7, 0.6])
    with pytest.raises(ConfigError, match=r"cannot merge with triplet .*Merge models of one kind"):
        Triplet(min_rows=3).fit(L).merge(Triplet().fit(L))
    with pytest.raises(ConfigError, match="cannot merge with moments"):
        Triplet().fit(L).merge(Moments().fit(L))
    with pytest.raises(LabelMatrixError, match="counts of 2 columns with counts of 3"):
        Moments().fit(L).merge(Moments().fit(L[:, :2]))


def test_triplets_need_a_row():
    with pytest.raises(ConfigError, match=r"min_rows is 0. Allowed: 1 or more"):
        Triplet(min_rows=0).fit([[0, 1]])


@pytest.mark.parametrize("n_classes", [1, 128])
def test_a_number_of_classes_out_of_range_is_refused(n_classes):
    with pytest.raises(ConfigError, match=r"n_classes is \d+. Allowed: 2 to 127, or None"):
        Moments(n_classes=n_classes).fit([[0, 1]])


def test_a_vote_that_is_no_class_is_refused():
    with pytest.raises(LabelMatrixError, match=r"L holds \[3.0\]. A vote is -1 \(abstain\) or a class 0..2"):
        Moments(n_classes=3).fit([[0, 3]])


def test_classes_have_no_logit():
    with pytest.raises(ConfigError, match=r"n_classes=3: log-odds are for pairs. Call predict_proba"):
        Moments(n_classes=3).fit([[0, 1]]).predict_logit([[0, 1]])
