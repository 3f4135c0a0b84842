"""What gold may say of labels: probabilities of gold pairs in which their own gold had no part.

Everything here is about dev gold. A label's own `p` there is in-sample as a rule, so it is replaced by the out-of-fold
one: a model and a calibrator that were fitted to gold of other prompts. The locked test part is never looked at; its
figures come from the table that the run made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from weaklabel._shown import Shown
from weaklabel.groups import MIN_GOLD, MIN_PROMPTS, enough_gold
from weaklabel.labeler import (
    Labeler,
    cross_calibrated,
    features_for,
    out_of_fold_logit,
    unfitted_copy,
)
from weaklabel.types import FloatArray, Labels, sigmoid


@dataclass(frozen=True, repr=False)
class Judged(Shown):
    """Dev gold with probabilities that it had no part in.

    Attributes:
        rows: `(n,)` int, rows of the labels.
        p: `(n,)` float64, P(B beats A).
        y: `(n,)` float64, gold: 0 (A), 1 (B), .5 (tie).
        groups: `(n,)` int64, equal numbers for equal prompts.
        basis: one sentence that says what `p` is.
    """

    rows: NDArray[np.intp]
    p: FloatArray
    y: FloatArray
    groups: NDArray[np.int64]
    basis: str

    @property
    def enough(self) -> bool:
        """Whether calibrators can be fitted to it at all."""
        return enough_gold(self.groups)


def judge(
    labels: Labels,
    labeler: Labeler | None,
    *,
    out_of_fold: Mapping[str, float] | None = None,
    seed: int = 0,
) -> Judged | str:
    """Honest probabilities of the dev gold pairs, or a sentence on why there are none.

    They are taken from `out_of_fold` (pair id -> P(B beats A)), from what `fit` kept on the labeler, or from fitting
    again, in this order; labels that never saw the gold are honest themselves.
    """
    y = labels.pairs.y
    rows = np.flatnonzero((labels.pairs.parts == "dev") & ~np.isnan(y))
    if not len(rows):
        return "No gold in the dev part, so nothing can be said about how often the labels are right."
    groups = labels.pairs.prompt_groups[rows]
    n = f"{len(rows):,} dev gold pairs on {len(np.unique(groups)):,} prompts"
    if not labels.in_sample[rows].any():
        return Judged(rows, labels.p[rows], y[rows], groups, f"{n}, none of them used in fitting.")
    told = f"{n}, out of fold: nothing that speaks on a prompt saw its gold."
    known = _looked_up(out_of_fold, labels, rows)
    if known is not None:
        return Judged(rows, known, y[rows], groups, told)
    if labeler is None:
        return (
            "The labels were fitted to this gold, and the labeler is not at hand, which could be fitted without each "
            "pair's own. Pass labeler= to write_report."
        )
    known = _looked_up(labeler.out_of_fold_p, labels, rows)
    if known is None and not enough_gold(groups):
        return (
            f"The labels were fitted to all gold there is ({n}). At least {MIN_GOLD} pairs on {MIN_PROMPTS} prompts are "
            "needed to fit without each pair's own and judge by it."
        )
    if known is None:
        known = _refitted(labeler, labels, rows, seed)
    return Judged(rows, known, y[rows], groups, told)


def honest_labels(labels: Labels, judged: Judged) -> Labels:
    """The labels with dev gold pairs as their own gold never said: for figures that set labels beside gold.

    Without contributions, which would not add up to these logits.
    """
    logit, in_sample = labels.logit.copy(), labels.in_sample.copy()
    p = np.clip(judged.p, 1e-12, 1 - 1e-12)
    logit[judged.rows] = np.log(p) - np.log1p(-p)
    in_sample[judged.rows] = False
    return replace(labels, logit=logit, in_sample=in_sample, contributions=None, p_low=None, p_high=None)


def _looked_up(kept: Mapping[str, float] | None, labels: Labels, rows: NDArray[np.intp]) -> FloatArray | None:
    """The probabilities of these rows, where all of them are known."""
    ids = [labels.votes.ids[row] for row in rows]
    return np.array([kept[i] for i in ids]) if kept and all(i in kept for i in ids) else None


def _refitted(labeler: Labeler, labels: Labels, rows: NDArray[np.intp], seed: int) -> FloatArray:
    """As `fit` does it: the model refitted without each fold, then calibrators that saw other folds."""
    visible = np.flatnonzero(labels.pairs.parts != "test")
    pairs, votes = labels.pairs.take(visible), labels.votes.take(visible)
    y, groups, model = pairs.y, pairs.prompt_groups, labeler.model
    make = partial(unfitted_copy, model)
    features = features_for(make(), pairs, ~np.isnan(y))
    if model.uses_gold:
        # What the model at hand knows of its left-out gold stands by the rows it was fitted to: others than these.
        model = make()
        model.fit(votes.L, margins=votes.margins, y=y, groups=groups, features=features)
    logit = out_of_fold_logit(make, model, votes, y, groups, seed=seed, features=features)
    where = np.searchsorted(visible, rows)
    named = "identity" if labeler.calibrator is None else labeler.calibrator.name
    return sigmoid(cross_calibrated(logit[where], y[where], groups[where], candidates=(named,), seed=seed))
