"""Reward models out of fold: each prompt is judged by a model that never saw it.

`OutOfFold` learns gold, as a yardstick; `SecondOpinion` learns labels, to contradict them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from weaklabel.errors import DataError, GoldError
from weaklabel.groups import folds_by_prompt
from weaklabel.reward.base import RewardModel, prompt_hashes
from weaklabel.reward.linear import LinearReward
from weaklabel.reward.registry import PLAIN, get_reward_model
from weaklabel.reward.scale import MIN_GOLD
from weaklabel.reward.train import training_targets
from weaklabel.types import Comparer, FloatArray, Labels, Pairs, sigmoid

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


class SecondOpinion(Comparer):
    """A comparer taught by labels that answers for any pair, by a reward model that saw no label of the pair's prompt.

    A reward model that learned a pair's own label repeats it. This one can contradict it, with what the labels of other
    prompts say of such responses. Its scores are as trained: gold that the labels saw cannot say how sure they may be.

    Args:
        labels: of pairs on `N_FOLDS` prompts or more, in every fold one; test prompts teach nothing.
        model: a name in `REWARD_MODELS` of a model that reads no labeling functions.
        settings: of the model.

    Raises:
        DataError: too few prompts, or nothing to learn from. UnknownNameError, ConfigError: of the model.
    """

    name: ClassVar[str] = "reward out of fold"

    def __init__(self, labels: Labels, model: str = PLAIN, **settings: Any) -> None:
        pairs, p, w, _ = training_targets(labels, who="a second opinion")
        fold = _fold_of_prompt(pairs)
        if len(np.unique(fold)) < N_FOLDS:
            raise DataError(
                f"a second opinion needs labels of more prompts: {len(set(pairs.prompt_groups.tolist()))} fill "
                f"{len(np.unique(fold))} of {N_FOLDS} folds. Label more prompts, or use a rule that needs none."
            )
        self._models = [
            get_reward_model(model, **settings).fit(pairs.take(fold != k), p[fold != k], w[fold != k])
            for k in range(N_FOLDS)
        ]

    def compare(self, pairs: Pairs) -> FloatArray:
        """`(n_pairs,)` P(B beats A)."""
        return sigmoid(self.logit(pairs))

    def logit(self, pairs: Pairs) -> FloatArray:
        """`(n_pairs,)` log-odds that B beats A."""
        fold, found = _fold_of_prompt(pairs), np.empty(len(pairs))
        for k in np.unique(fold):
            some = pairs.take(fold == k)
            prompts, a, b = (some.table[name].to_pylist() for name in ("prompt", "response_a", "response_b"))
            score = self._models[k].score
            found[fold == k] = score(prompts, b) - score(prompts, a)
        return found


def _fold_of_prompt(pairs: Pairs) -> NDArray[np.int64]:
    """`(n_pairs,)` drawn from the prompt alone, so that it is the same whatever pairs are there."""
    return np.asarray(prompt_hashes(pairs) % N_FOLDS, dtype=np.int64)
