"""The start: a reward on hashed n-grams, taught by the label model without any gold.

It brings along what functions that score no single response (judges, verdicts, functions of pairs) have to say, as far
as words and short character runs show it. Gold has no part in it, so it needs no nested labelers; but it was taught by
the very pairs that have gold, so rows with gold get the answer of a start that was taught without their prompts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from weaklabel._progress import tracked
from weaklabel.groups import folds_by_prompt
from weaklabel.logistic import fit_logistic
from weaklabel.reward.features import differences, size_of_kinds
from weaklabel.types import FloatArray, Pairs

N_FOLDS: Final = 5


@dataclass(frozen=True)
class Start:
    """A reward linear in n-grams.

    Attributes:
        coef: `(2 * n_features,)` float64, fitted to all pairs.
        left_out: `(n_pairs,)` float64 differences, score of b less that of a: of pairs with gold by a start that saw
            no pair of their prompt, of others NaN.
    """

    coef: FloatArray
    left_out: FloatArray


def fit_start(
    pairs: Pairs,
    belief: FloatArray,
    w: FloatArray,
    known: NDArray[np.bool_],
    *,
    l2: float,
    n_features: int,
    seed: int,
) -> Start:
    """The start taught by beliefs.

    Args:
        pairs: `n` pairs.
        belief: `(n,)` float64 in [0, 1], P(B) as the label model sees it.
        w: `(n,)` float64 >= 0, how much each pair counts.
        known: `(n,)`, which pairs have gold.
        l2: strength of the ridge penalty, as for `LinearReward`.
        n_features: hashed columns per kind of n-gram.
        seed: of the folds of prompts with gold.
    """
    d, groups = differences(pairs, n_features), pairs.prompt_groups
    whole = fit_logistic(d, belief, w, precision=l2 * size_of_kinds(d, w, n_features)).theta
    coef = np.zeros(2 * n_features)
    coef[d.columns] = whole
    left_out, rows = np.full(len(pairs), np.nan), np.flatnonzero(known)
    folds = folds_by_prompt(groups[rows], N_FOLDS, seed)
    for fold in tracked(range(N_FOLDS), "starts without the prompts of some gold"):
        held = rows[folds == fold]
        seen = np.where(np.isin(groups, groups[held]), 0.0, w)
        if seen.any():
            ridge = l2 * size_of_kinds(d, seen, n_features)
            left_out[held] = fit_logistic(d, belief, seen, precision=ridge, start=whole).logit[held]
        else:
            left_out[held] = 0.0
    return Start(coef, left_out)
