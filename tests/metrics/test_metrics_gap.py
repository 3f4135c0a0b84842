"""The bin-free calibration gap against its definition, a brute-force twin and simulated truth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weaklabel.errors import LabelMatrixError
from weaklabel.metrics import bootstrap, calibration_gap, calibration_gap_when_perfect, ece, paired_difference
from weaklabel.metrics import gap as room

rows = st.lists(st.tuples(st.floats(0, 1), st.sampled_from([0.0, 0.5, 1.0])), min_size=1, max_size=30)


def calibrated(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    p = rng.random(n)
    return p, (rng.random(n) < p).astype(float)


def brute_gap(p: np.ndarray, y: np.ndarray) -> float:
    """Every stretch between two confidences, one after the other."""
    said = np.maximum(p, 1 - p)
    right = 0.5 + 0.5 * np.sign(p - 0.5) * np.sign(y - 0.5)
    stretches = [(low, high) for low in said for high in said if low <= high]
    sums = [abs((said - right)[(said >= low) & (said <= high)].sum()) for low, high in stretches]
    return max(sums) / len(p)


@given(rows)
def test_the_gap_is_the_largest_sum_over_any_stretch(sample):
    p, y = (np.array(column) for column in zip(*sample, strict=True))
    assert calibration_gap(p, y) == pytest.approx(brute_gap(p, y), abs=1e-12)


@given(rows)
def test_turning_pairs_round_changes_no_gap(sample):
    p, y = (np.array(column) for column in zip(*sample, strict=True))
    p = np.round(p * 64) / 64  # so that 1 - p is exact
    assert calibration_gap(p, y) == calibration_gap(1 - p, 1 - y)


def test_overconfidence_and_underconfidence_do_not_cancel():
    # Faint ones promise too little, sure ones too much; on average all is well.
    p, y = [0.6] * 10 + [0.9] * 10, [1] * 8 + [0] * 2 + [1] * 7 + [0] * 3
    assert calibration_gap(p, y) == pytest.approx(2 / 20)


def test_equal_confidences_count_as_one_place():
    p, y = np.full(200, 0.8), np.array([1.0] * 160 + [0.0] * 40)
    assert calibration_gap(p, y) < 1e-12
    assert calibration_gap(p, y[::-1]) < 1e-12


def test_the_band_holds_calibrated_models_nine_times_in_ten():
    inside = 0
    for seed in range(200):
        p, y = calibrated(150, seed)
        band = calibration_gap_when_perfect(p, n_draws=100, seed=seed)
        inside += band.low <= calibration_gap(p, y) <= band.high
    assert 165 <= inside <= 195


def test_a_boasting_model_leaves_the_band():
    p, y = calibrated(400)
    boasts = p**3 / (p**3 + (1 - p) ** 3)
    assert calibration_gap(boasts, y) > calibration_gap_when_perfect(boasts).high


def test_the_gap_of_overconfidence_everywhere_is_the_ece():
    p, y = np.full(50, 0.9), np.array([1.0] * 30 + [0.0] * 20)
    assert calibration_gap(p, y) == pytest.approx(ece(p, y))


def test_many_distinct_confidences_are_added_up_with_little_lost(monkeypatch):
    p, y = calibrated(3000)
    coarse = calibration_gap(p, y)
    monkeypatch.setattr(room, "CUTS", 3000)
    noise = calibration_gap_when_perfect(p, n_draws=50).value
    assert 0 <= calibration_gap(p, y) - coarse < 0.2 * noise


def test_the_gap_takes_part_in_resamples_and_paired_differences():
    p, y = calibrated(400)
    boasts = p**3 / (p**3 + (1 - p) ** 3)
    worse = paired_difference(calibration_gap, boasts, p, y, n_draws=300)
    assert worse.low > 0
    found = bootstrap(calibration_gap, p, y, n_draws=300)
    assert found.low < 0.02
    assert found.low <= found.value <= found.high


def test_what_cannot_be_scored_is_refused():
    with pytest.raises(LabelMatrixError, match=r"outside \[0, 1\]"):
        calibration_gap([1.2], [1])
    with pytest.raises(LabelMatrixError, match=r"outside \[0, 1\]"):
        calibration_gap_when_perfect([1.2])
