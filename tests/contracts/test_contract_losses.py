"""What every registered loss on reward differences keeps, and the two values that make it the loss it is.

A newcomer adds a line to TEXTBOOK and to OPTIMUM: what its source gives for a hard label, and where its minimum lies.
"""

from __future__ import annotations

import inspect
import math
import warnings
from collections.abc import Callable, Iterator

import pytest

torch = pytest.importorskip("torch")

from weaklabel.errors import ConfigError, WeaklabelWarning  # noqa: E402
from weaklabel.training.losses import LOSSES, named_loss  # noqa: E402

pytestmark = pytest.mark.trains
every = pytest.mark.parametrize("name", sorted(LOSSES))

INF = math.inf
BELIEFS = (0.5, 0.55, 0.75, 0.9, 1.0)
GAPS = torch.tensor([-30.0, -4.0, -0.5, 0.0, 0.5, 4.0, 30.0], dtype=torch.float64)
FINE = torch.linspace(-12, 12, 4801, dtype=torch.float64)


def hard(d: float) -> float:
    return max(-d, 0) + math.log1p(math.exp(-abs(d)))  # -log sigmoid(d)


def davidson_wins(d: float) -> float:
    return -math.log(math.exp(d / 2) / (math.exp(d / 2) + 1 + math.exp(-d / 2)))


# The loss at p = 1 as its source writes it, every option at its default.
TEXTBOOK: dict[str, Callable[[float], float]] = {
    "davidson": davidson_wins,
    "forward_corrected": hard,
    "geometric": hard,
    "ipo": lambda d: (d - 1 / 2) ** 2,
    "margin": lambda d: hard(d - 1),
    "robust": hard,
    "sigmoid": hard,
}


def of_margin(p: float) -> float:
    # p * s(1 - d) = (1 - p) * s(1 + d), a quadratic in exp(d)
    q = 2 * p - 1
    return math.log((q + math.sqrt(q**2 + 4 * p * (1 - p) * math.exp(-2))) / (2 * (1 - p) * math.exp(-1)))


def of_davidson(p: float) -> float:
    # 2 sinh(d / 2) = q * (2 cosh(d / 2) + 1), a quadratic in exp(d / 2)
    q = 2 * p - 1
    return 2 * math.log((q + math.sqrt(q**2 + 4 * (1 - q**2))) / (2 * (1 - q)))


# Where the loss of a belief between .5 and 1 is least; INF where it falls for ever.
OPTIMUM: dict[str, Callable[[float], float]] = {
    "davidson": of_davidson,
    "forward_corrected": lambda p: INF,  # its rate is read from p, and the clean label is certain
    "geometric": lambda p: INF,
    "ipo": lambda p: (2 * p - 1) / 2,
    "margin": of_margin,
    "robust": lambda p: INF,
    "sigmoid": lambda p: math.log(p / (1 - p)),
}


@pytest.fixture(autouse=True)
def _ties_may_be_cut() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", WeaklabelWarning)
        yield


def loss_of(name: str, d: torch.Tensor, p: float) -> torch.Tensor:
    return named_loss(name)(d, torch.full_like(d, p))


def slope(name: str, d: float, p: float) -> float:
    at = torch.tensor([d], dtype=torch.float64, requires_grad=True)
    return float(torch.autograd.grad(loss_of(name, at, p).sum(), at)[0])


def test_every_loss_has_its_textbook_value_and_its_optimum() -> None:
    assert set(TEXTBOOK) == set(OPTIMUM) == set(LOSSES)


@every
def test_a_hard_label_gives_the_textbook_value(name: str) -> None:
    found = loss_of(name, GAPS, 1.0).tolist()
    assert found == pytest.approx([TEXTBOOK[name](d) for d in GAPS.tolist()], rel=1e-12, abs=1e-12)


@every
@pytest.mark.parametrize("p", [0.55, 0.75, 0.9])
def test_the_minimum_lies_where_the_source_says(name: str, p: float) -> None:
    best = OPTIMUM[name](p)
    losses = loss_of(name, FINE, p)
    if best == INF:
        assert (losses.diff() < 0).all()
    else:
        assert slope(name, best, p) == pytest.approx(0, abs=1e-12)
        assert float(FINE[losses.argmin()]) == pytest.approx(best, abs=0.005)


@every
@pytest.mark.parametrize("p", BELIEFS)
def test_turning_a_pair_round_changes_nothing(name: str, p: float) -> None:
    torch.testing.assert_close(loss_of(name, GAPS, p), loss_of(name, -GAPS, 1 - p), atol=1e-12, rtol=1e-12)
    assert all(slope(name, d, p) == pytest.approx(-slope(name, -d, 1 - p), abs=1e-12) for d in GAPS.tolist())


@every
def test_equals_are_pulled_to_the_likelier_side_and_by_a_tie_nowhere(name: str) -> None:
    assert all(slope(name, 0.0, p) < 0 < slope(name, 0.0, 1 - p) for p in BELIEFS if p != 0.5)
    assert slope(name, 0.0, 0.5) == pytest.approx(0, abs=1e-12)


@every
@pytest.mark.parametrize("p", [0.3, 0.75, 1.0])
def test_it_is_convex_in_the_difference_or_says_that_it_forgives(name: str, p: float) -> None:
    bend = loss_of(name, FINE, p).diff(n=2)
    # A label that may be wrong is forgiven to a confident model: there the loss levels off.
    assert (bend > -1e-12).all() or name == "forward_corrected"


@every
def test_derivatives_agree_with_finite_differences(name: str) -> None:
    d = torch.tensor([-2.0, -0.3, 0.4, 3.0], dtype=torch.float64, requires_grad=True)
    p = torch.tensor([0.8, 0.3, 0.6, 0.95], dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: named_loss(name)(x, p), (d,))


@every
def test_losses_and_slopes_stay_finite_in_float32(name: str) -> None:
    d = torch.tensor([-200.0, -90.0, 0.0, 90.0, 200.0], requires_grad=True)
    for p in (*BELIEFS, 0.0, 0.1):
        loss = loss_of(name, d, p)
        assert loss.dtype == torch.float32
        assert torch.isfinite(loss).all()
        assert torch.isfinite(torch.autograd.grad(loss.sum(), d)[0]).all()


@every
def test_each_comparison_has_its_own_loss(name: str) -> None:
    d, p = torch.tensor([0.3, -2.0, 1.0]).double(), torch.tensor([0.9, 0.2, 0.6]).double()
    apart = [named_loss(name)(d[k : k + 1], p[k : k + 1]) for k in range(3)]
    torch.testing.assert_close(named_loss(name)(d, p), torch.cat(apart), rtol=0, atol=0)


@every
def test_its_options_are_keywords_with_a_range(name: str) -> None:
    d, p, *options = inspect.signature(LOSSES[name]).parameters.values()
    assert (d.name, p.name) == ("d", "p")
    for option in options:
        assert option.kind is option.KEYWORD_ONLY
        if option.name != "tie":  # of each comparison, no setting
            with pytest.raises(ConfigError, match=rf"{option.name} of loss '{name}' is -1.0. Allowed"):
                named_loss(name, **{option.name: -1.0})
