"""Bins of equal mass, and the curve of kept share against accuracy."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weaklabel.errors import ConfigError, LabelMatrixError
from weaklabel.export.selection import check_confidence
from weaklabel.metrics import accuracy, kept_share_curve, reliability_equal_mass

rows = st.lists(st.tuples(st.floats(0, 1), st.sampled_from([0.0, 0.5, 1.0])), min_size=1, max_size=40)


def calibrated(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    p = rng.random(n)
    return p, (rng.random(n) < p).astype(float)


def test_bins_hold_equally_many_pairs():
    assert [row.n for row in reliability_equal_mass(*calibrated(100), bins=10)] == [10] * 10


@given(rows, st.integers(1, 12))
def test_bins_rise_hold_every_pair_and_part_no_equal_confidences(sample, bins):
    p, y = (np.array(column) for column in zip(*sample, strict=True))
    found = reliability_equal_mass(p, y, bins, n_draws=10)
    assert sum(row.n for row in found) == len(p)
    assert len(found) <= bins
    assert all(row.low <= row.confidence + 1e-12 and row.confidence <= row.high + 1e-12 for row in found)
    assert all(one.high < other.low for one, other in itertools.pairwise(found))


@given(rows)
def test_turning_pairs_round_changes_no_bin_and_no_curve(sample):
    p, y = (np.array(column) for column in zip(*sample, strict=True))
    p = np.round(p * 64) / 64
    assert reliability_equal_mass(p, y, n_draws=10) == reliability_equal_mass(1 - p, 1 - y, n_draws=10)
    here, there = kept_share_curve(p, y, n_draws=10), kept_share_curve(1 - p, 1 - y, n_draws=10)
    assert str(here) == str(there)  # an accuracy of nothing but ties is NaN, which equals nothing


def test_bin_intervals_hold_the_truth_as_often_as_they_say():
    inside = total = 0
    for seed in range(60):
        p, y = calibrated(400, seed)
        found = reliability_equal_mass(p, y, bins=5, n_draws=300)
        inside += sum(row.share.low <= row.confidence <= row.share.high for row in found)
        total += len(found)
    assert 0.90 <= inside / total <= 0.98


def test_a_bin_without_a_mistake_is_not_called_certain():
    row = reliability_equal_mass([0.9] * 20, [1] * 20, bins=1)[0]
    assert (row.share.value, row.share.high) == (1.0, 1.0)
    assert row.share.low == pytest.approx(0.025 ** (1 / 20))


def test_a_bin_of_many_pairs_on_few_prompts_is_less_certain():
    groups = np.arange(20) // 5
    row = reliability_equal_mass([0.9] * 20, [0] * 20, bins=1, groups=groups)[0]
    assert row.share.high == pytest.approx(1 - 0.025 ** (1 / 4))


def test_one_prompt_leaves_the_spread_unknown():
    row = reliability_equal_mass([0.9, 0.9], [1, 0], 1, groups=[3, 3])[0]
    assert (row.share.low, row.share.high) == (-np.inf, np.inf)


def test_prompts_are_the_unit_of_resampling():
    p, y = calibrated(60)
    once = reliability_equal_mass(p, y, 3, np.arange(60))
    many = reliability_equal_mass(np.tile(p, 5), np.tile(y, 5), 3, np.tile(np.arange(60), 5))
    assert [row.share.low for row in many] == pytest.approx([row.share.low for row in once])


def test_the_curve_by_hand():
    p, y = [0.6, 0.7, 0.2, 0.9], [0, 1, 0, 0.5]
    found = [(row.threshold, row.kept_share, row.n, row.accuracy.n) for row in kept_share_curve(p, y)]
    assert found == [(0.6, 1.0, 4, 3), (0.7, 0.75, 3, 2), (0.8, 0.5, 2, 1), (0.9, 0.25, 1, 0)]
    assert [row.accuracy.value for row in kept_share_curve(p, y)][:3] == [2 / 3, 1.0, 1.0]


@given(rows)
def test_every_point_of_the_curve_is_the_accuracy_of_what_it_keeps(sample):
    p, y = (np.array(column) for column in zip(*sample, strict=True))
    curve = kept_share_curve(p, y, n_draws=10)
    assert curve[0].kept_share == 1
    for row in curve:
        kept = np.maximum(p, 1 - p) >= row.threshold
        assert row.n == kept.sum()
        assert row.accuracy.value == pytest.approx(accuracy(p[kept], y[kept]), nan_ok=True)


def test_a_printed_threshold_keeps_the_same_pairs():
    p, y = calibrated(200)
    for row in kept_share_curve(p, y, n_draws=10):
        assert (np.maximum(p, 1 - p) >= float(f"{row.threshold:.4f}")).sum() == row.n


def test_a_threshold_is_one_that_an_export_takes():
    (row,) = kept_share_curve([1.0, 0.0, 0.99999], [1, 0, 1], points=3)
    check_confidence(row.threshold)
    assert row.n == 3


def test_the_thresholds_know_nothing_of_the_outcomes():
    p, y = calibrated(200)
    here, there = kept_share_curve(p, y), kept_share_curve(p, 1 - y)
    assert [row.threshold for row in here] == [row.threshold for row in there]


def test_the_curve_is_json():
    row = kept_share_curve([0.9, 0.9], [0.5, 0.5])[0].to_dict()
    assert json.loads(json.dumps(row, allow_nan=False))["accuracy"]["value"] is None


def test_settings_and_shapes_are_checked():
    with pytest.raises(ConfigError, match="bins is 0"):
        reliability_equal_mass([0.5], [1], bins=0)
    with pytest.raises(ConfigError, match="points is 0"):
        kept_share_curve([0.5], [1], points=0)
    with pytest.raises(LabelMatrixError, match=r"groups have shape \(1,\)"):
        kept_share_curve([0.5, 0.5], [1, 0], [3])
