"""The scale of a reward model's scores, calibrated on gold that the scored model never saw."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from weaklabel._progress import tracked
from weaklabel.calibration.temperature import Temperature
from weaklabel.groups import folds_by_prompt
from weaklabel.types import FloatArray

MIN_GOLD: Final = 50  # fewer gold pairs cannot tell a scale from noise


def scale_out_of_fold(
    differences: Callable[[FloatArray], FloatArray],
    w: FloatArray,
    y: FloatArray,
    groups: NDArray[np.int64],
    n_folds: int,
    seed: int,
) -> float:
    """The factor of one temperature fitted out of fold.

    It is 1 below `MIN_GOLD` gold pairs, or with fewer gold prompts than folds.

    Args:
        differences: weights `(n,)` -> scores of b less those of a `(n,)`, of a model fitted with these weights.
        w: `(n,)` float64, the weights of all pairs.
        y: `(n,)` float64 0, .5 or 1; NaN where there is no gold.
        groups: `(n,)` int64, equal for equal prompts.
        n_folds, seed: of the folds by prompt.
    """
    known = ~np.isnan(y)
    n_gold, n_prompts = int(known.sum()), len(np.unique(groups[known]))
    if n_gold < MIN_GOLD or n_prompts < n_folds:
        return 1.0
    # Folds of the gold prompts; pairs of other prompts are in no fold and always train.
    fold = np.full(len(y), -1)
    fold[known] = folds_by_prompt(groups[known], n_folds, seed)
    z = np.empty(len(y))
    for k in tracked(range(n_folds), "models of left-out prompts"):
        held = np.isin(groups, groups[fold == k])
        z[fold == k] = differences(np.where(held, 0.0, w))[fold == k]
    return Temperature().fit(z[known], y[known]).factor_
