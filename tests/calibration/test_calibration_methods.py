"""Each method against a known curve, a hand-computed answer or a brute-force twin."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from weaklabel.calibration import (
    Beta,
    Identity,
    Isotonic,
    Platt,
    Temperature,
    VennAbers,
    calibrator_from_dict,
)
from weaklabel.calibration.temperature import SLOPE
from weaklabel.metrics import ece, ece_when_perfect, nll
from weaklabel.types import sigmoid


def overconfident(n: int, factor: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Logits that say 1 / factor times as much as they should."""
    rng = np.random.default_rng(seed)
    true = rng.standard_normal(n) * 1.5
    return true / factor, (rng.random(n) < sigmoid(true)).astype(float)


def test_temperature_recovers_the_factor():
    z, y = overconfident(20_000, 0.25)
    assert Temperature().fit(z, y).factor_ == pytest.approx(0.25, rel=0.03)


def test_temperature_is_the_optimum_of_its_loss():
    z, y = overconfident(200, 0.5)
    s, right = np.abs(z), np.where(z > 0, y, 1 - y)
    s, right = np.append(s, [s.mean()] * 2), np.append(right, [1, 0])

    def loss(a: np.ndarray) -> float:
        return float((np.logaddexp(0, a * s) - a * right * s).sum())

    best = minimize(loss, [1.0], tol=1e-12)
    assert Temperature().fit(z, y).factor_ == pytest.approx(best.x[0], rel=1e-4)


@pytest.mark.parametrize("k", [6, 8, 10])
def test_temperature_follows_laplace_where_all_say_the_same(k):
    p = sigmoid(Temperature().fit([2.0] * 10, [1] * k + [0] * (10 - k)).transform([2.0]))
    assert p[0] == pytest.approx((k + 1) / 12)


def test_temperature_of_a_model_that_is_always_wrong_says_next_to_nothing_but_keeps_the_order():
    out = Temperature().fit([1.0, 2.0, 3.0], [0, 0, 0]).transform([1.0, 2.0, 3.0])
    assert (np.diff(out) > 0).all()
    assert (sigmoid(out) < 0.501).all()


def test_gold_ties_pull_towards_one_half():
    z, y = overconfident(500, 1.0)
    with_ties = Temperature().fit(np.append(z, z), np.append(y, np.full(500, 0.5)))
    assert with_ties.factor_ < Temperature().fit(z, y).factor_


def test_platt_recovers_slope_and_step():
    rng = np.random.default_rng(0)
    z = rng.standard_normal(40_000) * 2
    y = (rng.random(40_000) < sigmoid(np.sign(z) * (0.4 * np.abs(z) + 0.6))).astype(float)
    fitted = Platt().fit(z, y)
    assert (fitted.slope_, fitted.step_) == pytest.approx((0.4, 0.6), abs=0.05)


def test_platt_has_no_step_where_faint_votes_are_worth_less_than_said():
    rng = np.random.default_rng(1)
    z = rng.standard_normal(5000) * 3
    y = (rng.random(5000) < sigmoid(np.sign(z) * np.maximum(np.abs(z) - 2, 0))).astype(float)
    assert Platt().fit(z, y).step_ == 0


def test_platt_turns_to_a_bare_step_where_loud_is_no_better_than_faint():
    rng = np.random.default_rng(2)
    z = rng.uniform(0.1, 4, 4000)
    y = (rng.random(4000) < 0.9 - 0.08 * z).astype(float)
    fitted = Platt().fit(z, y)
    assert fitted.slope_ < 0.001
    assert sigmoid(fitted.transform([2.0]))[0] == pytest.approx(y.mean(), abs=0.01)


