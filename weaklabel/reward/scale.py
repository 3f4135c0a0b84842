"""The scale of a reward model's scores, calibrated on gold that neither the scored model nor its teacher ever saw.

Source: the factor is a temperature, Guo et al. (2017), section 4.2. Departures: rows of one prompt are not independent,
so their log-likelihood is divided by its design effect (Kish 1965); and log a has a normal prior around 0, for scores
that were fitted as log-odds are nearly right, while a factor on little gold is mostly noise. Where gold is plenty the
prior fades, since the likelihood is a sum.

The width of the prior was looked up on the data of `benchmarks/reward_scale.py`: .5 rather than .25, 1 or no prior. For
rewards that labels taught the three are alike; gold alone teaches faint scores (its ridge has little against it), which a
narrow prior would keep faint.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from weaklabel._progress import tracked
from weaklabel.calibration.gentle import gentle_factor
from weaklabel.groups import folds_by_prompt
from weaklabel.reward.judges import Judges
from weaklabel.types import FloatArray

MIN_GOLD: Final = 50  # fewer gold pairs cannot tell a scale from noise
SPREAD: Final = 0.5  # of log a: two factors in three lie between .61 and 1.65


def scale_out_of_fold(
    differences: Callable[[FloatArray, FloatArray], FloatArray],
    p: FloatArray,
    w: FloatArray,
    y: FloatArray,
    judges: Judges,
    groups: NDArray[np.int64],
    n_folds: int,
    seed: int,
) -> float:
    """The gentle factor of scores out of fold.

    It is 1 below `MIN_GOLD` gold pairs that may judge, or with fewer prompts of theirs than folds.

    Args:
        differences: beliefs and weights, `(n,)` each -> scores of b less those of a `(n,)`, of a model that they taught.
        p, w: `(n,)` float64, what teaches the whole model.
        y: `(n,)` float64 0, .5 or 1; NaN where there is no gold.
        judges: whose gold may judge, and who teaches then.
        groups: `(n,)` int64, equal for equal prompts.
        n_folds, seed: of the folds by prompt.
    """
    rows = judges.rows
    if int(rows.sum()) < MIN_GOLD or len(np.unique(groups[rows])) < n_folds:
        return 1.0
    # Folds of the gold prompts; pairs of other prompts are in no fold and always train.
    fold = np.full(len(y), -1)
    fold[rows] = folds_by_prompt(groups[rows], n_folds, seed)
    held = np.column_stack([np.isin(groups, groups[fold == k]) for k in range(n_folds)])
    beliefs = judges.beliefs(p, held)
    z = np.empty(len(y))
    for k in tracked(range(n_folds), "models of left-out prompts"):
        z[fold == k] = differences(beliefs[:, k], np.where(held[:, k], 0.0, w))[fold == k]
    return gentle_factor(z[rows], y[rows], groups[rows], spread=SPREAD)


def scale_of_scores(
    rewards: Callable[[NDArray[np.bool_]], FloatArray],
    scores: FloatArray,
    groups: NDArray[np.int64],
    n_folds: int,
    seed: int,
) -> float:
    """The gentle factor of rewards that scores of single responses taught: which of two has the higher score, out of fold.

    Each response is held against another one of its fold, whatever its prompt, for few prompts have two scored responses. It is 1
    below `MIN_GOLD` responses, or with fewer prompts than folds.

    Args:
        rewards: which responses are left out, `(n,)` -> the rewards of these, by a model that other prompts taught.
        scores: `(n,)` float64.
        groups: `(n,)` int64, equal for equal prompts.
        n_folds, seed: of the folds by prompt, and of who is held against whom.
    """
    if len(scores) < MIN_GOLD or len(np.unique(groups)) < n_folds:
        return 1.0
    fold, rng = folds_by_prompt(groups, n_folds, seed), np.random.default_rng(seed)
    z, y = np.empty(len(scores)), np.empty(len(scores))
    for k in range(n_folds):
        held = np.flatnonzero(fold == k)
        other = others(len(held), rng)
        found = rewards(fold == k)
        z[held] = found[other] - found
        y[held] = (1 + np.sign(scores[held[other]] - scores[held])) / 2
    return gentle_factor(z, y, groups, spread=SPREAD)


def others(n: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """`(n,)` for each of n another one, drawn; no two have the same. Of one alone there is no other: itself.

    >>> others(2, np.random.default_rng(0)).tolist()
    [1, 0]
    """
    drawn = rng.permutation(n)
    found = np.empty(n, dtype=np.intp)
    found[drawn] = np.roll(drawn, 1)
    return found
