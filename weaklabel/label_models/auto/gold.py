"""Choosing a label model by gold: cross-validated NLL, each with a temperature of its own, folds by prompt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from weaklabel.groups import folds_by_prompt
from weaklabel.label_models.auto.choice import KINDS, Choice, candidates, new_model
from weaklabel.label_models.base import LabelModel, Observed
from weaklabel.label_models.k_class.vote_model import softmax
from weaklabel.types import FloatArray

Mask = NDArray[np.bool_]
Scores = Callable[[Mask], FloatArray]
"""`(n, k)` log-probabilities of all rows from a model that may see gold of the rows in the mask alone."""

TEMPERATURES: Final[FloatArray] = np.geomspace(0.25, 64.0, 49)
N_FOLDS: Final = 5


@dataclass(frozen=True, slots=True)
class Judged:
    """What gold says of one candidate: `nll` in nats per row, cross-validated, and its temperature on all gold."""

    nll: float
    temperature: float


@dataclass(frozen=True, slots=True)
class Data:
    """What `fit` was given, and its gold as shares of classes `(n, k)`, NaN where unknown."""

    seen: Observed
    truth: FloatArray
    n_classes: int | None

    @property
    def known(self) -> Mask:
        """`(n,)`: rows with gold."""
        return ~np.isnan(self.truth[:, 0])


def choose_by_gold(data: Data, by_votes: Choice, seed: int) -> Choice:
    """The candidate with the lowest cross-validated NLL, fitted on all gold; `by_votes` is one of them.

    At least two prompts must have gold.
    """
    known = data.known
    folds = np.full(len(known), -1)
    prompts = data.seen.prompts[known]
    folds[known] = folds_by_prompt(prompts, min(N_FOLDS, len(np.unique(prompts))), seed)
    answer = _answer(by_votes, data)
    judged = {"votes": judge_by_gold(lambda _: answer, data.truth, folds)}
    for name, kind in candidates(data.n_classes).items():
        judged[name] = judge_by_gold(_scores_of(kind, data, seed), data.truth, folds)
    order = sorted(judged, key=lambda name: judged[name].nll)
    why = "gold: cross-validated NLL in nats: " + ", ".join(f"{n} {judged[n].nll:.3f}" for n in order)
    T = judged[order[0]].temperature
    if order[0] == "votes":
        return replace(by_votes, why=f"{why} ({by_votes.why})", gold_temperature=T)
    return replace(_fitted(KINDS[order[0]], data, known, seed), why=why, gold_temperature=T)


def _scores_of(kind: type[LabelModel], data: Data, seed: int) -> Scores:
    fitted = _fitted(kind, data, data.known, seed)
    if fitted.model.held_out_ is not None:  # learned on the way, without the prompt of each row
        held_out = np.column_stack([np.zeros(len(data.truth)), fitted.model.held_out_])
        return lambda _: held_out
    if kind.uses_gold:
        return lambda seen: _answer(_fitted(kind, data, seen, seed), data)
    plain = _answer(fitted, data)
    return lambda _: plain


def _answer(choice: Choice, data: Data) -> FloatArray:
    seen = data.seen
    return choice.log_probabilities(seen.votes, seen.margins, seen.features)


def _fitted(kind: type[LabelModel], data: Data, known: Mask, seed: int) -> Choice:
    seen, y = data.seen, None
    if kind.uses_gold:
        y = np.where(known, seen.gold, np.nan)
    model = new_model(kind, data.n_classes, seed)
    return Choice(
        model.fit(seen.votes, margins=seen.margins, y=y, groups=seen.prompts, features=seen.features)
    )


def judge_by_gold(scores: Scores, truth: FloatArray, folds: NDArray[np.int64]) -> Judged:
    """Cross-validated NLL of one candidate.

    Args:
        scores: see `Scores`.
        truth: `(n, k)` float64, gold as shares of classes; NaN in rows without.
        folds: `(n,)`, fold per row, -1 without gold.
    """
    known = folds >= 0
    total = 0.0
    for fold in np.unique(folds[known]):
        seen, held = known & (folds != fold), folds == fold
        S = scores(seen)
        T = TEMPERATURES[int(np.argmin(_nll_by_temperature(S[seen], truth[seen])))]
        total += _nll(S[held] / T, truth[held]) * held.sum()
    return Judged(float(total / known.sum()), best_temperature(scores(known)[known], truth[known]))


def best_temperature(S: FloatArray, truth: FloatArray) -> float:
    """The one of `TEMPERATURES` that makes `softmax(S / T)` fit gold best."""
    return float(TEMPERATURES[int(np.argmin(_nll_by_temperature(S, truth)))])


def gold_shares(gold: FloatArray, n_classes: int | None) -> FloatArray:
    """Gold `(n, k)` float64 as shares of classes: one-hot, a half each for a tie of a pair, NaN where unknown.

    >>> gold_shares(np.array([1, 0.5, np.nan]), None).tolist()
    [[0.0, 1.0], [0.5, 0.5], [nan, nan]]
    """
    if n_classes is None:
        return np.column_stack([1.0 - gold, gold])
    shares = (gold[:, None] == np.arange(n_classes)).astype(np.float64)
    return np.where(np.isnan(gold)[:, None], np.nan, shares)


def _nll_by_temperature(S: FloatArray, truth: FloatArray) -> list[float]:
    return [_nll(S / T, truth) for T in TEMPERATURES]


def _nll(S: FloatArray, truth: FloatArray) -> float:
    return float(-(truth * np.log(np.maximum(softmax(S), 1e-6))).sum(axis=1).mean())