@pytest.mark.parametrize("seed", range(5))
def test_platt_is_the_best_point_of_the_allowed_quadrant(seed):
    rng = np.random.default_rng(seed)
    s, right = rng.exponential(size=60), (rng.random(60) < rng.uniform(0.3, 0.9)).astype(float)
    mean = s.mean()
    rows = np.append(s, [0, 0, 2 * mean, 2 * mean])
    t, w = np.append(right, [1, 0, 1, 0]), np.append(np.ones(60), [0.5] * 4)

    def loss(ab: np.ndarray) -> float:
        eta = ab[0] * rows + ab[1]
        return float((w * (np.logaddexp(0, eta) - t * eta)).sum())

    best = minimize(loss, [0.5, 0.1], bounds=[(1e-3 / mean, None), (0, None)], tol=1e-12)
    fitted = Platt().fit(s, right)
    assert loss(np.array([fitted.slope_, fitted.step_])) <= best.fun + 1e-4


def test_isotonic_follows_a_curve_that_no_factor_can():
    rng = np.random.default_rng(3)
    z = rng.uniform(-4, 4, 20_000)
    share = 0.55 + 0.35 * (np.abs(z) > 2)
    y = np.where(rng.random(20_000) < share, z > 0, z < 0).astype(float)
    p = sigmoid(Isotonic().fit(z, y).transform([1.0, 3.0, -3.0]))
    assert p == pytest.approx([0.55, 0.9, 0.1], abs=0.02)


def test_isotonic_never_claims_certainty():
    z = np.arange(1.0, 51.0)
    fitted = Isotonic().fit(z, np.ones(50))
    assert (
        sigmoid(fitted.transform([50.0]) - SLOPE * Temperature().fit(z, np.ones(50)).transform([50.0]))
        <= 51 / 52
    )


def test_isotonic_of_a_model_below_chance_says_next_to_nothing_but_keeps_the_order():
    faint, loud = sigmoid(Isotonic().fit([1.0, 2.0, 3.0], [0, 0, 0]).transform([1.0, 9.0]))
    assert 0.5 < faint < loud < 0.501


def test_isotonic_of_equal_logits_is_one_share():
    p = sigmoid(Isotonic().fit([2.0] * 10, [1] * 7 + [0] * 3).transform([0.1, 2.0, 5.0]))
    assert p[1] == pytest.approx(8 / 12)
    assert 0.65 < p[0] < p[1] < p[2] < 0.69


def test_a_flat_stretch_rises_by_a_share_of_a_temperature():
    z, y = np.repeat([0.5, 1.0, 2.0, 4.0], 10), np.tile([1.0] * 6 + [0.0] * 4, 4)
    slope = SLOPE * Temperature().fit(z, y).factor_
    for kind in (Isotonic, VennAbers):
        low, high = kind().fit(z, y).transform([5.0, 25.0])
        assert high - low == pytest.approx(20 * slope)


def test_isotonic_and_venn_abers_of_older_files_say_what_they_said():
    assert calibrator_from_dict({"name": "isotonic", "knots": [1.0], "logits": [2.0]}).transform(
        [0.1, 9.0]
    ).tolist() == [
        2.0,
        2.0,
    ]
    old = {"name": "venn_abers", "knots": [1.0], "lower": [0.6], "upper": [0.8]}
    assert sigmoid(calibrator_from_dict(old).transform([1.0])) == pytest.approx(0.8 / (1 - 0.6 + 0.8))


def test_identity_is_not_a_calibration():
    assert not Identity.calibrates
    assert Identity().fit([1.0], [np.nan]).transform([3.0])[0] == 3.0


@pytest.mark.parametrize("kind", [Temperature, Platt, Beta, Isotonic, VennAbers])
def test_calibrated_labels_mean_what_they_say(kind):
    z, y = overconfident(3000, 0.2)
    fresh, truth = overconfident(3000, 0.2, seed=1)
    p = sigmoid(kind().fit(z, y).transform(fresh))
    assert ece(sigmoid(fresh), truth) > 0.15
    assert ece(p, truth) < ece_when_perfect(p).high + 0.01
    assert nll(p, truth) < nll(sigmoid(fresh), truth) - 0.2
