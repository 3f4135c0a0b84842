"""The incumbent's prior: how often a proposal is better than the label that it would replace, before one looks at the two.

A comparer that answers in log-odds alike for both orders knows nothing of which response is the label and which the
proposal. Rounds differ in that: in the first most proposals of a stronger model are better, in a late one most are
worse, and a comparer that is right three times out of four then makes the labels worse. What is known of it is a Beta
posterior, from decided comparisons of gold or of an audit sample.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from weaklabel._validation import check_least
from weaklabel.errors import ConfigError
from weaklabel.metrics import Interval
from weaklabel.types import FloatArray, sigmoid


@dataclass(frozen=True)
class Incumbent:
    """The posterior of "the proposal is better, given that one of the two is": Beta(1 + better, 1 + worse).

    Attributes:
        better, worse: decided comparisons in which the proposal was the better, and the worse one. At least 0; weights
            may be parts of one.
        ties: comparisons that were not decided. They say nothing of which is better, and are only counted.

    Raises:
        ConfigError: a count below 0.

    >>> prior = Incumbent(better=3, worse=9)
    >>> str(prior.share), round(prior.log_odds, 3)
    ('.286 [.091, .538]', -0.916)
    >>> prior.beliefs([0.5, 0.7, 0.8]).round(3).tolist()  # it takes a comparer that is rather sure
    [0.286, 0.483, 0.615]
    """

    better: float = 0.0
    worse: float = 0.0
    ties: float = 0.0

    def __post_init__(self) -> None:
        for name in ("better", "worse", "ties"):
            check_least(f"Incumbent: {name}", getattr(self, name), 0)

    @classmethod
    def of(cls, y: ArrayLike) -> Incumbent:
        """Counted from gold of a round: 1 where the proposal is better, 0 where the label is, .5 for a tie, NaN unknown.

        Of the gold of one round's proposals only: those of another model are better at another rate. Where a round asks again
        about proposals of an earlier one, that one's counts hold; that the clearest were taken out is in the comparer's p.

        Raises:
            ConfigError: another value.

        >>> Incumbent.of([1, 0, 0, 0.5, np.nan])
        Incumbent(better=1.0, worse=2.0, ties=1.0)
        """
        known = np.asarray(y, dtype=np.float64)
        known = known[~np.isnan(known)]
        if (odd := known[~np.isin(known, (0.0, 0.5, 1.0))]).size:
            raise ConfigError(
                f"Incumbent.of: y holds {odd[0]:g}. Allowed: 1 (the proposal is better), 0, .5 (tie) and NaN (unknown)."
            )
        return cls(*(float((known == value).sum()) for value in (1.0, 0.0, 0.5)))

    @property
    def log_odds(self) -> float:
        """What is added to a comparer's log-odds for the proposal: log((1 + better) / (1 + worse)).

        That is exact, and not the posterior mean of the log-odds: with x what the comparer sees, the share s of better
        proposals unknown, P(better | x) is proportional to E[s] P(x | better), and P(worse | x) to E[1 - s] P(x | worse).
        """
        return float(np.log(1 + self.better) - np.log(1 + self.worse))

    @property
    def share(self) -> Interval:
        """The posterior mean of the share of better proposals, with the central 95% of the posterior."""
        from scipy.special import betaincinv

        a, b = 1 + self.better, 1 + self.worse
        low, high = (float(betaincinv(a, b, level)) for level in (0.025, 0.975))
        return Interval(a / (a + b), low, high, round(self.better + self.worse))

    def beliefs(self, p: ArrayLike) -> FloatArray:
        """`(n,)` P(the proposal is better), from a comparer's p `(n,)` in [0, 1] that knew both orders alike."""
        p_ = np.asarray(p, dtype=np.float64)
        with np.errstate(divide="ignore"):
            return sigmoid(np.log(p_) - np.log1p(-p_) + self.log_odds)

    def remark(self, n_replaced: int, n_disagree: int) -> str:
        """One sentence about a round, for its report."""
        decided = f"{self.better:g} of {self.better + self.worse:g} decided comparisons"
        known = f"proposals were better in {decided} (share {self.share}), {self.ties:g} ties aside"
        if n_replaced:
            return f"{n_replaced:,} of {n_disagree:,} labels in dispute were replaced: {known}."
        return (
            f"none of {n_disagree:,} labels in dispute was replaced: {known}, and no comparison was clear enough "
            "against that. Better proposals or a better comparer are needed before another round."
        )
