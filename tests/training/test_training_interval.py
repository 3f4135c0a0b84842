"""The loss of an interval of beliefs: the worst soft loss in it, and what it asks of a reward difference."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from planted import planted_groups, texts_of  # noqa: E402

from weaklabel.errors import DataError  # noqa: E402
from weaklabel.groups import Comparison, Group, trainable_groups  # noqa: E402
from weaklabel.training.losses import interval, sigmoid_loss  # noqa: E402

pytestmark = pytest.mark.trains

FINE = torch.linspace(-8, 8, 3201, dtype=torch.float64)
INTERVALS = [(0.0, 1.0), (0.2, 0.6), (0.5, 0.9), (0.6, 0.9), (0.1, 0.3), (0.7, 0.7)]
every = pytest.mark.parametrize(("low", "high"), INTERVALS)


def loss(d: torch.Tensor, low: float, high: float) -> torch.Tensor:
    p = torch.full_like(d, (low + high) / 2)
    return interval(d, p, p_low=torch.full_like(d, low), p_high=torch.full_like(d, high))


def slope(d: float, low: float, high: float) -> float:
    at = torch.tensor([d], dtype=torch.float64, requires_grad=True)
    return float(torch.autograd.grad(loss(at, low, high).sum(), at)[0])


@every
def test_it_is_the_largest_soft_loss_in_the_interval(low: float, high: float) -> None:
    beliefs = torch.linspace(low, high, 101, dtype=torch.float64)
    worst = torch.stack([sigmoid_loss(FINE, torch.full_like(FINE, float(q))) for q in beliefs]).amax(0)
    torch.testing.assert_close(loss(FINE, low, high), worst)


@every
def test_it_is_convex(low: float, high: float) -> None:
    assert (loss(FINE, low, high).diff(n=2) > -1e-12).all()


@every
def test_a_pair_has_no_direction(low: float, high: float) -> None:
    torch.testing.assert_close(loss(FINE, low, high), loss(-FINE, 1 - high, 1 - low))
    for d in (-2.0, 0.0, 0.5):
        assert slope(d, low, high) == pytest.approx(-slope(-d, 1 - high, 1 - low), abs=1e-12)


@pytest.mark.parametrize(
    ("low", "high", "expected"), [(0.6, 0.9, -0.1), (0.1, 0.4, 0.1), (0.2, 0.7, 0.0), (0.5, 1.0, 0.0)]
)
def test_at_no_difference_the_slope_is_that_of_the_point_nearest_one_half(
    low: float, high: float, expected: float
) -> None:
    assert slope(0.0, low, high) == pytest.approx(expected, abs=1e-12)


@every
def test_its_optimum_is_the_logit_of_the_end_nearest_one_half(low: float, high: float) -> None:
    nearest = min(max(0.5, low), high)
    best = float(FINE[loss(FINE, low, high).argmin()])
    assert best == pytest.approx(math.log(nearest / (1 - nearest)), abs=0.005)


def test_of_an_interval_without_width_it_is_the_soft_loss() -> None:
    d = FINE.clone().requires_grad_()
    p = torch.linspace(0, 1, len(FINE), dtype=torch.float64)
    ours, soft = interval(d, p, p_low=p, p_high=p), sigmoid_loss(d, p)
    torch.testing.assert_close(ours, soft, rtol=0, atol=0)
    slopes = [torch.autograd.grad(found.sum(), d)[0] for found in (ours, soft)]
    torch.testing.assert_close(*slopes, rtol=0, atol=0)


def test_bounds_follow_their_comparison_and_are_checked() -> None:
    group = Group("q", ("a", "b", "c"), (Comparison(2, 1, 0.7, 1.0, 0.6, 0.8),))
    [kept] = trainable_groups([group]).groups
    assert kept.comparisons == (Comparison(1, 0, 0.7, 1.0, 0.6, 0.8),)
    with pytest.raises(
        DataError, match=r"p_low = 0\.9 and p_high = 0\.8\. Allowed: 0 <= p_low <= p_high <= 1"
    ):
        trainable_groups([Group("q", ("a", "b"), (Comparison(0, 1, 0.7, 1.0, 0.9, 0.8),))])


def test_a_reward_model_without_intervals_is_told_how_to_get_them(tmp_path: Path) -> None:
    from weaklabel.training import RewardTrainingSettings, from_scratch, train_scorer

    groups = planted_groups(3)
    model, tokenizer = from_scratch("tiny", texts_of(groups))
    settings = RewardTrainingSettings(loss_type="interval")
    with pytest.raises(DataError, match=r"needs p_low and p_high of every comparison, and 3 of 3 have none"):
        train_scorer(model, tokenizer, groups, settings=settings, folder=tmp_path / "run")
