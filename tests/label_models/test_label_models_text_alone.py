"""Data where the functions point the wrong way: what gold says of the words carries the day."""

from __future__ import annotations

import numpy as np
import pytest
from drawn_for_pairs import TOPICS, accuracy, nll
from made_pairs import made_pairs

from weaklabel.label_models.pair.model import PairModel
from weaklabel.label_models.pair.odd_blocks import odd_blocks
from weaklabel.label_models.pair.recipes import recipes_for
from weaklabel.logistic import fit_gram
from weaklabel.reward.linear import LinearReward
from weaklabel.text.ngrams import pair_features
from weaklabel.types import sigmoid


def shorter_is_better(n, seed):
    """Pairs whose shorter response is better and worded otherwise (15% told wrong), and five functions for the longer."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    short, long = (
        [" ".join(rng.choice([*TOPICS, *words], size)) for _ in range(n)]
        for words, size in ((("brief", "plain"), 5), (("very", "much"), 7))
    )
    second = np.where(rng.random(n) < 0.15, 1 - y, y)
    texts = [(s, t) if k == 0 else (t, s) for s, t, k in zip(short, long, second, strict=True)]
    L = np.column_stack([np.where(rng.random(n) < 0.75, 1 - second, second) for _ in range(5)])
    return made_pairs(texts), y.astype(np.float64), L.astype(np.int8)


@pytest.mark.parametrize(("n_gold", "slack"), [(60, 0.03), (200, 0.0)])
def test_where_the_functions_point_the_wrong_way_it_is_no_worse_than_the_words_alone(n_gold, slack):
    pairs, y, L = shorter_is_better(200, 0)
    new, y_new, L_new = shorter_is_better(400, 1)
    agreed = PairModel().fit(L).predict_logit(L_new)
    assert accuracy(agreed, y_new) < 0.3
    gold = np.where(np.arange(200) < n_gold, y, np.nan)
    both = PairModel().fit(L, y=gold, features=pair_features(pairs))
    ours = both.predict_logit(L_new, features=pair_features(new))
    known = pairs.take(np.arange(n_gold))
    p = LinearReward().fit(known, y[:n_gold]).compare(new)
    assert nll(ours, y_new) <= nll(np.log(p) - np.log1p(-p), y_new) + slack
    assert accuracy(ours, y_new) > 0.7


def test_one_recipe_is_the_linear_reward_on_gold():
    pairs, y, L = shorter_is_better(80, 2)
    (alone,) = [r for r in recipes_for({"words", "characters"}) if r.share == 0]
    blocks = odd_blocks({"sharp": np.zeros(L.shape)}, np.ones(L.shape[1]), pair_features(pairs))
    K = sum(variance * blocks[name].covariance() for name, variance in alone.variance.items())
    # As many hashed columns as the views have.
    linear = LinearReward(n_features=blocks["words"].columns.shape[1]).fit(pairs, y)
    assert sigmoid(fit_gram(K, y).logit) == pytest.approx(linear.compare(pairs), abs=1e-6)
