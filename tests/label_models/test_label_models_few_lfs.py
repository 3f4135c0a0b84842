"""A handful of equally good LFs: no model may take one of them for the truth, whichever stands first."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from synthetic import draw_votes

from weaklabel.label_models import get_label_model
from weaklabel.metrics import accuracy, ece


@pytest.mark.parametrize("coverage", [1.0, 0.5])
@pytest.mark.parametrize("n_lfs", [3, 4, 5, 6, 7, 8])
@pytest.mark.parametrize("name", ["moments", "pair_model"])
def test_a_few_equal_lfs_weigh_the_same_in_any_order(name: str, n_lfs: int, coverage: float) -> None:
    L, y = draw_votes(5000, (0.7,) * n_lfs, coverage, 0)
    counted = accuracy(get_label_model("majority_vote").fit(L).predict_proba(L)[:, 1], y)
    for votes in (L, L[:, ::-1]):
        p = get_label_model(name).fit(votes).predict_proba(votes)[:, 1]
        assert accuracy(p, y) > counted - 0.015
        assert_means_what_it_says_or_less(name, p, y)


def test_unequal_lfs_are_told_apart_in_any_order() -> None:
    L, y = draw_votes(5000, (0.8, 0.7, 0.6, 0.55, 0.75), 1.0, 0)
    found = [
        accuracy(get_label_model("pair_model").fit(M).predict_proba(M)[:, 1], y) for M in (L, L[:, ::-1])
    ]
    assert np.ptp(found) < 0.01


@pytest.mark.parametrize("accuracy_of_each", [0.6, 0.7])
@pytest.mark.parametrize("name", ["moments", "pair_model"])
def test_five_echoes_of_one_lf_do_not_outvote_fifteen(name: str, accuracy_of_each: float) -> None:
    rng = np.random.default_rng(3)
    y = rng.integers(2, size=10_000)
    own = np.where(rng.random((len(y), 15)) < accuracy_of_each, y[:, None], 1 - y[:, None])
    echoes = np.where(rng.random((len(y), 5)) < 0.95, own[:, :1], 1 - own[:, :1])
    L = np.hstack([own, echoes]).astype(np.int8)
    counted = accuracy(get_label_model("majority_vote").fit(L).predict_proba(L)[:, 1], y)
    p = get_label_model(name).fit(L).predict_proba(L)[:, 1]
    assert accuracy(p, y) > counted
    assert_means_what_it_says_or_less(name, p, y)


def assert_means_what_it_says_or_less(name: str, p: NDArray[np.float64], y: NDArray[np.float64]) -> None:
    """`moments` is right on independent LFs. Without gold `pair_model` expects shared mistakes, and is never too sure."""
    if name == "moments":
        assert ece(p, y) < 0.05
    else:
        assert np.abs(p - 0.5).mean() + 0.5 <= accuracy(p, y)
