"""Choosing a label model by gold: cross-validated NLL, each with a temperature of its own, folds by prompt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from weaklabel.groups import folds_by_prompt
from weaklabel.label_models.auto.choice import Choice, candidates, new_model
from weaklabel.label_models.base import LabelModel, Observed
from weaklabel.label_models.k_class.vote_model import softmax
from weaklabel.types import FloatArray

Mask = NDArray[np.bool_]
Scores = Callable[[Mask], FloatArray]
"""`(n_gold, k)` log-probabilities of the rows with gold, from a model that may see gold of those in the mask alone."""

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


@dataclass(frozen=True, slots=True)
class _Tried:
    """A candidate fitted on all gold, what it says of rows with gold, and whether it says that without their own."""

    choice: Choice
    scores: Scores
    held_out: bool = True


def choose_by_gold(data: Data, by_votes: Choice, seed: int) -> tuple[Choice, FloatArray | None]:
    """The candidate with the lowest cross-validated NLL, fitted on all gold; `by_votes` is one of them.

    Each candidate is asked of the rows with gold alone, and fitted once, but for one that learns from gold and cannot say
    what it would without a row's prompt: that is fitted again for each fold. At least two prompts must have gold. Also
    returned: the logits of the rows with gold, `(n_gold,)`, as `held_out_logit` gives them; None where some candidate cannot
    say what it would without a row's prompt, and for classes.
    """
    rows = np.flatnonzero(data.known)
    truth, prompts = data.truth[rows], data.seen.prompts[rows]
    folds = folds_by_prompt(prompts, min(N_FOLDS, len(np.unique(prompts))), seed)
    tried = {"votes": _tried(by_votes, data, rows, seed, sees_gold=False)}
    for name, kind in candidates(data.n_classes).items():
        fitted = _fitted(kind, data, data.known, seed)
        tried[name] = _tried(fitted, data, rows, seed, sees_gold=kind.uses_gold)
    judged = {name: judge_by_gold(one.scores, truth, folds) for name, one in tried.items()}
    order = sorted(judged, key=lambda name: judged[name].nll)
    why = "gold: cross-validated NLL in nats: " + ", ".join(f"{n} {judged[n].nll:.3f}" for n in order)
    best = tried[order[0]].choice
    if order[0] == "votes":
        why = f"{why} ({best.why})"
    held_out = None
    if data.n_classes is None and all(one.held_out for one in tried.values()):
        everything = np.ones(len(rows), dtype=np.bool_)
        held_out = held_out_logit([one.scores(everything) for one in tried.values()], truth, folds)
    return replace(best, why=why, gold_temperature=judged[order[0]].temperature), held_out


def held_out_logit(answers: Sequence[FloatArray], truth: FloatArray, folds: NDArray[np.int64]) -> FloatArray:
    """`(n_gold,)` logits of rows whose own fold had no part in which candidate answers them, and how sure it is.

    Args:
        answers: of each candidate `(n_gold, 2)` log-probabilities in which the row's own gold had no part.
        truth: `(n_gold, 2)` float64, gold as shares.
        folds: `(n_gold,)`, fold per row.
    """
    logit = np.empty(len(truth))
    for fold in np.unique(folds):
        seen, held = folds != fold, folds == fold
        found = []
        for S in answers:
            T = best_temperature(S[seen], truth[seen])
            found.append((_nll(S[seen] / T, truth[seen]), (S[held, 1] - S[held, 0]) / T))
        logit[held] = min(found, key=lambda one: one[0])[1]
    return logit


def _tried(choice: Choice, data: Data, rows: NDArray[np.intp], seed: int, *, sees_gold: bool) -> _Tried:
    model = choice.model
    if model.held_out_ is not None:  # learned on the way, without the prompt of each row
        logit = model.held_out_[rows]
        S = np.column_stack([np.zeros(len(rows)), logit])
        return _Tried(choice, lambda _: S)
    plain = _answer(choice, data, rows)
    if not sees_gold:
        return _Tried(choice, lambda _: plain)

    def scores(seen: Mask) -> FloatArray:
        if seen.all():
            return plain
        known = np.zeros(len(data.truth), dtype=np.bool_)
        known[rows[seen]] = True
        return _answer(_fitted(type(model), data, known, seed), data, rows)

    return _Tried(choice, scores, held_out=False)


def _answer(choice: Choice, data: Data, rows: NDArray[np.intp]) -> FloatArray:
    seen = data.seen
    margins = None if seen.given_margins is None else seen.given_margins[rows]
    features = None if seen.features is None else seen.features.take(rows)
    return choice.log_probabilities(seen.votes[rows], margins, features)


def _fitted(kind: type[LabelModel], data: Data, known: Mask, seed: int) -> Choice:
    seen, y = data.seen, None
    if kind.uses_gold:
        y = np.where(known, seen.gold, np.nan)
    model = new_model(kind, data.n_classes, seed)
    return Choice(
        model.fit(seen.votes, margins=seen.given_margins, y=y, groups=seen.prompts, features=seen.features)
    )


def judge_by_gold(scores: Scores, truth: FloatArray, folds: NDArray[np.int64]) -> Judged:
    """Cross-validated NLL of one candidate.

    Args:
        scores: see `Scores`.
        truth: `(n_gold, k)` float64, gold as shares of classes.
        folds: `(n_gold,)`, fold per row.
    """
    total = 0.0
    for fold in np.unique(folds):
        seen, held = folds != fold, folds == fold
        S = scores(seen)
        T = best_temperature(S[seen], truth[seen])
        total += _nll(S[held] / T, truth[held]) * held.sum()
    return Judged(float(total / len(folds)), best_temperature(scores(np.ones_like(held)), truth))


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
