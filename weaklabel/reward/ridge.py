"""What rewards that are linear in fixed features of a response share: one convex loss, and a scale out of fold.

Minimises over theta, with d_i the features of b minus those of a, and z_i = theta . d_i,

    sum_i w_i * [ -p_i log sigmoid(z_i) - (1 - p_i) log sigmoid(-z_i) ] + 1/2 sum_j l2 s_j theta_j^2

that is Bradley and Terry's model (1952) with soft labels; equal to a weighted logistic regression on each pair
taken twice, once won by b with weight w p and once by a with weight w (1 - p). No intercept: a pair has no
direction. `s` is the mean square of the features, so that their unit does not matter. Convex, so there is one optimum and no
seed for it.
"""

from __future__ import annotations

import inspect
from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike

from weaklabel._progress import bar
from weaklabel.errors import ConfigError
from weaklabel.logistic import SMALLEST_GAIN, Fit, fit_logistic, one_thread
from weaklabel.reward.base import RewardModel
from weaklabel.reward.judges import Judges
from weaklabel.reward.scale import scale_out_of_fold
from weaklabel.types import FloatArray, Pairs

_GAIN: Final = 1e-9  # of models of left-out prompts: it moved a factor by 3e-5 of itself and saves two fifths of their time

Spread = Callable[[FloatArray], FloatArray]
"""From the weights of the features that were fitted to `coef_`."""


class RidgeReward(RewardModel):
    """A reward that is linear in fixed features.

    Args:
        l2: strength of the ridge penalty, on features scaled by their mean square.
        n_folds: folds by prompt in which the scale of the scores is calibrated on gold.
        seed: of those folds.

    Learned: `coef_` float64, and what every reward model learns. The scale is calibrated only where at least 50 gold
    pairs of at least `n_folds` prompts may judge: each is scored by a model that saw no pair of its prompt, and whose
    teacher did not see its gold.
    """

    coef_: FloatArray

    def __init__(self, *, l2: float, n_folds: int, seed: int) -> None:
        own = inspect.signature(type(self)).parameters
        if not (np.isfinite(l2) and l2 > 0):
            raise ConfigError(
                f"{type(self).__name__}: l2 is {l2!r}. Allowed: a finite number above 0; default {own['l2'].default:g}."
            )
        if n_folds < 2:
            raise ConfigError(
                f"{type(self).__name__}: n_folds is {n_folds!r}. Allowed: 2 or more; default 5."
            )
        self.l2 = l2
        self.n_folds = n_folds
        self.seed = seed

    def _learn(self, pairs: Pairs, p: FloatArray, w: FloatArray, y: FloatArray, judges: Judges) -> float:
        with bar("texts of the pairs"):
            d, spread = self._differences(pairs)

        def solve(
            beliefs: FloatArray,
            weights: FloatArray,
            start: FloatArray | None = None,
            gain: float = SMALLEST_GAIN,
        ) -> Fit:
            ridge = self.l2 * np.asarray(self._size(d, weights))
            return fit_logistic(d, beliefs, weights, precision=ridge, start=start, gain=gain)

        with one_thread():
            with bar("reward model"):
                whole = solve(p, w).theta
            self.coef_ = spread(whole)
            # A model without one fold is near the whole one: it begins there, and one factor of a few hundred scores does
            # not ask for their last digits.
            return scale_out_of_fold(
                lambda beliefs, weights: solve(beliefs, weights, whole, _GAIN).logit,
                p, w, y, judges, pairs.prompt_groups, self.n_folds, self.seed,
            )  # fmt: skip

    @abstractmethod
    def last_layer(self, prompts: Sequence[str], responses: Sequence[str]) -> Any:
        """`(n, k)` the fixed features of responses, dense or sparse; a score before it is scaled is linear in them.

        Args:
            prompts, responses: `n` each.
        """

    def unseen(self, features: Any) -> FloatArray:
        """`(n,)` in [0, 1]: the share of the prior that these features, `(n, k)`, leave out. 0 where they are all there is."""
        return np.zeros(features.shape[0])

    @abstractmethod
    def prior_precision(self, pairs: Pairs, w: FloatArray) -> FloatArray:
        """`(k,)` the ridge penalty on the weight of each feature, `l2 s_j`, where these pairs taught it.

        Args:
            pairs: `n_pairs`.
            w: `(n_pairs,)` how much each counted.
        """

    @abstractmethod
    def _differences(self, pairs: Pairs) -> tuple[Any, Spread]:
        """`(n_pairs, n_columns)` features of b less those of a, as `fit_logistic` takes them, and a `Spread`."""

    @abstractmethod
    def _size(self, d: Any, w: FloatArray) -> ArrayLike:
        """`s`, a number or `(n_columns,)` above 0, weighted by `w` so that a pair of weight 2 is one given twice."""
