"""The Laplace posterior of a linear head, against the dense inverse of a second derivative taken by differences.

laplace-torch is not among what tests install, so the oracle is worked out here: the loss as `ridge.py` states it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from made_pairs import made_pairs
from made_vectors import stand_in

from weaklabel.errors import ConfigError, DataError, LabelMatrixError
from weaklabel.reward.embedded import EmbeddedReward
from weaklabel.reward.evaluation import LastLayer, uncertainty
from weaklabel.reward.linear import LinearReward
from weaklabel.training import embedding
from weaklabel.types import FloatArray, Pairs

WORDS = ("red", "green", "blue", "small", "large", "old")


def some_pairs(n: int = 12, seed: int = 0) -> Pairs:
    draw = np.random.default_rng(seed)
    texts = [tuple(" ".join(draw.choice(WORDS, 3)) for _ in range(2)) for _ in range(n)]
    return made_pairs([(a, b + " red") for a, b in texts], gold=["ab"[k % 2] for k in range(n)])


def hessian(f: Callable[[FloatArray], float], at: FloatArray, h: float = 1e-3) -> FloatArray:
    """Second derivatives by central differences."""
    unit = np.eye(len(at)) * h
    rows = [[f(at + i + j) - f(at + i - j) - f(at - i + j) + f(at - i - j) for j in unit] for i in unit]
    return np.array(rows) / (4 * h * h)


@pytest.fixture
def encoder(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(embedding, "_vectors", stand_in)
    embedding.embedder.cache_clear()
    yield
    embedding.embedder.cache_clear()


def test_it_is_the_inverse_of_the_second_derivative_of_the_loss() -> None:
    pairs, p = some_pairs(), np.linspace(0.1, 0.9, 12)
    w = np.array([1.0, 2.0, 0.0, 0.5] * 3)
    model = LinearReward(n_features=8, l2=0.7).fit(pairs, p, w)
    a, b = (model.last_layer([], pairs.table[n].to_pylist()).toarray() for n in ("response_a", "response_b"))
    X, precision = (b.astype(float) - a), model.prior_precision(pairs.take(w > 0), w[w > 0])

    def loss(theta: FloatArray) -> float:
        z = X @ theta
        said = w * (p * np.logaddexp(0, -z) + (1 - p) * np.logaddexp(0, z))
        return float(said.sum() + (precision * theta**2).sum() / 2)

    covariance = np.linalg.inv(hessian(loss, model.coef_))
    responses, groups = ["red red", "old small", "green", "large blue old", "new"], [0, 0, 1, 1, 1]
    f = model.last_layer([], responses).toarray().astype(float)
    away = f - np.array([f[:2].mean(0)] * 2 + [f[2:].mean(0)] * 3)
    expected = np.sqrt(np.einsum("ij,jk,ik->i", away, covariance, away))
    found = LastLayer(model, pairs, w).spread([""] * 5, responses, groups)
    assert found == pytest.approx(expected, rel=1e-4)


def test_the_spread_is_in_the_unit_of_the_scores() -> None:
    pairs = some_pairs()
    model = LinearReward(n_features=8).fit(pairs, pairs.y)
    plain = LastLayer(model, pairs).spread(["", ""], ["red", "blue"], [0, 0])
    model.scale_ = 3.0
    assert LastLayer(model, pairs).spread(["", ""], ["red", "blue"], [0, 0]) == pytest.approx(3 * plain)


def test_more_of_the_same_makes_it_surer_and_the_prior_is_what_nothing_tells() -> None:
    pairs = some_pairs()
    model = LinearReward(n_features=64).fit(pairs, pairs.y)
    asked = (["", ""], ["red red red", "blue"], [0, 0])
    once, often = (LastLayer(model, pairs, np.full(12, w)).spread(*asked) for w in (1.0, 50.0))
    assert (often < once).all()
    assert LastLayer(model, pairs).spread(["q", "q"], ["red", "red"], [0, 0]).tolist() == [0.0, 0.0]
    assert LastLayer(model, pairs).spread([], [], []).tolist() == []


def test_a_group_does_not_depend_on_its_neighbours_nor_on_its_order(monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = some_pairs(40)
    layer = LastLayer(LinearReward(n_features=64).fit(pairs, pairs.y), pairs)
    draw = np.random.default_rng(0)
    texts = [" ".join(draw.choice(WORDS, 4)) for _ in range(30)]
    groups = draw.integers(0, 6, 30)
    whole = layer.spread([""] * 30, texts, groups)
    monkeypatch.setattr(uncertainty, "_ROWS", 4)
    assert layer.spread([""] * 30, texts, groups) == pytest.approx(whole)
    for group in range(6):
        rows = np.flatnonzero(groups == group)
        alone = layer.spread([""] * len(rows), [texts[k] for k in rows], groups[rows])
        assert alone == pytest.approx(whole[rows])


def test_fewer_pairs_make_it_less_sure(monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = some_pairs(60)
    model = LinearReward(n_features=64).fit(pairs, pairs.y)
    asked = (["", "", ""], ["red small", "blue old", "green"], [0, 0, 0])
    whole = LastLayer(model, pairs)
    monkeypatch.setattr(uncertainty, "MOST_PAIRS", 20)
    part = LastLayer(model, pairs)
    assert (whole.n_pairs, part.n_pairs) == (60, 20)
    assert (part.spread(*asked) > whole.spread(*asked)).all()


def test_what_the_landmarks_do_not_see_of_a_response_is_as_unsure_as_the_prior(encoder: None) -> None:
    pairs = made_pairs([("red", "green"), ("red small", "green"), ("green", "red large")] * 6)
    model = EmbeddedReward().fit(pairs, np.array([0.0, 0.0, 1.0] * 6))
    prompts = pairs.table["prompt"].to_pylist()
    a, b = (model.last_layer(prompts, pairs.table[n].to_pylist()) for n in ("response_a", "response_b"))
    p = 1 / (1 + np.exp(-(b - a) @ np.linalg.lstsq(model.kernel_.basis(), model.coef_, rcond=None)[0]))
    precision = model.prior_precision(pairs, np.ones(18))
    H = (b - a).T @ np.diag(p * (1 - p)) @ (b - a) + np.diag(precision)
    responses = ["green", "red", "blue blue blue blue"]
    f = model.last_layer([""] * 3, responses)
    unseen = np.maximum(1 - (f**2).sum(axis=1), 0) / precision[0]
    assert unseen[2] > 100 * max(unseen[:2]) > 0 or (unseen[:2] < 1e-6).all()
    centred = np.eye(3) - 1 / 3
    covariance = centred @ (f @ np.linalg.inv(H) @ f.T + np.diag(unseen)) @ centred
    found = LastLayer(model, pairs).spread([""] * 3, responses, [0] * 3)
    assert found == pytest.approx(np.sqrt(np.diag(covariance)), rel=1e-6)


def test_what_has_no_linear_head_is_refused() -> None:
    pairs = some_pairs()
    with pytest.raises(ConfigError, match=r"linear or minilm-frozen. This is a str"):
        LastLayer("x", pairs)
    model = LinearReward(n_features=8).fit(pairs, pairs.y)
    with pytest.raises(DataError, match="none counts"):
        LastLayer(model, pairs, np.zeros(12))
    with pytest.raises(LabelMatrixError, match="1 prompts, 2 responses and 2 groups"):
        LastLayer(model, pairs).spread(["q"], ["a", "b"], [0, 0])
