"""Which proposals take the place of labels: by the belief that they are better, what is known of the incumbents, and a cap.

Source: Ye, Laidlaw & Steinhardt (2025, arXiv 2501.07886), whose threshold is the larger of .5 and a quantile of the scores. Ours are
the drawing among equal beliefs, and the prior of the incumbent: how often proposals have turned out better.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from weaklabel.types import FloatArray, sigmoid

AlphaOf = Literal["disagreeing", "all"]


@dataclass(frozen=True, slots=True)
class Decision:
    """What became of the proposals that disagree with their labels, `(n,)` each.

    Attributes:
        belief: P(the proposal is better), with the prior.
        threshold: .5, or the highest belief for which there was no room.
        replaces: whether it does.
    """

    belief: FloatArray
    threshold: float
    replaces: NDArray[np.bool_]


def decide(
    p: FloatArray,
    *,
    alpha: float | None,
    of: AlphaOf = "disagreeing",
    n_all: int,
    prior: float = 0.0,
    seed: int = 0,
) -> Decision:
    """The proposals whose belief is above .5, and of these the highest ones that the cap leaves room for.

    Where beliefs differ, this is the published rule: above tau = max(.5, the 1 - alpha quantile of the beliefs). Where many are
    equal, as of people, who answer 0 or 1, that rule would replace nothing: equal ones are drawn from.

    Args:
        p: `(n,)` P(the proposal beats the label), of the labels that disagree with their proposal.
        alpha: the largest share that is replaced, in (0, 1]; None for no cap. Of n that disagree, ceil(alpha * n) at most are.
        of: which labels it is a share of: those that disagree, or `n_all`.
        n_all: labels in all.
        prior: log-odds that a proposal is better where the two disagree, added to those of each `p`.
        seed: of what is drawn.

    >>> decide(np.array([0.9, 0.8, 0.7, 0.2]), alpha=0.5, n_all=10).replaces.tolist()
    [True, True, False, False]
    >>> decide(np.array([0.9, 0.8, 0.7, 0.2]), alpha=None, n_all=10, prior=-2.0).replaces.tolist()
    [True, False, False, False]
    """
    with np.errstate(divide="ignore"):
        logit = np.log(p) - np.log1p(-p)
    belief = sigmoid(logit + prior) if len(p) else p
    replaces = belief > 0.5
    room = len(p) if alpha is None else math.ceil(alpha * (len(p) if of == "disagreeing" else n_all))
    threshold = 0.5
    if np.count_nonzero(replaces) > room:
        order = np.lexsort((np.random.default_rng(seed).random(len(p)), -belief))
        replaces = np.zeros(len(p), dtype=np.bool_)
        replaces[order[:room]] = True
        threshold = float(belief[order[room]])
    return Decision(belief, threshold, replaces)
