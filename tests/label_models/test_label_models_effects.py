"""Effects of margins, by hand."""

from __future__ import annotations

import numpy as np

from weaklabel.label_models.pair import effects
from weaklabel.label_models.pair.effects import half_margins, margin_effects


def test_effect_is_the_vote_where_there_is_no_margin_and_half_at_the_median_margin():
    L = np.array([[1, 0], [0, -1]], dtype=np.int8)
    margins = np.array([[4.0, np.nan], [-12.0, np.nan]], dtype=np.float32)
    assert margin_effects(L, margins, np.array([4.0, np.nan])).tolist() == [[0.5, -1.0], [-0.75, 0.0]]


def test_half_margins_are_medians_of_what_is_neither_zero_nor_infinite_nor_missing():
    margins = np.array([[1, np.nan, 0], [-3, np.nan, 0], [0, np.inf, 0], [8, 5, np.nan]], dtype=np.float32)
    assert half_margins(margins).tolist()[:2] == [3.0, 5.0]
    assert np.isnan(half_margins(margins)[2])
    assert (half_margins(-margins)[:2] == half_margins(margins)[:2]).all()


def test_effects_are_the_same_however_many_rows_are_made_at_a_time(monkeypatch):
    rng = np.random.default_rng(0)
    L = rng.integers(-1, 2, (50, 7)).astype(np.int8)
    margins = np.where(L < 0, np.nan, (2 * L - 1) * rng.random((50, 7))).astype(np.float32)
    whole = margin_effects(L, margins, half_margins(margins))
    monkeypatch.setattr(effects, "_CELLS", 20)
    assert (margin_effects(L, margins, half_margins(margins)) == whole).all()
