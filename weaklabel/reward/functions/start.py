"""The start: what the label model believes of pairs without gold, taught to readings and n-grams.

Most pairs have no gold, and what the label model knows of them is more than the gold of the others: above all what
functions say that score no single response (judges, verdicts, functions of pairs). A reward linear in what a response
alone shows is taught these beliefs; recipes may then begin from it.

Two kinds:

- `agreement`: n-grams, taught by the label model without gold.
- `labels`: readings of the scorers, taught by the label model with gold. Where some function scores no single response,
  n-grams beside them: they may know what no reading does. It teaches pairs with gold, too, as the label model sees them:
  hundreds of certain answers, which the gold would be, are too few for so many free weights.

Rows with gold must not hear of their own gold on this way. They get the answer of a start that was taught without the
pairs of their prompts, and, for `labels`, by a label model that was fitted without the gold of these prompts: one more
label model and one more start for each of five parts of the prompts with gold.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from weaklabel._progress import tracked
from weaklabel.groups import folds_by_prompt
from weaklabel.label_models.pair.model import PairModel
from weaklabel.logistic import fit_logistic
from weaklabel.reward.features import Differences, differences, size_of_kinds
from weaklabel.types import ABSTAIN, FloatArray, Pairs, Votes, sigmoid

N_FOLDS: Final = 5
# Below this a label model without one part of the gold trusts agreement alone, and is another than the one with all of it.
MIN_GOLD: Final = 40
MIN_PROMPTS: Final = 10
KINDS: Final = ("none", "agreement", "labels")
# Prior variance that all readings together bring into the logit: so much that thousands of beliefs are free to speak.
_FREE: Final = 100.0

Beliefs = Callable[[FloatArray], FloatArray]
"""From gold `(n_pairs,)`, NaN where it is not known, to beliefs `(n_pairs,)` that P(B)."""


@dataclass(frozen=True)
class Start:
    """A reward linear in readings and n-grams.

    Attributes:
        effects: shape -> `(n_scorers,)` float64, weights of the readings.
        coef: `(2 * n_features,)` float64, weights of the n-grams.
        left_out: `(n_pairs,)` float64 differences, score of b less that of a: of pairs with gold by a start that saw
            neither a pair nor gold of their prompt, of others NaN.
    """

    effects: Mapping[str, FloatArray] = field(default_factory=dict)
    coef: FloatArray = field(default_factory=lambda: np.empty(0))
    left_out: FloatArray = field(default_factory=lambda: np.empty(0))


def fit_start(
    kind: str,
    pairs: Pairs,
    votes: Votes,
    y: FloatArray,
    readings: Mapping[str, FloatArray],
    agreement: PairModel,
    *,
    ngrams: bool,
    l2: float,
    n_features: int,
    seed: int,
) -> Start | None:
    """The start of a kind; None for "none", where no function votes, and for "labels" on little gold.

    Args:
        kind: of `KINDS`.
        pairs: `n` pairs, `votes` of all functions on them.
        y: `(n,)` gold, NaN where it is not known.
        readings: shape -> `(n, n_scorers)` float64, differences of the scorers' readings.
        agreement: a `PairModel` fitted to the votes without gold.
        ngrams: whether `labels` teach n-grams too.
        l2: strength of the ridge penalty on n-grams, as for `LinearReward`.
        n_features: hashed columns per kind of n-gram.
        seed: of the folds of prompts with gold.
    """
    voted = (votes.L != ABSTAIN).any(axis=1)
    if kind == "none" or not voted.any():
        return None
    if kind == "agreement":
        agreed = sigmoid(agreement.predict_logit(votes.L, margins=votes.margins))
        columns = Columns.of(differences(pairs, n_features), {}, n_features, l2)
        return _taught(pairs, y, voted.astype(np.float64), columns, lambda gold: agreed, n_features, seed)
    groups, with_gold = pairs.prompt_groups, ~np.isnan(y)
    if with_gold.sum() < MIN_GOLD or len(np.unique(groups[with_gold])) < MIN_PROMPTS:
        return None

    def beliefs(gold: FloatArray) -> FloatArray:
        model = PairModel(text=False, seed=seed).fit(votes.L, margins=votes.margins, y=gold, groups=groups)
        return sigmoid(model.predict_logit(votes.L, margins=votes.margins))

    w = (voted | with_gold).astype(np.float64)
    known = differences(pairs, n_features) if ngrams else Differences.none(len(pairs))
    columns = Columns.of(known, readings, n_features, l2)
    return _taught(pairs, y, w, columns, beliefs, n_features, seed)


def _taught(
    pairs: Pairs, y: FloatArray, w: FloatArray, columns: Columns, beliefs: Beliefs, n_features: int, seed: int
) -> Start:
    groups, rows = pairs.prompt_groups, np.flatnonzero(~np.isnan(y))
    X = columns if columns.ngrams.shape[1] else columns.readings
    whole = fit_logistic(X, beliefs(y), w, precision=columns.ridge(w)).theta
    left_out = np.full(len(pairs), np.nan)
    folds = folds_by_prompt(groups[rows], N_FOLDS, seed)
    for fold in tracked(range(N_FOLDS), "starts without the prompts of some gold"):
        held = rows[folds == fold]
        gold = y.copy()
        gold[held] = np.nan
        seen = np.where(np.isin(groups, groups[held]), 0.0, w)
        if not seen.any():
            left_out[held] = 0.0
            continue
        taught = fit_logistic(X, beliefs(gold), seen, precision=columns.ridge(seen), start=whole)
        left_out[held] = taught.logit[held]
    effects, ngrams = columns.split(whole)
    coef = np.zeros(2 * n_features)
    coef[columns.ngrams.columns] = ngrams
    return Start(effects, coef, left_out)


@dataclass(frozen=True)
class Columns:
    """Readings, brought to one size, beside the differences of n-grams; as `fit_logistic` takes a matrix.

    Attributes:
        readings: `(n_pairs, k)` float64, squared rows with mean 1; k may be 0.
        unit: `(k,)` what their columns were divided by.
        shapes: names of the blocks of equal width that the readings are.
        ngrams: differences of n-grams.
        n_features, l2: see `fit_start`.
    """

    readings: FloatArray
    unit: FloatArray
    shapes: tuple[str, ...]
    ngrams: Differences
    n_features: int
    l2: float

    @classmethod
    def of(
        cls, ngrams: Differences, readings: Mapping[str, FloatArray], n_features: int, l2: float
    ) -> Columns:
        blocks = [np.empty((len(ngrams), 0)), *readings.values()]
        table = np.column_stack(blocks)
        size = np.sqrt((table**2).mean(axis=0))
        unit = np.where(size > 0, size, 1.0) * np.sqrt(max(1, int((size > 0).sum())))
        return cls(table / unit, unit, tuple(readings), ngrams, n_features, l2)

    @property
    def shape(self) -> tuple[int, int]:
        n, k = self.readings.shape
        return n, k + self.ngrams.shape[1]

    def __matmul__(self, weights: FloatArray) -> FloatArray:
        k = len(self.unit)
        return self.readings @ weights[:k] + self.ngrams @ weights[k:]

    @property
    def T(self) -> _Transposed:
        return _Transposed(self)

    def ridge(self, w: FloatArray) -> FloatArray:
        """The precision of every column's weight, where pairs weigh `w`."""
        of_ngrams = self.l2 * size_of_kinds(self.ngrams, w, self.n_features)
        return np.concatenate([np.full(len(self.unit), 1.0 / _FREE), of_ngrams])

    def split(self, weights: FloatArray) -> tuple[dict[str, FloatArray], FloatArray]:
        """Weights of the readings as they were given, by shape; and those of the n-grams."""
        k = len(self.unit)
        parts = np.split(weights[:k] / self.unit, len(self.shapes)) if self.shapes else []
        return dict(zip(self.shapes, parts, strict=True)), weights[k:]


@dataclass(frozen=True)
class _Transposed:
    columns: Columns

    def __matmul__(self, residuals: FloatArray) -> Any:
        both = self.columns.readings.T @ residuals, self.columns.ngrams.T @ residuals
        return np.concatenate(both)
