"""`LinearReward`: the first reward model, linear in hashed n-grams of the response. CPU, no torch.

The loss and its one optimum: `ridge.py`.

Settings were chosen to be decent on all three real sets rather than best on one, by comparing arms on those same
sets. Gold as labels, five folds by prompt, mean of three shuffles, scale calibrated inside the fold; accuracy /
NLL / ECE: MT-Bench .747 / .553 / .057, UltraFeedback .623 / .647 / .038, HH-RLHF .552 / .684 / .015. Over the three,
logarithmic counts, rows of unit length, inverse document frequencies and the logarithm of the length were no better
than the plain presence of an n-gram.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from weaklabel.errors import ConfigError
from weaklabel.reward.features import (
    Differences,
    both_sizes,
    differences,
    hashed_text,
    score_in_chunks,
    size_of_kinds,
)
from weaklabel.reward.ridge import RidgeReward, Spread, mean_squared_difference
from weaklabel.reward.saved import ArrayKind, Saved
from weaklabel.types import FloatArray, Pairs

_COEFFICIENTS: Final = "coefficients.npy"


class LinearReward(RidgeReward):
    """A linear reward on hashed word and character n-grams.

    Args:
        l2: strength of the ridge penalty, on features scaled so that each kind's mean squared difference is 1/2.
        n_features: hashed columns per kind of n-gram.
        n_folds: folds by prompt in which the scale of the scores is calibrated on gold.
        seed: of those folds; nothing else is drawn.

    Learned: `coef_` `(2 * n_features,)` float64, and what every reward model learns.
    """

    name: ClassVar[str] = "linear"

    def __init__(self, *, l2: float = 1.0, n_features: int = 2**17, n_folds: int = 5, seed: int = 0) -> None:
        super().__init__(l2=l2, n_folds=n_folds, seed=seed)
        if not 1 <= n_features <= 2**24:
            raise ConfigError(f"LinearReward: n_features is {n_features!r}. Allowed: 1 to {2**24}.")
        self.n_features = n_features

    def _differences(self, pairs: Pairs) -> tuple[Differences, Spread]:
        d = differences(pairs, self.n_features)
        return d, self._over(d.columns)

    def _size(self, d: Differences, w: FloatArray) -> FloatArray:
        return size_of_kinds(d, w, self.n_features)

    def _of_texts(self, prompts: Sequence[str], responses: Sequence[str]) -> tuple[Any, FloatArray, Spread]:
        rows = hashed_text(self.n_features).transform(responses).astype(np.float64)
        columns = np.unique(rows.indices)
        x, words = rows[:, columns], columns < self.n_features
        # Twice the mean square, as `size_of_kinds` has it of pairs.
        sizes = [2.0 * mean_squared_difference(x[:, kind]) for kind in (words, ~words)]
        return x, self.l2 * np.where(words, *sizes), self._over(columns)

    def _over(self, columns: NDArray[np.intp]) -> Spread:
        """Weights of some columns as those of all."""

        def spread(theta: FloatArray) -> FloatArray:
            coef = np.zeros(2 * self.n_features)
            coef[columns] = theta
            return coef

        return spread

    def last_layer(self, prompts: Sequence[str], responses: Sequence[str]) -> Any:
        return hashed_text(self.n_features).transform(responses)

    def prior_precision(self, pairs: Pairs, w: FloatArray) -> FloatArray:
        sizes = both_sizes(differences(pairs, self.n_features), w, self.n_features)
        return self.l2 * np.repeat(sizes, self.n_features)

    def _raw(self, prompts: Sequence[str], responses: Sequence[str]) -> FloatArray:
        """The prompts are not looked at. An empty response scores 0."""
        return score_in_chunks(hashed_text(self.n_features), responses, self.coef_)

    def _arrays(self) -> dict[str, NDArray[Any]]:
        return {_COEFFICIENTS: self.coef_}

    def _array_kinds(self) -> dict[str, ArrayKind]:
        return {_COEFFICIENTS: ArrayKind((2 * self.n_features,))}

    def _restore(self, saved: Saved, arrays: Mapping[str, NDArray[Any]]) -> None:
        self.coef_ = arrays[_COEFFICIENTS]
