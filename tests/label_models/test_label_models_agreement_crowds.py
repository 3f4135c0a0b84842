"""Weights without gold of a crowd, in which few speak on each pair: what is skipped is silence alone."""

from __future__ import annotations

import numpy as np
import pytest

from weaklabel.label_models import agreement_weights as room


@pytest.mark.parametrize("spoken", [0.02, 0.4])
def test_second_moments_are_those_of_the_whole_matrix(spoken):
    rng = np.random.default_rng(0)
    E = np.where(rng.random((400, 30)) < spoken, rng.uniform(-1, 1, (400, 30)), 0.0)
    products, squares = room._second_moments(E)
    assert products == pytest.approx(E.T @ E / 400, abs=1e-15)
    assert squares == pytest.approx((E**2).T @ (E**2) / 400, abs=1e-15)


def test_votes_have_the_same_weights_to_the_bit_however_their_moments_are_made(monkeypatch):
    rng = np.random.default_rng(1)
    E = np.where(rng.random((600, 40)) < 0.04, rng.choice([-1.0, 1.0], (600, 40)), 0.0)
    sparse = room.agreement_weights(E)
    monkeypatch.setattr(room, "_SPARSE", 0.0)
    assert sparse.any()
    assert (room.agreement_weights(E) == sparse).all()
