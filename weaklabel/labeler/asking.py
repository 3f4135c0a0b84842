"""Asking a label model: with the texts' features where it wants them, in both orders where it has to be, out of fold."""

from __future__ import annotations

import copy
import logging
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from weaklabel._progress import bar, tracked
from weaklabel.calibration import Calibrator, choose_calibrator
from weaklabel.groups import enough_gold, folds_by_prompt
from weaklabel.judges.prompted import Judge
from weaklabel.label_models import LabelModel
from weaklabel.lf.columns import with_derived_columns
from weaklabel.lf.core import LabelingFunction
from weaklabel.text.ngrams import asked_features, pair_features
from weaklabel.types import FloatArray, PairFeatures, Pairs, Votes, swap_votes

N_FOLDS: Final = 5
_log = logging.getLogger("weaklabel")
BLOCK: Final = 4096  # pairs whose texts' features are held in memory at a time


def ask(
    model: LabelModel, pairs: Pairs, votes: Votes, *, shares: bool = True
) -> tuple[FloatArray, FloatArray | None]:
    """The log-odds of every pair, `(n_pairs,)`, and the shares that LFs and views have in them, or None."""
    logits: list[FloatArray] = [np.empty(0)]
    found: list[FloatArray | None] = []
    for start in range(0, len(pairs), BLOCK):
        rows = np.arange(start, min(start + BLOCK, len(pairs)))
        part = votes.take(rows)
        features = asked_features(pairs.take(rows)) if model.uses_features else None
        logits.append(antisymmetric_logit(model, part, features))
        found.append(antisymmetric_shares(model, part, features) if shares else None)
    known = [part for part in found if part is not None]
    return np.concatenate(logits), np.vstack(known) if known and len(known) == len(found) else None


def without_asking(lfs: Sequence[LabelingFunction], pairs: Pairs) -> Pairs:
    """`pairs` with what the judges among `lfs` have said of them before, so that nothing is asked when they vote."""
    judges = [lf for lf in lfs if isinstance(lf, Judge)]
    known = with_derived_columns(judges, pairs, ask=False, quiet=True)
    for judge in judges:
        said = [known.table[name].to_pylist() for name in judge.columns]
        unasked = sum(any(one["state"] == "unasked" for one in both) for both in zip(*said, strict=True))
        if unasked:
            _log.warning(
                "judge %r has not been asked about %d of %d pairs and abstains there: compare spends no money. "
                "label asks, within the budget.", judge.name, unasked, len(pairs),
            )  # fmt: skip
    return known


def unfitted_copy(model: LabelModel) -> LabelModel:
    """A model with the same settings that has learned nothing."""
    return type(model)(**copy.deepcopy(model.settings))


def features_for(model: LabelModel, pairs: Pairs, rows: NDArray[np.bool_]) -> PairFeatures | None:
    """What `model` wants to know of the texts of some `rows` to be fitted; None if it wants nothing."""
    if not model.uses_features:
        return None
    with bar("words and layout of the texts"):
        return pair_features(pairs, rows)


def antisymmetric_logit(model: LabelModel, votes: Votes, features: PairFeatures | None = None) -> FloatArray:
    """The model's log-odds; a model that is not antisymmetric is asked in both orders and averaged."""
    logit = model.predict_logit(votes.L, margins=votes.margins, features=features)
    if model.antisymmetric:
        return logit
    turned = model.predict_logit(
        swap_votes(votes.L), margins=-votes.margins, features=features and features.swapped()
    )
    return (logit - turned) / 2


def antisymmetric_shares(
    model: LabelModel, votes: Votes, features: PairFeatures | None = None
) -> FloatArray | None:
    """The shares that add up to `antisymmetric_logit`, `(n_pairs, n_lfs + len(extra_names))`; None if there are none."""
    shares = model.contributions(votes.L, margins=votes.margins, features=features)
    if shares is None or model.antisymmetric:
        return shares
    turned = model.contributions(
        swap_votes(votes.L), margins=-votes.margins, features=features and features.swapped()
    )
    return None if turned is None else (shares - turned) / 2


