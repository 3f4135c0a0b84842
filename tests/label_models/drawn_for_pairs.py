"""Votes, margins and texts drawn from known truth, for the tests of the pair model."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from made_pairs import made_pairs
from numpy.typing import NDArray

from weaklabel.label_models.pair.effects import SHAPES, margin_effects
from weaklabel.types import PairFeatures, sigmoid

VIEWS = ("words", "characters", "layout", "style")


def votes_of(margins: NDArray[np.float32]) -> NDArray[np.int8]:
    return np.where(margins == 0, -1, np.asarray(margins) > 0).astype(np.int8)


def draw_margins(n, weights, seed=0):
    """Gaussian margins; gold drawn from the logistic model on their sharp effects with the given weights."""
    rng = np.random.default_rng(seed)
    margins = rng.normal(size=(n, len(weights))).astype(np.float32)
    logit = logit_of(margins, weights)
    return margins, (rng.random(n) < sigmoid(logit)).astype(np.float64)


def logit_of(margins, weights):
    half = np.full(len(weights), 0.6745 * SHAPES["sharp"])  # the median size of a standard normal number
    return margin_effects(votes_of(margins), margins, half) @ np.array(weights)


def draw_features(n, seed=0, width=12):
    """Views of -1, 0 and 1, and a context that is one of four kinds of prompt."""
    rng = np.random.default_rng(seed)
    views = {name: sp.csr_matrix(rng.integers(-1, 2, (n, width)).astype(float)) for name in VIEWS}
    return PairFeatures(views, sp.csr_matrix(np.eye(4)[rng.integers(0, 4, n)]))


def turned_votes(L):
    return np.where(L < 0, L, 1 - L)


def accuracy(logit, y):
    return float(np.where(logit == 0, 0.5, (logit > 0) == (y == 1)).mean())


def nll(logit, y):
    return float((np.logaddexp(0, logit) - y * logit).mean())


TOPICS = ["rivers", "poems", "taxes", "knots", "bread", "stars"]


def draw_texts(n, seed, mark):
    """Pairs of short answers of which the better one is set or worded in a way that `mark` gives it."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    plain = [" ".join(rng.choice(TOPICS, 6)) for _ in range(n)]
    good = [mark(" ".join(rng.choice(TOPICS, 6))) for _ in range(n)]
    pairs = made_pairs([(g, p) if k == 0 else (p, g) for g, p, k in zip(good, plain, y, strict=True)])
    return pairs, y.astype(float), rng.integers(0, 2, (n, 2)).astype(np.int8)
