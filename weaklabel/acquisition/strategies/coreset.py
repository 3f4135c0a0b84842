"""`coreset`: pairs that leave no other pair far from one that has gold."""

from __future__ import annotations

from typing import Any, ClassVar, Final

import numpy as np

from weaklabel._tables import short
from weaklabel._validation import lookup
from weaklabel.acquisition.base import Acquisition, Picked
from weaklabel.acquisition.geometry import k_center, unit
from weaklabel.acquisition.pool import Pool

SPACES: Final = {"features": "known_features", "text": "known_text"}
"""Parts of a pool in which pairs can be far from each other, and where it keeps the same of pairs with gold."""


class Coreset(Acquisition):
    """Greedy k-centres, beginning with the pairs that have gold. The value is the distance to the nearest of those before.

    Args:
        space: "features", of response b less those of a, in which a pair and its opposite are one point; or "text", what an
            evaluator would read, prompt and both responses.

    Source: Sener and Savarese (2018) for the rule, without their mixed integer program; Chen et al. (2024, arXiv 2407.02119),
    `coresetIFT` and `coresetEFT`, for the two spaces. Departure: rows are brought to length 1, or the longest responses would
    be the farthest.
    """

    name: ClassVar[str] = "coreset"

    def __init__(self, *, space: str = "features") -> None:
        lookup("space of coreset", SPACES, space)
        self.space, self.needs = space, (space,)

    def _choose(self, pool: Pool, n: int, rng: np.random.Generator) -> Picked:
        rows: Any = getattr(pool, self.space)
        known = getattr(pool, SPACES[self.space])
        known = None if known is None or not len(known) else unit(known)
        return k_center(unit(rows), n, rng, known, directed=self.space == "text")

    def _reason(self, pool: Pool, row: int, value: float) -> str:
        return f"at a distance of {short(value)} it is the pair farthest from all that are asked or known"
