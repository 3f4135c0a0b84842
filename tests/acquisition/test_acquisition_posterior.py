"""One more label by a step of Newton's method, against fitting again; information against its definition."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from made_pool import made_pool

from weaklabel.acquisition import get_acquisition
from weaklabel.acquisition.posterior import Posterior, curvature, entropy, moderated
from weaklabel.acquisition.strategies.bald import mutual_information
from weaklabel.acquisition.strategies.expected_gain import gains
from weaklabel.logistic import fit_logistic
from weaklabel.types import FloatArray, sigmoid

N, KNOWN, D = 200, 60, 8


def fitted(x: FloatArray, p: FloatArray, w: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The optimum under a prior of precision 1, and the inverse of the second derivative there."""
    theta = fit_logistic(x, p, w, precision=1.0).theta
    return theta, np.linalg.inv(np.eye(x.shape[1]) + (x.T * (w * curvature(x @ theta))) @ x)


def mean_entropy(x: FloatArray, theta: FloatArray, inverse: FloatArray) -> float:
    variance = ((x @ inverse) * x).sum(axis=1)
    return float(entropy(moderated(x @ theta, variance)).mean())


def test_expected_gain_is_what_fitting_again_gives_on_200_pairs() -> None:
    rng = np.random.default_rng(0)
    weights = rng.normal(size=D) * 2
    x, old = (rng.normal(size=(rows, D)) / np.sqrt(D) for rows in (N, KNOWN))
    y = (rng.random(KNOWN) < sigmoid(old @ weights)).astype(np.float64)
    theta, inverse = fitted(old, y, np.ones(KNOWN))
    pool = replace(
        made_pool(N, D),
        logit=x @ theta,
        features=x,
        known_features=old,
        known_logit=old @ theta,
    )
    ours = gains(pool, Posterior(pool), np.arange(N), np.arange(N))

    now, truth = mean_entropy(x, theta, inverse), np.zeros(N)
    chance = sigmoid(moderated(x @ theta, ((x @ inverse) * x).sum(axis=1)))
    for c in range(N):
        for answer, weight in ((1.0, chance[c]), (0.0, 1 - chance[c])):
            again = fitted(np.vstack([old, x[c]]), np.append(y, answer), np.ones(KNOWN + 1))
            truth[c] += weight * (now - mean_entropy(x, *again))
    assert np.corrcoef(ours, truth)[0, 1] > 0.97
    assert np.abs(ours - truth).max() < 0.25 * truth.max()
    # What it picks is nearly the best there is, which a rule that ignores the pool misses.
    assert truth[np.argmax(ours)] > 0.95 * truth.max()


def test_a_label_more_is_the_inverse_with_a_pair_more() -> None:
    pool = made_pool()
    assert pool.features is not None
    posterior = Posterior(pool)
    before = np.linalg.inv(posterior.inverse)
    posterior.add(pool.features[3], 0.2)
    after = before + 0.2 * np.outer(pool.features[3], pool.features[3])
    assert np.linalg.inv(posterior.inverse) == pytest.approx(after)


def test_d_optimal_adds_what_the_determinant_says_and_greedily_the_most() -> None:
    pool = made_pool(12, 3)
    assert pool.features is not None
    information = np.linalg.inv(Posterior(pool).inverse)
    chosen = get_acquisition("d_optimal").choose(pool, 4)
    s = curvature(pool.logit)
    for i, (row, value) in enumerate(zip(chosen.rows, chosen.value, strict=True)):
        added = [
            np.linalg.slogdet(information + s[r] * np.outer(pool.features[r], pool.features[r]))[1]
            - np.linalg.slogdet(information)[1]
            for r in range(12)
        ]
        left = [added[r] for r in range(12) if r not in chosen.rows[:i]]
        assert value == pytest.approx(added[row]) == pytest.approx(max(left))
        information = information + s[row] * np.outer(pool.features[row], pool.features[row])


def test_bald_is_the_mutual_information_by_drawing() -> None:
    rng = np.random.default_rng(5)
    logit, variance = np.array([0.0, 0.7, -3.0, 1.0]), np.array([4.0, 0.5, 2.0, 0.0])
    z = logit[:, None] + np.sqrt(variance)[:, None] * rng.normal(size=200_000)
    p = sigmoid(z)
    mean = p.mean(axis=1)
    by_drawing = entropy(np.log(mean / (1 - mean))) - entropy(z).mean(axis=1)
    assert mutual_information(logit, variance) == pytest.approx(by_drawing, abs=2e-3)


def test_bald_leaves_alone_what_is_unsure_for_everybody() -> None:
    """A coin whose odds are known to be even is the most uncertain pair, and a label of it says nothing."""
    pool = made_pool(8, 2, known=0)
    features = np.zeros((8, 2))
    features[5] = [1.0, 1.0]
    logit = np.full(8, 0.0)
    logit[5] = 1.0
    pool = replace(pool, logit=logit, features=features)
    assert get_acquisition("bald").choose(pool, 1).rows.tolist() == [5]
    assert get_acquisition("uncertainty").choose(pool, 1).rows.tolist() != [5]


def test_expected_gain_prefers_what_many_other_pairs_share() -> None:
    """Ten pairs on one axis and one on another, all as uncertain: a label on the crowded axis helps ten."""
    features = np.zeros((11, 2))
    features[:10, 0], features[10, 1] = 1.0, 1.0
    pool = replace(made_pool(11, 2, known=0), logit=np.zeros(11), features=features)
    first, second = get_acquisition("expected_gain").choose(pool, 2).rows[[0, -1]]
    assert first != 10
    chosen = get_acquisition("coreset").choose(pool, 2).rows
    assert 10 in chosen
    assert second in range(11)
