"""What a trained reward model learns from, apart from torch: groups in one fixed form, and gold set apart for its scale.

**Gold for the scale.** What calibrates the scores is never what trained them. With fewer than 50 gold pairs nothing is
calibrated and the factor is 1. Otherwise, by `n_folds`:

- 2 or more: as many further models are trained, each without one fold of the gold prompts, and judge that fold; the
  model that is kept learns from everything. By default five, where at most 300 pairs teach.
- 0, the default where more do: a quarter of the gold prompts (half of them below 200 gold pairs) teaches nothing; it
  chooses the best checkpoint and gives the factor.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from weaklabel.groups import Comparison, Group, folds_by_prompt, gather_groups
from weaklabel.reward.scale import MIN_GOLD
from weaklabel.types import FloatArray, Pairs

ENOUGH_GOLD: Final = 200
AFFORDABLE: Final = 300
N_FOLDS: Final = 5


@dataclass(frozen=True)
class Plan:
    """Which gold judges what.

    Attributes:
        kind: "none", "held out" or "folds".
        fold: `(n_pairs,)` int64: the part that judges a gold pair, -1 for all pairs that judge nothing.
        n_folds: trainings beside the one that is kept.
    """

    kind: str
    fold: NDArray[np.int64]
    n_folds: int = 0

    def __str__(self) -> str:
        n = int((self.fold >= 0).sum())
        return {
            "none": "none: too little gold, rewards are as trained",
            "held out": f"temperature on {n} gold pairs of prompts that trained nothing",
            "folds": f"temperature on {n} gold pairs, each judged by a model of {self.n_folds} folds that never saw its prompt",
        }[self.kind]


def plan_gold(y: FloatArray, prompts: NDArray[np.int64], n_folds: int | None, seed: int) -> Plan:
    """The rule above for gold `y` (NaN unknown) of pairs with these prompt numbers, both `(n_pairs,)`."""
    known = ~np.isnan(y)
    n_gold, n_prompts = int(known.sum()), len(np.unique(prompts[known]))
    folds = (N_FOLDS if len(y) <= AFFORDABLE else 0) if n_folds is None else n_folds
    parts = folds or (4 if n_gold >= ENOUGH_GOLD else 2)
    fold = np.full(len(y), -1, dtype=np.int64)
    if n_gold < MIN_GOLD or n_prompts < parts:
        return Plan("none", fold)
    fold[known] = folds_by_prompt(prompts[known], parts, seed)
    if folds:
        return Plan("folds", fold, folds)
    fold[fold > 0] = -1
    return Plan("held out", fold)


def teaching_groups(pairs: Pairs, p: FloatArray, w: FloatArray) -> list[Group]:
    """`gather_groups` in a form that does not depend on the order of the two responses of any pair.

    Responses stand in the order of their texts, comparisons point from the earlier to the later one. So a model is
    trained on the same numbers in the same order when pairs are turned round.
    """
    return [_ordered(group) for group in gather_groups(pairs, p, w)]


def _ordered(group: Group) -> Group:
    order = sorted(range(len(group.responses)), key=group.responses.__getitem__)
    place = {old: new for new, old in enumerate(order)}
    return replace(
        group,
        responses=tuple(group.responses[k] for k in order),
        comparisons=tuple(_rising(place[c.i], place[c.j], c) for c in group.comparisons),
    )


def _rising(i: int, j: int, c: Comparison) -> Comparison:
    return replace(c, i=i, j=j) if i <= j else Comparison(j, i, 1.0 - c.p, c.w)
