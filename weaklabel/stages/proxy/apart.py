"""What judges, or is locked, teaches nothing: prompts of eval_data, of test parts and of the audit, whichever file has them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from weaklabel.data.asked.prompts import Prompt, looks_of
from weaklabel.errors import DataError
from weaklabel.stages.taught import Taught
from weaklabel.stages.watching import Watched
from weaklabel.types import Pairs

Looks = frozenset[str]
"""How prompts look to a split; one that shares a look with another is the same there."""


@dataclass(frozen=True)
class Apart:
    """Prompts that are kept apart.

    Attributes:
        locked: how those of test parts look. What one file locks is locked in all.
        judging: how those of eval_data look.
    """

    locked: Looks
    judging: Looks

    @classmethod
    def of(cls, seed: Taught | None, gold: Taught | None, others: Pairs | None) -> Apart:
        """Those of labels that teach, of pairs with gold that judge, and of other hands' pairs."""
        tests = [taught.test for taught in (seed, gold) if taught is not None]
        tests += [] if others is None else [others.take(others.parts == "test")]
        judging = [] if gold is None else _looks(gold.pairs)
        return cls(
            Looks().union(*(look for pairs in tests for look in _looks(pairs))), Looks().union(*judging)
        )

    def free(self, prompts: Sequence[Prompt]) -> list[Prompt]:
        """Prompts that are not locked."""
        return [prompt for prompt in prompts if not prompt.looks & self.locked]

    def labels(self, seed: Taught) -> Taught:
        """Labels of other prompts.

        Raises:
            DataError: none.
        """
        kept = _without(seed.pairs, self.locked | self.judging)
        if not kept.any():
            raise DataError(
                f"proxy: all {len(seed):,} labels that would teach first are of prompts of eval_data or of the locked test part. Give "
                'others as seed_data, or seed_labels = "none".'
            )
        return seed.take(kept, "of prompts that judge or are locked")

    def other_hands(self, pairs: Pairs, learned: Sequence[Prompt], watched: Watched | None) -> Pairs:
        """Pairs that may be asked about, whatever is known of them.

        Args:
            pairs: of other hands.
            learned: prompts that are sampled.
            watched: has those that the audit asks; what it alone asks nobody learns.

        Raises:
            DataError: none.
        """
        rows = () if watched is None else watched.prompts
        audited = Looks().union(*(looks_of(row.prompt, row.messages) for row in rows))
        audited -= Looks().union(*(prompt.looks for prompt in learned))
        kept = _without(pairs, self.locked | self.judging | audited)
        if not kept.any():
            raise DataError(
                f"proxy: off_policy_data: all {len(pairs):,} pairs are of the locked test part, or of prompts of eval_data or of the audit. "
                "Give others."
            )
        return pairs.take(kept)


def _looks(pairs: Pairs) -> list[Looks]:
    rows = pairs.table.select(["prompt", "messages"]).to_pylist()
    return [looks_of(row["prompt"], row["messages"]) for row in rows]


def _without(pairs: Pairs, closed: Looks) -> NDArray[np.bool_]:
    """`(n_pairs,)` bool: whether a pair's prompt has none of these looks."""
    return np.array([not looks & closed for looks in _looks(pairs)], dtype=np.bool_)
