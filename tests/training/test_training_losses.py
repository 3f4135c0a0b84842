"""Losses against hand-derived values; what all of them keep stands in tests/contracts."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")

from weaklabel.errors import ConfigError, UnknownNameError, WeaklabelWarning  # noqa: E402
from weaklabel.training import losses  # noqa: E402

pytestmark = pytest.mark.trains

BELIEFS = (0.0, 0.1, 0.5, 0.55, 0.75, 1.0)
GAPS = (-30.0, -4.0, -0.5, 0.0, 0.5, 4.0, 30.0)


def grid() -> tuple[torch.Tensor, torch.Tensor]:
    d, p = torch.meshgrid(torch.tensor(GAPS).double(), torch.tensor(BELIEFS).double(), indexing="ij")
    return d.flatten(), p.flatten()


def slope(name: str, d: float, p: float, **options: float) -> float:
    at = torch.tensor([d], dtype=torch.float64, requires_grad=True)
    loss = losses.named_loss(name, **options)(at, torch.tensor([p], dtype=torch.float64))
    return float(torch.autograd.grad(loss.sum(), at)[0])


def hard(d: torch.Tensor) -> torch.Tensor:
    return -torch.nn.functional.logsigmoid(d)


def test_the_sigmoid_loss_by_hand() -> None:
    # sigmoid(log 3) = 3/4, so the loss at p = 2/3 is -(2/3) log(3/4) - (1/3) log(1/4).
    loss = losses.sigmoid_loss(torch.tensor([math.log(3)]), torch.tensor([2 / 3]))
    assert loss.item() == pytest.approx(math.log(4) - 2 / 3 * math.log(3), rel=1e-6)


def test_soft_loss_is_the_hard_loss_plus_one_minus_p_times_d() -> None:
    d, p = grid()
    torch.testing.assert_close(losses.sigmoid_loss(d, p), hard(d) + (1 - p) * d)


def test_the_sigmoid_loss_equals_torch_cross_entropy_with_logits() -> None:
    d, p = grid()
    expected = torch.nn.functional.binary_cross_entropy_with_logits(d, p, reduction="none")
    torch.testing.assert_close(losses.sigmoid_loss(d, p), expected)


# Derivatives at beta = 1 quoted in the field's comparison of these forms.
@pytest.mark.parametrize(
    ("name", "p", "d", "expected"),
    [
        ("sigmoid", 0.75, 0.0, -0.25),
        ("geometric", 0.75, 0.0, -0.25),
        ("robust", 0.75, 0.0, -1.0),
        ("sigmoid", 0.75, 4.0, 0.23),
        ("geometric", 0.75, 4.0, -0.06),
        ("robust", 0.75, 4.0, -0.52),
        ("sigmoid", 0.55, 0.0, -0.05),
        ("geometric", 0.55, 0.0, -0.05),
        ("robust", 0.55, 0.0, -5.0),
    ],
)
def test_published_slopes(name: str, p: float, d: float, expected: float) -> None:
    assert slope(name, d, p) == pytest.approx(expected, abs=0.005)


def test_soft_labels_pull_back_the_overconfident_and_geometric_ones_never_do() -> None:
    # The optimum of the soft loss is logit(p) = log 3; beyond it the slope turns.
    assert slope("sigmoid", math.log(3), 0.75) == pytest.approx(0, abs=1e-12)
    assert slope("sigmoid", 2.0, 0.75) > 0
    assert slope("geometric", 20.0, 0.75) < 0


def test_geometric_has_no_slope_and_log_2_at_a_tie() -> None:
    d = torch.tensor(GAPS).double()
    torch.testing.assert_close(losses.geometric(d, torch.full_like(d, 0.5)), torch.full_like(d, math.log(2)))
    assert all(slope("geometric", gap, 0.5) == 0 for gap in GAPS)


def test_label_smoothing_is_the_soft_label_between_the_ends() -> None:
    d = torch.tensor(GAPS).double()
    smoothed = losses.sigmoid_loss(d, torch.ones_like(d), label_smoothing=0.2)
    torch.testing.assert_close(smoothed, losses.sigmoid_loss(d, torch.full_like(d, 0.8)))


def test_margin_by_hand_and_zero_margin_is_the_sigmoid_loss() -> None:
    d, p = grid()
    torch.testing.assert_close(losses.with_margin(d, p, margin=0.0), losses.sigmoid_loss(d, p))
    torch.testing.assert_close(losses.with_margin(d, torch.ones_like(d), margin=1.5), hard(d - 1.5))


def test_davidson_by_hand() -> None:
    # d = 2 log 2 gives odds 2 : 1 : 1/2 at tie_weight 1, so P = 4/7, 2/7, 1/7; the target is .5, .4, .1.
    d, p = torch.tensor([2 * math.log(2), 0.7], dtype=torch.float64).split(1)
    expected = -(0.5 * math.log(4 / 7) + 0.4 * math.log(2 / 7) + 0.1 * math.log(1 / 7))
    assert losses.davidson(d, p, tie_weight=1.0, tie=0.4).item() == pytest.approx(expected, rel=1e-12)


def test_davidson_without_ties_is_the_sigmoid_loss() -> None:
    d, p = grid()
    torch.testing.assert_close(losses.davidson(d, p, tie_weight=0.0), losses.sigmoid_loss(d, p))


def test_forward_correction_finds_the_clean_optimum_under_known_flips() -> None:
    # Clean P = .9 seen through 20% flips is .8 * .9 + .2 * .1 = .74; the loss of such labels is least at logit(.9).
    assert slope("forward_corrected", math.log(9), 0.74, flip_rate=0.2) == pytest.approx(0, abs=1e-12)
    assert (
        slope("forward_corrected", 2.5, 0.74, flip_rate=0.2)
        > 0
        > slope("forward_corrected", 2.0, 0.74, flip_rate=0.2)
    )


def test_flip_rates_per_set_of_functions_are_an_indexed_table() -> None:
    rates, set_of = torch.tensor([0.1, 0.3]), torch.tensor([1, 0])
    d, p = torch.tensor([1.0, 1.0]), torch.ones(2)
    both = losses.forward_corrected(d, p, flip_rate=rates[set_of])
    each = [losses.forward_corrected(d[:1], p[:1], flip_rate=rate).item() for rate in (0.3, 0.1)]
    assert both.tolist() == pytest.approx(each)


def test_the_robust_loss_averages_to_the_clean_one_over_random_flips() -> None:
    rate, n = 0.3, 200_000
    flips = torch.rand(n, generator=torch.Generator().manual_seed(0)) < rate
    observed = torch.where(flips, 0.0, 1.0).double()
    for gap in (-2.0, 0.5, 3.0):
        d = torch.full((n,), gap, dtype=torch.float64)
        noisy = losses.robust(d, observed, flip_rate=rate)
        error = noisy.std() / math.sqrt(n)
        assert abs(noisy.mean() - hard(d)[0]) < 4 * error
    plain = losses.sigmoid_loss(d, observed).mean()
    assert plain - hard(d)[0] > 0.5  # what the correction corrects: the plain loss is off by 3 * .3


def test_the_robust_loss_cuts_flip_rates_and_says_so() -> None:
    d, p = torch.zeros(1), torch.tensor([0.52])
    with pytest.warns(WeaklabelWarning, match="flip rates up to 0.48 are cut to 0.45"):
        loss = losses.robust(d, p)
    assert loss.item() == pytest.approx(math.log(2))


def test_ipo_by_hand() -> None:
    # d / beta = 10 against (2 * .75 - 1) / (2 * .1) = 2.5.
    loss = losses.ipo(torch.tensor([1.0]), torch.tensor([0.75]), beta=0.1)
    assert loss.item() == pytest.approx(56.25, rel=1e-5)


def test_penalties_and_their_indifference() -> None:
    r_i, r_j = torch.tensor([1.0, -2.0]), torch.tensor([3.0, 2.0])
    assert losses.centring_penalty(r_i, r_j).tolist() == [16.0, 0.0]
    assert losses.l2_penalty(r_i, r_j).tolist() == [5.0, 4.0]


def test_entropy_is_the_floor_of_the_soft_loss() -> None:
    p = torch.tensor([0.0, 0.2, 0.5, 0.9, 1.0]).double()
    assert losses.entropy(p)[0] == losses.entropy(p)[-1] == 0
    at_best = losses.sigmoid_loss(torch.logit(p[1:4]), p[1:4])
    torch.testing.assert_close(losses.entropy(p)[1:4], at_best)


def test_weighted_mean_counts_by_w() -> None:
    values, w = torch.tensor([1.0, 4.0]), torch.tensor([3.0, 1.0])
    assert losses.weighted_mean(values, w).item() == 1.75
    parts = [losses.weighted_mean(values[k : k + 1], w[k : k + 1], total=w.sum()).item() for k in (0, 1)]
    assert sum(parts) == 1.75


def toy_accuracy(seed: int, name: str, flipped: float, belief: float = 1.0, **options: float) -> float:
    """Held-out accuracy of a linear reward fitted to 400 pairs of which `flipped` carry the wrong label."""
    draw = torch.Generator().manual_seed(seed)
    truth = torch.randn(8, generator=draw).double()
    x, test = torch.randn(400, 8, generator=draw).double(), torch.randn(4000, 8, generator=draw).double()
    right = (x @ truth > 0) ^ (torch.rand(400, generator=draw) < flipped)
    p = torch.where(right, belief, 1 - belief).double()
    weights = torch.zeros(8, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([weights], max_iter=100)

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        loss = losses.named_loss(name, **options)(x @ weights, p).mean() + 0.003 * (weights**2).sum()
        loss.backward()
        return loss

    optimiser.step(closure)
    return float(((test @ weights > 0) == (test @ truth > 0)).double().mean())


@pytest.mark.parametrize(
    ("name", "belief", "options", "gain"),
    [
        ("sigmoid", 1.0, {"label_smoothing": 0.3}, -0.01),
        ("robust", 1.0, {"flip_rate": 0.3}, -0.01),
        ("geometric", 0.7, {}, -0.01),
        ("forward_corrected", 1.0, {"flip_rate": 0.3}, 0.01),
    ],
)
def test_under_thirty_percent_flips_no_corrected_loss_ranks_worse_than_the_plain_one(
    name: str, belief: float, options: dict[str, float], gain: float
) -> None:
    plain = sum(toy_accuracy(seed, "sigmoid", 0.3) for seed in range(6)) / 6
    corrected = sum(toy_accuracy(seed, name, 0.3, belief, **options) for seed in range(6)) / 6
    assert corrected >= plain + gain


def test_an_unknown_loss_is_an_error_with_a_guess() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'sigmoid'"):
        losses.named_loss("sigmod")


def test_an_option_the_loss_does_not_take_is_an_error() -> None:
    with pytest.raises(ConfigError, match="loss 'geometric' has no option 'margin'"):
        losses.named_loss("geometric", margin=1.0)
    with pytest.raises(ConfigError, match=r"label_smoothing of loss 'sigmoid' is 0.7. Allowed: 0 to 0.5"):
        losses.named_loss("sigmoid", label_smoothing=0.7)