def around(p: FloatArray, intervals: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The ends of `intervals` `(n, 2)`, moved where they do not hold `p` `(n,)`: two methods need not agree.

    >>> around(np.array([0.75, 0.5]), np.array([[0.5, 0.625], [0.25, 1.0]]))
    (array([0.5 , 0.25]), array([0.75, 1.  ]))
    """
    return np.minimum(intervals[:, 0], p), np.maximum(intervals[:, 1], p)


def calibrated_shares(
    shares: FloatArray | None, raw: FloatArray, logit: FloatArray, calibrator: Calibrator | None
) -> FloatArray | None:
    """The shares of `raw` as shares of the calibrated `logit`.

    Each share is stretched by what calibration does to the logit on which all of them would agree, `size`; what
    is then missing is spread by the sizes of the shares. Stretching by `logit / raw` would add up as well, but
    where votes nearly cancel and the calibrator has a step at 0 the shares would grow without bound.
    """
    if shares is None or calibrator is None:
        return shares
    size = np.abs(shares).sum(axis=1)
    spoken = np.where(size > 0, size, 1.0)
    stretch = calibrator.transform(size) / spoken
    missing = (logit - stretch * raw) / spoken
    return np.asarray(shares * stretch[:, None] + np.abs(shares) * missing[:, None])


def out_of_fold_logit(
    make: Any,
    fitted: LabelModel,
    votes: Votes,
    y: FloatArray,
    groups: NDArray[np.int64],
    *,
    seed: int,
    features: PairFeatures | None = None,
) -> FloatArray:
    """`(n_pairs,)` logits in which no gold pair was seen by the model that speaks on it.

    A model that makes no use of gold needs no folds: `fitted` never saw any. Nor does one that learned its
    left-out logits while it was fitted: `fitted` must have been fitted to these very rows. `features` belong to
    models that use them.
    """
    if not fitted.uses_gold:
        return antisymmetric_logit(fitted, votes, features)
    known = np.flatnonzero(~np.isnan(y))
    logit = np.zeros(len(votes))
    if fitted.held_out_ is not None:
        logit[known] = fitted.held_out_[known]
        return logit
    folds = folds_by_prompt(groups[known], N_FOLDS, seed)
    for fold in tracked(range(N_FOLDS), "models of left-out prompts"):
        held = known[folds == fold]
        seen = y.copy()
        seen[held] = np.nan
        model = make()
        model.fit(votes.L, margins=votes.margins, y=seen, groups=groups, features=features)
        logit[held] = antisymmetric_logit(model, votes.take(held), features and features.take(held))
    return logit


def with_direction(y: FloatArray) -> FloatArray:
    """Gold `(n,)` that a labeler learns from: none of it where all that is known are ties.

    Ties alone would teach a model that no function tells anything, when they only say that these pairs are hard.
    """
    return y if (np.abs(y - 0.5) > 0).any() else np.full(len(y), np.nan)  # False for NaN: not gold


def chosen_by_gold(
    make: Any,
    fitted: LabelModel,
    votes: Votes,
    y: FloatArray,
    groups: NDArray[np.int64],
    *,
    candidates: Sequence[str],
    seed: int,
    features: PairFeatures | None = None,
) -> tuple[Calibrator, FloatArray] | None:
    """The calibrator that out-of-fold logits of the gold choose, and those logits `(n_gold,)`; None without enough gold.

    Args:
        y: `(n_pairs,)` gold `with_direction`, NaN where there is none.
        candidates: names of calibrators; none where calibration is switched off.
        make, fitted, votes, groups, seed, features: as `out_of_fold_logit` takes them.
    """
    known = ~np.isnan(y)
    if not candidates or not enough_gold(groups[np.abs(y - 0.5) > 0]):
        return None
    logit = out_of_fold_logit(make, fitted, votes, y, groups, seed=seed, features=features)[known]
    calibrator, _ = choose_calibrator(logit, y[known], groups[known], candidates=candidates, seed=seed)
    return calibrator, logit


def cross_calibrated(
    logit: FloatArray,
    y: FloatArray,
    groups: NDArray[np.int64],
    *,
    candidates: Sequence[str],
    seed: int,
) -> FloatArray:
    """Out-of-fold logits, each calibrated by a calibrator that saw other prompts only: what figures are made of."""
    out = np.zeros_like(logit)
    # Other folds than those of the model, so that no calibrator sees a whole fold of one model alone.
    folds = folds_by_prompt(groups, N_FOLDS, seed + 1)
    for fold in tracked(np.unique(folds), "calibration of left-out prompts"):
        held = folds == fold
        calibrator, _ = choose_calibrator(
            logit[~held], y[~held], groups[~held], candidates=candidates, seed=seed
        )
        out[held] = calibrator.transform(logit[held])
    return out
