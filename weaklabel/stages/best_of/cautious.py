"""A score less what it is unsure of: lambda times a spread, of one reward's last layer or of several models.

Rewards are surest to be wrong where they are highest: of many samples the best is often one that the reward misjudges (Gao et
al. 2023, arXiv 2210.10760). Sources of the remedy: Yang et al. (2024, arXiv 2402.13210), the reward less its spread by Laplace; Coste
et al. (2023, arXiv 2310.02743), the mean of several rewards less their spread. Departure: spreads are of a score less the mean over
the prompt's samples, since a reward has no zero that two models would share.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from weaklabel.comparers.metered import Metered
from weaklabel.comparers.out_of_fold import OutOfFold
from weaklabel.errors import ConfigError
from weaklabel.reward.base import RewardModel
from weaklabel.reward.evaluation import LastLayer
from weaklabel.stages.best_of.judging import Judge
from weaklabel.stages.best_of.sampled import Draws
from weaklabel.stages.taught import Taught
from weaklabel.types import FloatArray

Spreading = Callable[[Draws, FloatArray], tuple[FloatArray, FloatArray]]
"""From samples and their scores, `(m,)`, to scores and spreads, `(m,)` each."""


@dataclass(frozen=True)
class Scored:
    """What samples are worth, `(m,)` float64 each.

    Attributes:
        score: what the comparer makes of them.
        spread: how unsure that is, in the same unit; None where nobody asked.
        value: by which is chosen, the score less lambda times the spread.
    """

    score: FloatArray
    spread: FloatArray | None
    value: FloatArray


def scored(score: FloatArray, draws: Draws, spreading: Spreading | None, pessimism: float) -> Scored:
    """The samples' scores, `(m,)`, with their spreads and values."""
    if spreading is None:
        return Scored(score, None, score)
    score, spread = spreading(draws, score)
    # The same text twice may differ in its last digits, which must not decide.
    value = (score - pessimism * spread).round(12)
    return Scored(score, spread, value)


def by_laplace(judge: Judge, taught: Taught, seed: int) -> Spreading:
    """Spreads of the last layer of a linear reward, given the pairs that taught it.

    Raises:
        ConfigError: another comparer. DataError: no pair counts.
    """
    layer = LastLayer(_bare(judge.comparer), taught.pairs, taught.w, seed=seed)
    return lambda draws, score: (score, layer.spread(draws.asked, draws.texts, draws.of))


def by_folds(judge: Judge, taught: Taught, seed: int) -> Spreading:
    """Spreads over linear rewards that were each taught without a fifth of the prompts with gold.

    Raises:
        ConfigError: a comparer whose scores are in another unit. GoldError: too little gold.
    """
    if not isinstance(_bare(judge.comparer), RewardModel):
        raise ConfigError(
            'best_of: spread = "folds" is in the unit of a reward model, and the comparer is a '
            f"{type(_bare(judge.comparer)).__name__}. Name the folder of a reward model."
        )
    folds = OutOfFold(taught.pairs, seed=seed)
    return lambda draws, score: (score, _apart(folds.scores(draws.asked, draws.texts), draws))


def by_models(judge: Judge, others: Sequence[Judge]) -> Spreading:
    """The mean of several models' scores, and their spread.

    Raises:
        ConfigError: some score and others compare, so that their numbers have no unit in common.
    """
    if odd := [each for each in others if each.measures != judge.measures]:
        raise ConfigError(
            f"best_of: the comparer gives a {judge.measures} and {odd[0].name} a {odd[0].measures}, so that they have no spread "
            "in common. Give models of one kind."
        )

    def spreading(draws: Draws, score: FloatArray) -> tuple[FloatArray, FloatArray]:
        every = np.array([score, *(each.scores(draws) for each in others)])
        return every.mean(axis=0), _apart(every, draws)

    return spreading


def _apart(scores: FloatArray, draws: Draws) -> FloatArray:
    """`(m,)` the standard deviation over models, `(models, m)`, of what each makes of a sample less its prompt's mean."""
    sums = np.array([np.bincount(draws.of, each, minlength=len(draws.prompts)) for each in scores])
    means = sums / np.maximum(draws.sizes, 1)
    return np.asarray((scores - means[:, draws.of]).std(axis=0, ddof=1), dtype=np.float64)


def _bare(comparer: Any) -> Any:
    return comparer.expert if isinstance(comparer, Metered) else comparer
