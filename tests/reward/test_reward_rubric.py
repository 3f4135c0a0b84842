"""Rewards that scores of single responses teach: known tastes recovered, a brute-force twin of the loss, scores between two numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_pairs import made_pairs
from scipy.optimize import minimize

from weaklabel.errors import ConfigError, DataError, LabelMatrixError
from weaklabel.logistic import nll_of_logit
from weaklabel.reward import load_reward
from weaklabel.reward.linear import LinearReward
from weaklabel.reward.ridge import mean_squared_difference
from weaklabel.types import FloatArray, sigmoid

WORDS = {"good": 2.0, "fine": 1.0, "cat": 0.0, "dog": 0.0, "sun": 0.0, "poor": -1.0, "bad": -2.0}


def made(n: int, seed: int = 0) -> tuple[list[str], list[str], FloatArray]:
    """Prompts, responses, and what each is worth to somebody who likes some words."""
    rng = np.random.default_rng(seed)
    responses = [" ".join(rng.choice(list(WORDS), 3, replace=False)) for _ in range(n)]
    worth = np.array([sum(WORDS[word] for word in text.split()) for text in responses])
    return [f"prompt {k}" for k in range(n)], responses, worth


def given_scores(worth: FloatArray, seed: int = 0) -> FloatArray:
    """0 to 5, by somebody who wavers."""
    noise = np.random.default_rng(seed).logistic(size=len(worth)) * 0.5
    return np.clip(np.round(2.5 + worth / 1.5 + noise), 0, 5)


def test_what_is_liked_is_found_and_scores_are_expected_as_they_are_given() -> None:
    prompts, responses, worth = made(300)
    model = LinearReward()
    thresholds = model.fit_scores(prompts, responses, given_scores(worth), rubric=(0, 5))
    others = made(400, seed=1)
    rewards = model.score(*others[:2])
    assert np.corrcoef(rewards, others[2])[0, 1] > 0.93
    expected = sigmoid((rewards[:, None] - thresholds) / model.scale_).sum(axis=1)
    assert abs(expected.mean() - given_scores(others[2], 1).mean()) < 0.2
    assert model.calibrated
    assert (model.n_gold_, len(model.gold_prompts_)) == (300, 300)
    assert (np.diff(thresholds) >= 0).all()


def test_the_loss_is_that_of_the_rows_that_it_says() -> None:
    prompts, responses, worth = made(12)
    scores = given_scores(worth)
    model = LinearReward(n_features=64)
    thresholds = model.fit_scores(prompts, responses, scores, rubric=(0, 5))
    x, ridge, spread = model._of_texts(prompts, responses)
    x = np.asarray(x.todense())

    def loss(v: FloatArray) -> float:
        theta, t = v[:-5], v[-5:]
        z = (x @ theta)[:, None] - t
        fit = sum(nll_of_logit(z[:, k], (scores > k).astype(float)).sum() for k in range(5))
        return float(fit + 0.5 * (ridge * theta**2).sum() + 0.5 * 1e-2 * (t**2).sum())

    best = minimize(
        loss, np.zeros(x.shape[1] + 5), method="L-BFGS-B", options={"maxiter": 5000, "ftol": 1e-14}
    )
    assert np.allclose(spread(best.x[:-5]), model.coef_, atol=2e-3)
    assert np.allclose(np.sort(best.x[-5:]), thresholds, atol=1e-2)


def test_pairs_beside_scores_teach_too() -> None:
    prompts, responses, worth = made(60)
    pairs = made_pairs([("the tea", "the coffee"), ("a tea", "a coffee")] * 20)
    model = LinearReward()
    model.fit_scores(
        prompts, responses, given_scores(worth), rubric=(0, 5), pairs=pairs, p=np.ones(len(pairs))
    )
    tea, coffee = model.score(["x", "x"], ["some tea", "some coffee"])
    assert coffee > tea
    good, bad = model.score(["x", "x"], ["good cat", "bad cat"])
    assert good > bad


def test_a_score_between_two_numbers_is_part_of_both() -> None:
    prompts, responses, worth = made(80)
    scores = given_scores(worth)
    half, twice = LinearReward(), LinearReward()
    half.fit_scores(prompts, responses, np.clip(scores, 0, 4) + 0.5, rubric=(0, 5))
    both = [*prompts, *prompts], [*responses, *responses]
    doubled = np.concatenate([np.clip(scores, 0, 4), np.clip(scores, 0, 4) + 1])
    twice.l2 = 2.0  # every response twice counts twice, and so must the ridge
    twice.fit_scores(*both, doubled, rubric=(0, 5))
    assert np.allclose(half.coef_, twice.coef_, atol=2e-3)


def test_it_is_saved_and_loaded_to_the_bit(tmp_path: Path) -> None:
    prompts, responses, worth = made(60)
    model = LinearReward()
    model.fit_scores(prompts, responses, given_scores(worth), rubric=(0, 5))
    model.save(tmp_path / "reward")
    again = load_reward(tmp_path / "reward")
    assert (again.score(prompts, responses) == model.score(prompts, responses)).all()
    assert again.calibrated


def test_few_scores_leave_the_scale_alone() -> None:
    prompts, responses, worth = made(49)
    model = LinearReward()
    model.fit_scores(prompts, responses, given_scores(worth), rubric=(0, 5))
    assert model.scale_ == 1.0


@pytest.mark.parametrize(
    ("scores", "rubric", "error", "said"),
    [
        ([1.0, 6.0], (0, 5), LabelMatrixError, r"1 of 2 scores are outside the rubric\. Allowed: 0 to 5"),
        ([1.0, np.nan], (0, 5), LabelMatrixError, "1 of 2 scores are outside"),
        ([1.0], (0, 5), LabelMatrixError, r"2 prompts, 2 responses and scores of shape \(1,\)"),
        ([1.0, 2.0], (5, 0), ConfigError, r"rubric is \(5, 0\)"),
        ([3.0, 3.0], (0, 5), DataError, r"all 2 responses have the score 3\.0, which says nothing"),
    ],
)
def test_what_is_no_score_is_refused(
    scores: list[float], rubric: tuple[int, int], error: type, said: str
) -> None:
    with pytest.raises(error, match=said):
        LinearReward().fit_scores(["p", "q"], ["a", "b"], scores, rubric=rubric)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 30), st.integers(1, 6))
def test_two_rows_differ_by_twice_the_variance(seed: int, n: int, d: int) -> None:
    x = np.random.default_rng(seed).normal(size=(n, d))
    brute = np.mean([((a - b) ** 2).sum() for a in x for b in x])
    assert np.isclose(mean_squared_difference(x), brute)
