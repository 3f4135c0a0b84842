"""`uncertainty`: the pairs of which the labels say least."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from weaklabel._tables import short
from weaklabel.acquisition.base import Acquisition, Picked, largest
from weaklabel.acquisition.pool import Pool
from weaklabel.acquisition.posterior import entropy
from weaklabel.types import sigmoid


class Uncertainty(Acquisition):
    """Those whose belief is nearest to one half. The value is the entropy of the belief, in nats.

    With two answers smallest margin, least confidence and largest entropy are one order. It cannot tell a pair that
    nobody understands from one that a label would settle.

    Source: Lewis and Gale (1994).
    """

    name: ClassVar[str] = "uncertainty"

    def _choose(self, pool: Pool, n: int, rng: np.random.Generator) -> Picked:
        rows, _ = largest(-np.abs(pool.logit), n)  # entropies of large log-odds round to one number
        return rows, entropy(pool.logit[rows])

    def _reason(self, pool: Pool, row: int, value: float) -> str:
        return f"{believed(pool, row)}, which is near one half"


def believed(pool: Pool, row: int) -> str:
    """What is believed of a pair, in words: by the labels, or by who speaks for them."""
    return f"b is given {short(float(sigmoid(pool.logit[row : row + 1])[0]))}"
