"""Which gold a person writing labeling functions may look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from weaklabel.errors import GoldError
from weaklabel.types import FloatArray, Pairs, Votes


def is_dev(pairs: Pairs) -> NDArray[np.bool_]:
    """`(n_pairs,)` bool: gold of the dev part, or gold that was never split. Never the locked test part."""
    return np.asarray(pairs.has_gold & np.isin(pairs.parts.astype(str), ("dev", "None")), dtype=np.bool_)


@dataclass(frozen=True, slots=True)
class DevGold:
    """Dev gold joined to votes by pair id.

    Attributes:
        rows: `(n_gold,)` rows of the votes; `places` the rows of the pairs that the gold came with.
        y: `(n_gold,)` float64: 0 (A), 1 (B) or .5 (tie).
        groups: `(n_gold,)` int64, equal numbers for equal prompts.
    """

    rows: NDArray[np.intp]
    places: NDArray[np.intp]
    y: FloatArray
    groups: NDArray[np.int64]

    @property
    def n_prompts(self) -> int:
        return len(np.unique(self.groups))

    def decided(self) -> DevGold:
        """Without the ties."""
        keep = self.y != 0.5
        return DevGold(self.rows[keep], self.places[keep], self.y[keep], self.groups[keep])


def dev_gold(votes: Votes, pairs: Pairs, who: str) -> DevGold:
    """The dev gold of `pairs` that has votes. Test gold is left where it is, whatever is handed in.

    Raises:
        GoldError: no dev gold, or gold for a pair without votes.
    """
    places = np.flatnonzero(is_dev(pairs))
    if not places.size:
        raise GoldError(
            f"{who}: no pair has dev gold. Give gold with the pairs or as a file of its own: "
            "read_pairs(..., gold=...). Test gold stays locked."
        )
    chosen = pairs.take(places)
    return DevGold(rows_of_gold(votes, chosen.ids, who), places, chosen.y, chosen.prompt_groups)


def rows_of_gold(votes: Votes, ids: Sequence[str], who: str) -> NDArray[np.intp]:
    """`(n,)`: where the votes on gold pairs stand.

    Raises:
        GoldError: gold for a pair without votes.
    """
    where = {pair_id: row for row, pair_id in enumerate(votes.ids)}
    if missing := [pair_id for pair_id in ids if pair_id not in where]:
        raise GoldError(
            f"{who}: {len(missing)} of {len(ids)} gold pairs have no votes ({', '.join(map(repr, missing[:3]))}). "
            "Gold is matched to votes by pair id. Apply the labeling functions to the pairs that the gold belongs to."
        )
    return np.array([where[pair_id] for pair_id in ids], dtype=np.intp)
