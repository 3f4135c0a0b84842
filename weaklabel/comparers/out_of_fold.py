"""`OutOfFold`: the linear reward model as a yardstick on any gold, each prompt judged by a model that never saw it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from weaklabel.errors import GoldError
from weaklabel.groups import folds_by_prompt
from weaklabel.reward.base import RewardModel, prompt_hashes
from weaklabel.reward.linear import LinearReward
from weaklabel.reward.scale import MIN_GOLD
from weaklabel.types import FloatArray, Pairs

N_FOLDS: Final = 5


class OutOfFold:
    """A comparer that answers for the pairs of `gold`, by linear reward models of the other folds.

    It says how far the words of this very gold carry: a model that was trained elsewhere and does no better
    knows nothing that a few hundred labels would not teach a linear model.

    Args:
        gold: pairs with gold, `MIN_GOLD` or more on `N_FOLDS` or more prompts.
        seed: of the folds.

    Raises:
        GoldError: too little gold.
    """

    name: ClassVar[str] = "linear, out of fold"

    def __init__(self, gold: Pairs, *, seed: int = 0) -> None:
        rows = gold.take(gold.has_gold)
        groups = rows.prompt_groups
        if not self.suits(rows):
            raise GoldError(
                f"OutOfFold: {len(rows)} pairs with gold on {len(set(groups.tolist()))} prompts. It needs {MIN_GOLD} "
                f"on {N_FOLDS}; leave this row out."
            )
        fold = folds_by_prompt(groups, N_FOLDS, seed)
        y, hashes = rows.y, prompt_hashes(rows)
        self._fold_of = dict(zip(hashes.tolist(), fold.tolist(), strict=True))
        self._models: list[RewardModel] = [
            LinearReward(seed=seed).fit(rows.take(fold != k), y[fold != k], gold=y[fold != k])
            for k in range(N_FOLDS)
        ]

    @staticmethod
    def suits(gold: Pairs) -> bool:
        """Whether there is enough gold."""
        rows = gold.take(gold.has_gold)
        return len(rows) >= MIN_GOLD and len(np.unique(rows.prompt_groups)) >= N_FOLDS

    @property
    def calibrated(self) -> bool:
        """Whether every fold's model was."""
        return all(model.calibrated for model in self._models)

    def saw(self, pairs: Pairs) -> NDArray[np.bool_]:
        """`(n_pairs,)` False: the model that answers for a pair saw gold of other prompts alone."""
        return np.zeros(len(pairs), dtype=np.bool_)

    def scores(self, prompts: Sequence[str], responses: Sequence[str]) -> FloatArray:
        """`(N_FOLDS, n)` in log-odds: what each fold's model gives `n` responses, of whatever prompt.

        How far they are apart says how much of a score hangs on which prompts were in the gold. To prompts of the gold all
        but one model are no strangers, and are surer of them than they should be.
        """
        return np.array([model.score(prompts, responses) for model in self._models])

    def compare(self, pairs: Pairs) -> FloatArray:
        """`(n_pairs,)` P(B beats A).

        Raises:
            GoldError: a prompt that was not in the gold: each fold's model answers for the prompts it left out.
        """
        hashes = prompt_hashes(pairs).tolist()
        unknown = [pair_id for pair_id, h in zip(pairs.ids, hashes, strict=True) if h not in self._fold_of]
        if unknown:
            raise GoldError(
                f"OutOfFold: the prompt of pair {unknown[0]!r} ({len(unknown)} in all) is not in its gold. It answers "
                "for the pairs that it was made with."
            )
        fold = np.array([self._fold_of[h] for h in hashes], dtype=np.int64)
        p = np.empty(len(pairs))
        for k in np.unique(fold):
            p[fold == k] = self._models[k].compare(pairs.take(fold == k))
        return p
