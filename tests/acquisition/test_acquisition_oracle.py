"""Rules against another implementation of them: scikit-activeml's."""

from __future__ import annotations

import numpy as np
import pytest
from made_pool import made_pool, with_logit

pytest.importorskip("skactiveml")
from skactiveml.pool import CoreSet, uncertainty_scores

from weaklabel.acquisition import get_acquisition
from weaklabel.acquisition.geometry import k_center, unit
from weaklabel.acquisition.posterior import entropy
from weaklabel.types import sigmoid


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("n_known", [1, 4])
def test_greedy_k_centres_are_those_of_scikit_activeml(seed: int, n_known: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(60, 5))
    y = np.full(60, np.nan)
    y[:n_known] = 0.0
    theirs, worth = CoreSet(random_state=0).query(x, y, batch_size=9, return_utilities=True)
    rows, value = k_center(x[n_known:], 9, rng, x[:n_known], directed=True)
    assert (rows + n_known == theirs).all()
    assert np.allclose(value, np.nanmax(worth, axis=1))


@pytest.mark.parametrize("seed", range(4))
def test_the_rule_coreset_is_theirs_of_texts_brought_to_length_one(seed: int) -> None:
    pool = made_pool(40, 6, known=3, seed=seed)
    assert pool.text is not None
    assert pool.known_text is not None
    x = unit(np.concatenate([pool.known_text, pool.text]))
    y = np.where(np.arange(len(x)) < 3, 0.0, np.nan)
    theirs = CoreSet(random_state=0).query(x, y, batch_size=7) - 3
    assert (get_acquisition("coreset", space="text").choose(pool, 7).rows == theirs).all()


def test_entropy_and_the_order_of_uncertainty_are_theirs() -> None:
    logit = np.random.default_rng(0).normal(size=50) * 3
    p = sigmoid(logit)
    both = np.column_stack([1 - p, p])
    assert np.allclose(uncertainty_scores(both, method="entropy"), entropy(logit))
    ours = get_acquisition("uncertainty").choose(with_logit(logit), 10).rows
    for method in ("entropy", "margin_sampling", "least_confident"):
        theirs = np.argsort(-uncertainty_scores(both, method=method), kind="stable")[:10]
        assert (ours == theirs).all()
