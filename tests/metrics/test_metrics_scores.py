"""Metrics against hand-computed answers, brute-force twins, and simulated truth."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weaklabel.errors import LabelMatrixError, UnknownNameError
from weaklabel.metrics import (
    EPS,
    METRICS,
    Interval,
    Metric,
    accuracy,
    bootstrap,
    brier,
    draws,
    ece,
    ece_metric,
    ece_when_perfect,
    f1,
    nll,
    paired_difference,
    reliability,
    score_all,
)

rows = st.lists(st.tuples(st.floats(0, 1), st.sampled_from([0.0, 0.5, 1.0])), min_size=1, max_size=40)


def calibrated(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    p = rng.random(n)
    return p, (rng.random(n) < p).astype(float)


def brute_ece(p: np.ndarray, y: np.ndarray, bins: int) -> float:
    """The textbook loop."""
    total = 0.0
    for b in range(bins):
        low, high = 0.5 + b / (2 * bins), 0.5 + (b + 1) / (2 * bins)
        inside = [
            (max(q, 1 - q), 0.5 if q == 0.5 or t == 0.5 else float((q > 0.5) == (t > 0.5)))
            for q, t in zip(p, y, strict=True)
            if low <= max(q, 1 - q) < high or (b == bins - 1 and max(q, 1 - q) == 1)
        ]
        total += abs(sum(c - r for c, r in inside))
    return total / len(p)


def test_accuracy_counts_an_undecided_probability_one_half():
    assert accuracy([0.5, 0.5, 0.9], [0, 1, 1]) == pytest.approx(2 / 3)


def test_accuracy_leaves_gold_ties_out_and_counts_the_rest():
    found = bootstrap("accuracy", [0.9, 0.1, 0.9], [1, 1, 0.5])
    assert (found.value, found.n) == (0.5, 2)


def test_accuracy_of_nothing_but_ties_is_unknown():
    found = bootstrap("accuracy", [0.9, 0.1], [0.5, 0.5])
    assert math.isnan(found.value)
    assert (found.n, found.low, found.high) == (0, -math.inf, math.inf)


def test_nll_of_ties_is_least_at_one_half():
    assert nll([0.5], [0.5]) == pytest.approx(math.log(2))
    assert nll([0.7], [0.5]) > math.log(2)


def test_nll_of_a_wrong_certainty_is_finite():
    assert nll([0.0], [1]) == pytest.approx(-math.log(EPS))


def test_brier_by_hand():
    assert brier([0.8, 0.4, 0.5], [1, 0, 0.5]) == pytest.approx((0.04 + 0.16 + 0.0) / 3)


@given(rows, st.sampled_from([1, 3, 15]))
def test_ece_equals_the_textbook_loop(sample, bins):
    p, y = (np.array(column) for column in zip(*sample, strict=True))
    # A confidence on an edge may fall to either side of it after rounding: nudge it off.
    near = np.abs((np.maximum(p, 1 - p) - 0.5) * 2 * bins % 1)
    p = np.where((near < 1e-9) | (near > 1 - 1e-9), 0.51234, p)
    assert ece(p, y, bins) == pytest.approx(brute_ece(p, y, bins), abs=1e-12)


@given(rows)
def test_turning_pairs_round_changes_no_figure(sample):
    p, y = (np.array(column) for column in zip(*sample, strict=True))
    p = np.round(p * 64) / 64  # so that 1 - p is exact
    for name, metric in METRICS.items():
        here, there = metric(p, y), metric(1 - p, 1 - y)
        assert here == pytest.approx(there, abs=1e-12, nan_ok=True), name


def test_f1_by_hand():
    # The coin says of five pairs: better one called a, b, b, b, a. Right (TN), right (TP), wrong (FN), half (TP, FN), wrong (FP).
    p, y = [0.1, 0.8, 0.3, 0.5, 0.9], [0, 1, 1, 1, 0]
    assert f1(p, y) == pytest.approx(2 * 1.5 / (2 * 1.5 + 1 + 1.5))
    assert f1([*p, 0.9], [*y, 0.5]) == f1(p, y)  # a tie has no class
    assert math.isnan(f1([0.9], [0.5]))


def test_f1_is_scikit_learns_after_the_order_was_drawn():
    from sklearn.metrics import f1_score

    p, y = calibrated(200, 3)
    better_is_b = np.random.default_rng(0).random(200) < 0.5
    turned = better_is_b != (y == 1)
    named = np.where(turned, 1 - p, p) > 0.5
    assert f1(p, y) == pytest.approx(f1_score(np.where(turned, 1 - y, y), named))


def test_f1_lies_near_the_accuracy_whatever_the_order_of_a_file():
    p, y = calibrated(4000, 1)
    sorted_p, sorted_y = (
        np.maximum(p, 1 - p),
        np.where(p > 0.5, y, 1 - y),
    )  # the one that p prefers always second
    assert f1(sorted_p, sorted_y) == pytest.approx(accuracy(p, y), abs=0.02)


def test_ece_of_overconfidence_is_the_gap():
    assert ece([0.9] * 10, [1] * 6 + [0] * 4) == pytest.approx(0.3)


def test_reliability_rows_rebuild_the_ece():
    p, y = calibrated(500)
    bins = reliability(p, y)
    assert sum(r.n for r in bins) == 500
    assert sum(r.n * abs(r.confidence - r.accuracy) for r in bins) / 500 == pytest.approx(ece(p, y))


def test_reliability_rows_hold_their_own_confidence():
    for row in reliability(*calibrated(300)):
        assert row.low <= row.confidence <= row.high


def test_band_of_perfect_ece_holds_calibrated_models_nine_times_in_ten():
    inside = 0
    for seed in range(200):
        p, y = calibrated(300, seed)
        band = ece_when_perfect(p, n_draws=200, seed=seed)
        inside += band.low <= ece(p, y) <= band.high
    assert 165 <= inside <= 195


def test_band_of_perfect_ece_shrinks_with_more_pairs():
    p, _ = calibrated(10_000)
    assert ece_when_perfect(p, 100).high < ece_when_perfect(p[:100], 100).low


def test_undecided_probabilities_are_perfect_by_definition():
    assert ece_when_perfect([0.5, 0.5], 10).high == 0 == ece([0.5, 0.5], [0, 1])


def test_bootstrap_interval_holds_the_truth_as_often_as_it_says():
    hits = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        found = bootstrap("accuracy", np.full(200, 0.9), (rng.random(200) < 0.7).astype(float), n_draws=300)
        hits += found.low <= 0.7 <= found.high
    assert 180 <= hits <= 199


def test_a_resample_is_scored_like_the_rows_it_repeats():
    p, y = calibrated(60)
    groups = np.arange(60) // 3
    sums = draws.drawn_sums(METRICS["nll"].parts(p, y), groups, 1, seed=7)
    prompts = np.random.default_rng(7).integers(20, size=20)
    picked = np.concatenate([np.flatnonzero(groups == g) for g in prompts])
    assert METRICS["nll"].combine(sums[0]) == pytest.approx(nll(p[picked], y[picked]))


def test_repeating_every_row_within_its_prompt_does_not_narrow_the_interval():
    p, y = calibrated(100)
    prompts = np.arange(100)
    once = bootstrap("nll", p, y, prompts)
    many = bootstrap("nll", np.tile(p, 9), np.tile(y, 9), np.tile(prompts, 9))
    assert (many.low, many.high) == pytest.approx((once.low, once.high))
    assert bootstrap("nll", np.tile(p, 9), np.tile(y, 9)).low > once.low


def test_the_names_of_prompts_do_not_matter():
    p, y = calibrated(50)
    named = bootstrap("brier", p, y, [f"prompt {i // 2:02}" for i in range(50)])
    assert named == bootstrap("brier", p, y, np.arange(50) // 2 * 1000)


def test_one_prompt_has_no_known_spread():
    found = bootstrap("accuracy", [0.9, 0.9], [1, 0], [3, 3])
    assert (found.value, found.low, found.high) == (0.5, -math.inf, math.inf)


def test_an_unknown_bound_is_null_in_json():
    assert json.loads(json.dumps(Interval(0.5, -math.inf, math.inf, 2).to_dict(), allow_nan=False)) == {
        "value": 0.5,
        "low": None,
        "high": None,
        "n": 2,
    }


@pytest.mark.parametrize("found", [Interval(0.5, -math.inf, math.inf, 2), Interval(0.1, 0.0, 0.2, 9)])
def test_an_interval_survives_json(found):
    assert Interval.from_dict(json.loads(json.dumps(found.to_dict())) | {"arm": "x"}) == found


def test_large_samples_are_drawn_in_chunks_with_the_same_result(monkeypatch):
    p, y = calibrated(40)
    whole = score_all(p, y, n_draws=100)
    monkeypatch.setattr(draws, "CELLS", 40 * 30)
    chunked = score_all(p, y, n_draws=100)
    assert all(chunked[name].low == pytest.approx(found.low) for name, found in whole.items())


def test_resamples_that_are_kept_are_those_drawn_anew(monkeypatch):
    p, y = calibrated(60)
    groups, others = np.arange(60) % 40, np.arange(60) % 30
    kept = [score_all(p, y, g, n_draws=100, seed=s) for g in (groups, others, groups) for s in (0, 1, 2)]
    monkeypatch.setattr(draws, "_KEPT_CELLS", 0)
    assert kept == [
        score_all(p, y, g, n_draws=100, seed=s) for g in (groups, others, groups) for s in (0, 1, 2)
    ]


def test_score_all_agrees_with_each_metric_alone():
    p, y = calibrated(200)
    for name, found in score_all(p, y).items():
        alone = bootstrap(name, p, y)
        assert (found.value, found.low, found.high) == pytest.approx((alone.value, alone.low, alone.high))


def test_only_a_biased_metric_is_kept_above_zero():
    lean = Metric(
        "lean", lambda p, y: np.column_stack([p - 1, np.ones_like(p)]), lambda s: s[..., 0] / s[..., 1]
    )
    found = bootstrap(lean, [0.1, 0.2, 0.6], [1, 1, 0])
    assert found.low < found.value < found.high < 0


def test_an_interval_holds_its_value():
    for seed in range(20):
        for name, found in score_all(*calibrated(80, seed), n_draws=200).items():
            assert found.low <= found.value <= found.high, name


def test_ece_interval_reaches_down_to_perfect_for_a_perfect_model():
    lows = [bootstrap("ece", *calibrated(300, seed), n_draws=300).low for seed in range(20)]
    assert np.median(lows) < 0.01


def test_paired_difference_is_narrower_than_intervals_apart():
    p, y = calibrated(300)
    worse = np.clip(0.5 + 0.9 * (p - 0.5), 0, 1)
    gap = paired_difference("nll", worse, p, y)
    alone = bootstrap("nll", p, y)
    assert gap.value == pytest.approx(nll(worse, y) - nll(p, y))
    assert gap.high - gap.low < 0.5 * (alone.high - alone.low)


def test_paired_difference_turns_round_with_its_arms():
    p, y = calibrated(100)
    there, back = paired_difference("accuracy", p, 1 - p, y), paired_difference("accuracy", 1 - p, p, y)
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low))


def test_bins_can_be_chosen():
    p, y = calibrated(200)
    assert bootstrap(ece_metric(5), p, y).value == ece(p, y, bins=5)


def test_same_seed_same_interval():
    p, y = calibrated(50)
    assert bootstrap("nll", p, y, seed=3) == bootstrap("nll", p, y, seed=3) != bootstrap("nll", p, y, seed=4)


@pytest.mark.parametrize(
    ("p", "y", "words"),
    [
        ([0.5, 1.2], [0, 1], r"outside \[0, 1\]"),
        ([0.5, math.nan], [0, 1], r"outside \[0, 1\] or NaN"),
        ([0.5, 0.5], [0, math.nan], "unknown in 1 of 2 rows"),
        ([0.5, 0.5], [0, 0.3], r"y holds \[0\.3\]"),
        ([0.5, 0.5], [0], r"y has shape \(1,\)"),
        ([], [], "n >= 1"),
        ([[0.5]], [1], r"p has shape \(1, 1\)"),
    ],
)
def test_what_cannot_be_scored_is_refused(p, y, words):
    with pytest.raises(LabelMatrixError, match=words):
        accuracy(p, y)


def test_groups_of_another_length_are_refused():
    with pytest.raises(LabelMatrixError, match=r"groups have shape \(3,\)"):
        bootstrap("nll", [0.5, 0.5], [0, 1], [1, 2, 3])


def test_an_unknown_metric_is_named_with_a_guess():
    with pytest.raises(UnknownNameError, match="Did you mean 'brier'"):
        bootstrap("brierr", [0.5], [1])


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.5, ".500"), (-0.25, "-.250"), (1.0, "1.000"), (math.nan, "-"), (12.3456, "12.346")],
)
def test_figures_print_short(value, text):
    assert str(Interval(value, 0, 0, 1)).startswith(text)
