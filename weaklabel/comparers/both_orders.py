"""`AskedBothWays`: an answer that depends on which response is shown first, averaged over both orders.

Source: the order average of Ye, Laidlaw & Steinhardt (2025). Their released code for the DPO baseline builds both
questions in one order, so that every average is 1/2; `AskedBothWays` warns of a comparer that ends there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from weaklabel.comparers.expert import check_expert
from weaklabel.comparers.metered import Metered
from weaklabel.errors import ConfigError, WeaklabelWarning, warn
from weaklabel.metrics import Interval, Metric, bootstrap
from weaklabel.metrics.rows import ratio
from weaklabel.types import CanCompare, Comparer, FloatArray, Pairs, answer_of
from weaklabel.types.result import Result

_FEWEST: Final = 10  # pairs from which a comparer that tells nothing is named
_EQUAL: Final = 1e-6


@dataclass(frozen=True, slots=True, repr=False)
class OrderEffect(Result):
    """What the order of the responses does to an answer, over pairs that were asked both ways.

    Attributes:
        name: of the comparer.
        first: mean probability that it gives to the response shown first, 1/2 without a bias; the interval resamples
            prompts.
        contradictory: share of the pairs on which the two orders name different responses.
        undecided: share of the pairs whose average is 1/2.
        n: pairs.
    """

    name: str
    first: Interval
    contradictory: float
    undecided: float
    n: int

    @property
    def tells_nothing(self) -> bool:
        """Whether every average is 1/2, be it that the answers depend on the order alone or that all are ties."""
        return self.n >= _FEWEST and self.undecided == 1.0

    def __str__(self) -> str:
        if not self.n:
            return f"{self.name}: no pair was asked"
        text = (
            f"{self.name}: the response shown first gets {self.first} on average; the two orders name different responses "
            f"on {self.contradictory:.1%} of {self.n:,} pairs"
        )
        return f"{text}; every average is .5, so it tells nothing" if self.tells_nothing else text


class AskedBothWays(Comparer):
    """A comparer that asks another one about both orders of each pair, and averages.

    Args:
        inner: its answer may depend on which response stands first.
        name: for messages; its class by default.

    >>> from weaklabel.types import Pair
    >>> class LikesTheFirst:
    ...     def compare(self, pairs):
    ...         return np.array([0.2 if len(p.response_a) > len(p.response_b) else 0.4 for p in pairs])
    >>> pairs = Pairs.of([Pair("1", "Hi", "Hello!", "Hey")])
    >>> asked = AskedBothWays(LikesTheFirst())
    >>> asked.compare(pairs).round(3).tolist(), round(asked.order_effect(pairs).first.value, 3)
    ([0.4], 0.7)
    """

    def __init__(self, inner: CanCompare, *, name: str | None = None) -> None:
        self.inner, self.name = inner, name or type(inner).__name__
        check_expert(inner, self.name)
        if isinstance(inner, Metered):
            raise ConfigError(
                f"AskedBothWays: {inner.name!r} is metered, so it answers the swapped pair from what it said of the pair. "
                "Meter what asks both ways: Metered(AskedBothWays(...), ...)."
            )

    @property
    def calibrated(self) -> bool:
        """False: what was fitted to gold was the answer to one order."""
        return False

    def saw(self, pairs: Pairs) -> NDArray[np.bool_]:
        """`(n_pairs,)`: as the inner comparer says."""
        return self.inner.saw(pairs) if isinstance(self.inner, Comparer) else super().saw(pairs)

    def compare(self, pairs: Pairs) -> FloatArray:
        """`(n_pairs,)` P(B beats A), the mean over both orders.

        Warns with `WeaklabelWarning` where ten pairs or more all come to 1/2.
        """
        as_shown, swapped = self._asked(pairs)
        lean = (as_shown - swapped) / 2.0  # odd when the orders change places, to the bit
        by_position = np.abs(as_shown - 0.5) > _EQUAL  # an honest tie is 1/2 in either order
        if len(lean) >= _FEWEST and (np.abs(lean) <= _EQUAL).all() and by_position.any():
            warn(
                f"{self.name!r} says .5 of all {len(lean):,} pairs once both orders are asked: it answers by position, or "
                "both questions were built in one order. Its answers tell nothing.",
                WeaklabelWarning,
            )
        return 0.5 + lean

    def order_effect(self, pairs: Pairs, *, seed: int = 0) -> OrderEffect:
        """What the order does to the answers on `pairs`; they are asked. `seed` is of the resampled prompts."""
        as_shown, swapped = self._asked(pairs)
        first = 1.0 - (as_shown + swapped) / 2.0
        n = len(pairs)
        value = (
            bootstrap(_MEAN, first, np.ones(n), pairs.prompt_groups, seed=seed)
            if n
            else Interval(np.nan, -np.inf, np.inf, 0)
        )
        against = (as_shown - 0.5) * (swapped - 0.5) > 0  # the same place wins twice
        undecided = np.abs(as_shown - swapped) / 2.0 <= _EQUAL
        shares = (float(against.mean()), float(undecided.mean())) if n else (np.nan, np.nan)
        return OrderEffect(self.name, value, *shares, n)

    def _asked(self, pairs: Pairs) -> tuple[FloatArray, FloatArray]:
        """What is said of the second response in each order: of b with a shown first, of a with b shown first."""
        return answer_of(self.name, self.inner, pairs), answer_of(self.name, self.inner, pairs.swapped())


_MEAN: Final = Metric(
    "first", lambda p, y: np.column_stack([p, y]), lambda sums: ratio(sums[..., 0], sums[..., 1])
)
