"""P(B beats A) of gold pairs by a model that saw other prompts only: what comparisons between sets of LFs rest on.

Two kinds of model. `ridge`, the fast one: a logistic regression through the origin on each function's effect (margin
over margin plus median, or the vote), its strength chosen inside each fold. Or a label model by name, fitted and
calibrated as `weaklabel.fit` does, at its cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from weaklabel.calibration import CANDIDATES, SCALED_CANDIDATES
from weaklabel.errors import GoldError
from weaklabel.groups import folds_by_prompt
from weaklabel.label_models import get_label_model
from weaklabel.label_models.pair.effects import half_margins, margin_effects
from weaklabel.labeler import N_FOLDS, cross_calibrated, features_for, out_of_fold_logit
from weaklabel.logistic import fit_logistic, nll_of_logit, one_thread
from weaklabel.types import FloatArray, Pairs, Votes, sigmoid
from weaklabel.workbench._dev import DevGold, dev_gold

RIDGE: Final = "ridge"
FEWEST: Final = 20
_STRENGTHS: Final = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0)


def enough_gold(votes: Votes, pairs: Pairs, who: str, *, decided: bool = False) -> DevGold:
    """The dev gold, where there is enough of it for folds; with `decided` only what is no tie.

    Raises:
        GoldError: fewer than `FEWEST` dev gold pairs, or prompts for less than one per fold.
    """
    gold = dev_gold(votes, pairs, who)
    kind = "dev gold pairs"
    if decided:
        gold, kind = gold.decided(), "decided dev gold pairs"
    if len(gold.y) < FEWEST or gold.n_prompts < N_FOLDS:
        raise GoldError(
            f"{who}: {len(gold.y)} {kind} on {gold.n_prompts} prompts. At least {FEWEST} on {N_FOLDS} are "
            "needed to judge by prompts that were not fitted on. Label some more."
        )
    return gold


def visible_rows(votes: Votes, pairs: Pairs) -> NDArray[np.intp]:
    """Rows of the votes outside the locked test part, as `fit` uses them."""
    parts = pairs.parts
    locked = {pair_id for pair_id, part in zip(pairs.ids, parts, strict=True) if part == "test"}
    return np.array([row for row, pair_id in enumerate(votes.ids) if pair_id not in locked], dtype=np.intp)


def out_of_fold_p(votes: Votes, pairs: Pairs, gold: DevGold, *, model: str, seed: int) -> FloatArray:
    """`(n_gold,)` float64 in (0, 1), in the order of `gold`.

    Raises:
        UnknownNameError: no such label model.
    """
    if model == RIDGE:
        with one_thread():
            return Ridge(votes.take(gold.rows), gold, seed=seed).p()
    kept = visible_rows(votes, pairs)
    place = {int(row): k for k, row in enumerate(kept)}
    where = np.array([place[int(row)] for row in gold.rows], dtype=np.intp)
    seen = votes.take(kept)
    y, groups = np.full(len(kept), np.nan), np.arange(len(kept)) + int(gold.groups.max()) + 1
    y[where], groups[where] = gold.y, gold.groups

    def make() -> object:
        return get_label_model(model)

    unfitted = get_label_model(model)
    place_of = {pair_id: row for row, pair_id in enumerate(pairs.ids)}
    table = pairs.take(np.array([place_of[pair_id] for pair_id in seen.ids], dtype=np.intp))
    features = features_for(unfitted, table, ~np.isnan(y))
    fitted = unfitted.fit(seen.L, margins=seen.margins, y=y, groups=groups, features=features)
    logit = out_of_fold_logit(make, fitted, seen, y, groups, seed=seed, features=features)[where]
    names = SCALED_CANDIDATES if fitted.uses_gold else CANDIDATES
    return sigmoid(cross_calibrated(logit, gold.y, gold.groups, candidates=names, seed=seed))


class Ridge:
    """The fast model, folds and strengths made once, so that leaving a function out costs one solution per fold.

    Strengths are chosen with all functions, on the training prompts of each fold, and kept for every subset.
    """

    def __init__(self, votes: Votes, gold: DevGold, *, seed: int) -> None:
        self.X, self.y = effects(votes), gold.y
        self.folds = folds_by_prompt(gold.groups, N_FOLDS, seed)
        self.strengths: list[float] = []
        self.weights: list[FloatArray] = []
        for fold in range(N_FOLDS):
            seen = self.folds != fold
            strength = _choose(self.X[seen], self.y[seen], gold.groups[seen], seed)
            self.strengths.append(strength)
            self.weights.append(fit_logistic(self.X[seen], self.y[seen], precision=strength).theta)

    def p(self, columns: Sequence[int] | None = None, strength: float | None = None) -> FloatArray:
        """Out-of-fold P(B) with some of the columns, or all of them."""
        chosen = np.arange(self.X.shape[1]) if columns is None else np.asarray(columns, dtype=np.intp)
        logit = np.zeros(len(self.y))
        X = self.X[:, chosen]
        for fold in range(N_FOLDS):
            held = self.folds == fold
            beta = self.weights[fold][chosen]
            if columns is not None:
                hold = self.strengths[fold] if strength is None else strength
                beta = fit_logistic(X[~held], self.y[~held], precision=hold, start=beta).theta
            logit[held] = (X[held] * beta).sum(axis=1)
        return sigmoid(logit)


def effects(votes: Votes) -> FloatArray:
    """`(n_pairs, n_lfs)` float64: what each function says, in [-1, 1], odd in its margin, at mean square one."""
    said = margin_effects(votes.L, votes.margins, half_margins(votes.margins))
    spread = np.sqrt((said**2).mean(axis=0))
    return np.asarray(said / np.where(spread > 0, spread, 1.0))


def _choose(X: FloatArray, y: FloatArray, groups: NDArray[np.int64], seed: int) -> float:
    n_folds = min(N_FOLDS, len(np.unique(groups)))
    folds = folds_by_prompt(groups, n_folds, seed + 1)
    total = np.zeros(len(_STRENGTHS))
    for fold in range(n_folds):
        held, beta = folds == fold, None
        for k in reversed(range(len(_STRENGTHS))):
            beta = fit_logistic(X[~held], y[~held], precision=_STRENGTHS[k], start=beta).theta
            total[k] += nll_of_logit(X[held] @ beta, y[held]).sum()
    return _STRENGTHS[int(np.argmin(total))]
