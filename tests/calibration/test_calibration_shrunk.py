"""A temperature held towards 1, against its objective, its prior and what little gold does to a free one."""

from __future__ import annotations

import numpy as np
import pytest

from weaklabel.calibration import SCALED_CANDIDATES, ShrunkTemperature, Temperature, choose_calibrator
from weaklabel.metrics import nll
from weaklabel.types import sigmoid


def drawn(n: int, factor: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Log-odds that deserve `factor`, and what turned out."""
    rng = np.random.default_rng(seed)
    z = rng.standard_normal(n)
    return z, (rng.random(n) < sigmoid(factor * z)).astype(float)


@pytest.mark.parametrize("factor", [0.2, 0.8, 1.0, 3.0])
def test_it_is_the_lowest_point_of_its_objective(factor):
    z, y = drawn(150, factor)
    grid = np.exp(np.linspace(-4, 4, 20_001))
    loss = [np.logaddexp(0, a * z).sum() - y @ (a * z) + np.log(a) ** 2 / (2 * 0.25**2) for a in grid]
    assert ShrunkTemperature().fit(z, y).factor_ == pytest.approx(grid[int(np.argmin(loss))], rel=1e-3)


def test_plenty_of_gold_outvotes_the_prior():
    z, y = drawn(100_000, 0.3)
    assert ShrunkTemperature().fit(z, y).factor_ == pytest.approx(0.3, rel=0.05)


def test_rows_of_one_prompt_count_as_fewer():
    z, y = drawn(100, 0.2)
    alone = ShrunkTemperature().fit(z, y).factor_
    copies = np.tile(z, 10), np.tile(y, 10)
    assert ShrunkTemperature().fit(*copies, np.tile(np.arange(100), 10)).factor_ == pytest.approx(
        alone, rel=1e-6
    )
    assert ShrunkTemperature().fit(*copies).factor_ < alone - 0.1


def test_log_odds_that_are_right_lose_less_by_it_than_by_a_free_factor():
    fresh, truth = drawn(20_000, 1.0, seed=99)
    lost = {kind: [] for kind in (ShrunkTemperature, Temperature)}
    for seed in range(40):
        z, y = drawn(30, 1.0, seed=seed)
        for kind, found in lost.items():
            found.append(nll(sigmoid(kind().fit(z, y).transform(fresh)), truth))
    base = nll(sigmoid(fresh), truth)
    assert np.mean(lost[ShrunkTemperature]) - base < 0.3 * (np.mean(lost[Temperature]) - base)


def test_log_odds_far_off_get_a_free_factor_even_where_they_pass_for_scaled():
    z, y = drawn(100, 1.0)
    chosen, _ = choose_calibrator(20 * z, y, candidates=SCALED_CANDIDATES)
    assert chosen.name == "temperature"
    assert chosen.factor_ == pytest.approx(0.05, rel=0.5)
