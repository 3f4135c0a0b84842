"""What each rule is for, on pools where the answer is known by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from made_pool import made_pool, with_logit

from weaklabel.acquisition import Pool, get_acquisition
from weaklabel.acquisition.strategies.badge import gradients
from weaklabel.acquisition.strategies.disagreement import divergence
from weaklabel.errors import LabelMatrixError
from weaklabel.types import sigmoid


def test_uncertainty_picks_the_beliefs_nearest_to_one_half() -> None:
    pool = made_pool(60)
    chosen = get_acquisition("uncertainty").choose(pool, 7)
    by_hand = np.argsort(np.abs(sigmoid(pool.logit) - 0.5))[:7]
    assert chosen.rows.tolist() == by_hand.tolist()
    p = sigmoid(pool.logit[by_hand])
    assert chosen.value == pytest.approx(-p * np.log(p) - (1 - p) * np.log(1 - p))


def test_uncertainty_tells_beliefs_apart_that_round_to_certainty() -> None:
    chosen = get_acquisition("uncertainty").choose(with_logit(np.array([900.0, -800.0, 850.0])), 3)
    assert chosen.rows.tolist() == [1, 2, 0]


def test_random_gives_every_kind_of_prompt_its_share_but_for_one() -> None:
    pool = replace(made_pool(100), strata=np.repeat([0, 1, 2], [50, 30, 20]))
    for seed in range(30):
        chosen = get_acquisition("random").choose(pool, 10, seed=seed)
        counts = np.bincount(pool.strata[chosen.rows], minlength=3)
        assert (np.abs(counts - [5, 3, 2]) <= 1).all()


def test_random_draws_every_pair_as_often_and_in_any_place() -> None:
    pool = replace(made_pool(20), strata=np.repeat([0, 1, 2], [11, 7, 2]))
    seen, first, draws = np.zeros(20), np.zeros(20), 4_000
    for seed in range(draws):
        rows = get_acquisition("random").choose(pool, 6, seed=seed).rows
        seen[rows] += 1
        first[rows[0]] += 1
    for counts, chance in ((seen, 6 / 20), (first, 1 / 20)):
        assert (np.abs(counts / draws - chance) <= 4.5 * np.sqrt(chance * (1 - chance) / draws)).all()


def test_disagreement_is_the_jensen_shannon_divergence() -> None:
    p, q = np.array([0.9, 0.5, 0.2, 0.3]), np.array([0.1, 0.5, 0.2, 0.6])
    mean = (p + q) / 2

    def h(x: np.ndarray) -> np.ndarray:
        return -x * np.log(x) - (1 - x) * np.log(1 - x)

    by_hand = h(mean) - (h(p) + h(q)) / 2
    assert divergence(np.log(p / (1 - p)), np.log(q / (1 - q))) == pytest.approx(by_hand, abs=1e-12)


def test_disagreement_asks_where_two_sure_opinions_contradict() -> None:
    logit, other = np.array([3.0, 0.1, 3.0]), np.array([-3.0, -0.1, 3.0])
    pool = Pool(("x", "y", "z"), logit, np.zeros(3, dtype=np.int64), other=other)
    chosen = get_acquisition("disagreement").choose(pool, 3)
    assert chosen.rows.tolist() == [0, 1, 2]
    assert chosen.reasons[0] == "b is given .953 by the labels and .047 by the reward model"


def test_badge_gradients_are_those_of_the_loss_at_the_predicted_label() -> None:
    pool = made_pool(20)
    assert pool.features is not None
    p = sigmoid(pool.logit)
    by_hand = (p - (p > 0.5))[:, None] * pool.features
    assert gradients(pool.logit, pool.features) == pytest.approx(by_hand)


def test_badge_prefers_uncertain_pairs_and_a_second_direction() -> None:
    """Twenty sure pairs, and two directions of uncertain ones: both are asked before a direction is asked twice."""
    features = np.vstack(
        [np.tile([1.0, 0.0], (20, 1)), np.tile([[1.0, 0.0]], (5, 1)), np.tile([[0.0, 1.0]], (5, 1))]
    )
    logit = np.concatenate([np.full(20, 9.0), np.full(10, 0.2)])
    pool = replace(made_pool(30, 2, known=0), logit=logit, features=features)
    for seed in range(50):
        rows = get_acquisition("badge").choose(pool, 2, seed=seed).rows
        assert sorted(rows // 5) == [4, 5]


def test_coreset_asks_first_what_gold_does_not_cover() -> None:
    features = np.vstack([np.tile([1.0, 0.01], (9, 1)), [[0.0, -1.0]]])
    pool = replace(
        made_pool(10, 2), features=features, known_features=np.array([[-1.0, 0.0]]), known_logit=np.zeros(1)
    )
    assert get_acquisition("coreset").choose(pool, 1).rows.tolist() == [9]


def test_coreset_in_texts_looks_at_no_features() -> None:
    pool = made_pool()
    rule = get_acquisition("coreset", space="text")
    assert pool.features is not None
    other = replace(pool, features=pool.features[::-1].copy(), known_features=None)
    assert rule.choose(pool, 6).rows.tolist() == rule.choose(other, 6).rows.tolist()


def test_typical_leaves_outliers_alone_and_begins_where_there_is_no_gold() -> None:
    rng = np.random.default_rng(0)
    crowds = np.eye(3)[np.repeat([0, 1], [15, 14])] + rng.normal(size=(29, 3)) * 0.05
    outlier = np.array([[0.6, 0.6, 0.6]])
    pool = replace(
        made_pool(30, 3),
        features=np.vstack([crowds, outlier]),
        known_features=np.array([[-1.0, 0.0, 0.0]]),
        known_logit=np.zeros(1),
    )
    rows = get_acquisition("typical").choose(pool, 2).rows
    assert 15 <= rows[0] < 29  # the second crowd, of which nothing is known
    assert rows[1] < 15


def test_the_hybrid_picks_among_the_uncertain_alone() -> None:
    pool = made_pool(60)
    chosen = get_acquisition("uncertain_coreset", most=3).choose(pool, 5).rows
    unsure = np.argsort(np.abs(pool.logit))[:15]
    assert set(chosen.tolist()) <= set(unsure.tolist())
    everything = get_acquisition("uncertain_coreset", most=12).choose(pool, 5).rows
    assert everything.tolist() == get_acquisition("coreset").choose(pool, 5).rows.tolist()


@pytest.mark.parametrize("name", ["random", "coreset", "badge", "typical", "expected_gain"])
def test_a_seed_is_an_argument_and_draws_something(name: str) -> None:
    pool = made_pool(60, known=0)
    drawn = {tuple(get_acquisition(name).choose(pool, 5, seed=seed).rows.tolist()) for seed in range(12)}
    assert len(drawn) > 1 or name == "expected_gain"


def test_a_pool_that_does_not_fit_together_is_refused() -> None:
    zeros = np.zeros(2, dtype=np.int64)
    with pytest.raises(LabelMatrixError, match=r"logit has shape \(1,\) for 2 ids"):
        Pool(("x", "y"), np.zeros(1), zeros)
    with pytest.raises(LabelMatrixError, match="not finite"):
        Pool(("x", "y"), np.zeros(2), zeros, other=np.array([0.0, np.nan]))
    with pytest.raises(LabelMatrixError, match="some ids come twice"):
        Pool(("x", "x"), np.zeros(2), zeros)
