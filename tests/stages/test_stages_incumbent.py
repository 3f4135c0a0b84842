"""The incumbent's prior: its posterior against brute force, and what it does to a comparer's beliefs."""

from __future__ import annotations

import numpy as np
import pytest

from weaklabel.errors import ConfigError
from weaklabel.stages.incumbent import Incumbent
from weaklabel.types import sigmoid


def test_log_odds_are_those_of_the_posterior_predictive_by_brute_force() -> None:
    better, worse, likelihood_ratio = 4, 11, 3.0
    s = (np.arange(200_000) + 0.5) / 200_000
    posterior = s**better * (1 - s) ** worse
    odds = (posterior * s).sum() * likelihood_ratio / (posterior * (1 - s)).sum()
    found = Incumbent(better, worse).beliefs([likelihood_ratio / (1 + likelihood_ratio)])
    assert found == pytest.approx(odds / (1 + odds), rel=1e-9)


def test_the_share_and_its_interval_are_those_of_the_beta_density() -> None:
    share = Incumbent(better=2, worse=5).share
    s = (np.arange(200_000) + 0.5) / 200_000
    mass = s**2 * (1 - s) ** 5
    mass /= mass.sum()
    below = np.cumsum(mass)
    assert share.value == pytest.approx(3 / 9)
    assert share.low == pytest.approx(s[np.searchsorted(below, 0.025)], abs=1e-4)
    assert share.high == pytest.approx(s[np.searchsorted(below, 0.975)], abs=1e-4)


def test_without_a_comparison_beliefs_stay_as_they_are() -> None:
    p = np.array([0.0, 0.2, 0.5, 1.0])
    assert Incumbent().beliefs(p) == pytest.approx(p)
    assert Incumbent(ties=9).log_odds == 0


def test_turning_the_counts_round_turns_the_beliefs_round() -> None:
    p = np.linspace(0.01, 0.99, 9)
    assert Incumbent(2, 7).beliefs(p) == pytest.approx(1 - Incumbent(7, 2).beliefs(1 - p))


def test_with_the_prior_fewer_labels_get_worse_where_proposals_are_mostly_worse() -> None:
    # A calibrated comparer of proposals of which one in five is better.
    rng = np.random.default_rng(0)
    better = rng.random(20_000) < 0.2
    logit = rng.normal(np.where(better, 0.5, -0.5), 1.0)  # log likelihood ratio is 1 * logit
    gain = {
        name: (better[replaced].astype(float) - ~better[replaced]).sum()
        for name, replaced in (
            ("without", logit > 0),
            ("with", Incumbent.of(better[:200].astype(float)).beliefs(sigmoid(logit)) > 0.5),
        )
    }
    assert gain["without"] < 0 <= gain["with"]


def test_counts_leave_out_what_is_unknown() -> None:
    assert Incumbent.of([1, 1, 0, 0.5, np.nan]) == Incumbent(2, 1, 1)
    assert Incumbent.of([]) == Incumbent()


def test_another_value_than_gold_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"y holds 0\.7\. Allowed: 1 \(the proposal is better\)"):
        Incumbent.of([0.7])
    with pytest.raises(ConfigError, match="worse"):
        Incumbent(1, -1)


def test_a_round_that_replaces_nothing_says_why() -> None:
    said = Incumbent(1, 9, 2).remark(0, 40)
    assert "none of 40" in said
    assert "1 of 10 decided comparisons" in said
    assert "3 of 40" in Incumbent(1, 9, 2).remark(3, 40)
