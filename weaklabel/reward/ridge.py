"""What rewards that are linear in fixed features of a response share: one convex loss, and a scale out of fold.

Minimises over theta, with d_i the features of b minus those of a, and z_i = theta . d_i,

    sum_i w_i * [ -p_i log sigmoid(z_i) - (1 - p_i) log sigmoid(-z_i) ] + 1/2 sum_j l2 s_j theta_j^2

that is Bradley and Terry's model (1952) with soft labels; equal to a weighted logistic regression on each pair
taken twice, once won by b with weight w p and once by a with weight w (1 - p). No intercept: a pair has no
direction. `s` is the mean square of the features, so that their unit does not matter. Convex, so there is one optimum and no
seed for it.

Scores of single responses by a rubric of whole numbers l..h teach the same theta. With f_r the features of response r, its score
is at least k with log-odds theta . f_r - t_k, and each k of l + 1..h is a row of the same sum: the all-threshold loss of Rennie and
Srebro (2005). A score between two numbers is part of the one and part of the other.
"""

from __future__ import annotations

import inspect
from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from weaklabel._progress import bar
from weaklabel.errors import ConfigError, DataError, LabelMatrixError
from weaklabel.logistic import SMALLEST_GAIN, Fit, fit_logistic, one_thread
from weaklabel.reward.base import RewardModel, hashes_of
from weaklabel.reward.judges import Judges
from weaklabel.reward.scale import scale_of_scores, scale_out_of_fold
from weaklabel.types import FloatArray, Pairs, prompt_key

_OF_THRESHOLDS: Final = (
    1e-2  # precision of their prior: a number that no response was given keeps a finite one
)
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

    def fit_scores(
        self,
        prompts: Sequence[str],
        responses: Sequence[str],
        scores: ArrayLike,
        *,
        rubric: tuple[int, int],
        pairs: Pairs | None = None,
        p: ArrayLike = (),
        w: ArrayLike | None = None,
    ) -> FloatArray:
        """Learn from scores of single responses by a rubric, and from beliefs about pairs beside them.

        The scale of the rewards is calibrated on which of two scored responses has the higher score, out of fold by prompt.

        Args:
            prompts, responses: `n` each.
            scores: `(n,)` numbers from the lowest to the highest of the rubric.
            rubric: the lowest and the highest score, whole numbers.
            pairs: further `m` pairs to learn from; None for none.
            p, w: `(m,)` what is believed of them, and how much each counts; None counts 1.

        Returns:
            `(highest - lowest,)` float64, rising: t_k, in the unit of the rewards. The score expected of a response of reward r is
            the lowest, plus the sum over k of sigmoid((r - t_k) / scale_).

        Raises:
            ConfigError: a rubric whose ends are not in order.
            LabelMatrixError: scores outside the rubric, or not one per response.
            DataError: all scores are equal, and there are no pairs, so that nothing tells responses apart.
        """
        given = _checked_scores(type(self).__name__, len(prompts), len(responses), scores, rubric)
        more = Pairs.of(()) if pairs is None else pairs
        beliefs = np.asarray(p, dtype=np.float64)
        weights = np.ones(len(more)) if w is None else np.asarray(w, dtype=np.float64)
        if len(np.unique(given)) < 2 and not len(more):
            raise DataError(
                f"all {len(given):,} responses have the score {given[0] if len(given) else '-'}, which says nothing of what makes one "
                "better. Ask about others, or by a finer rubric."
            )
        columns = [more.table[name].to_pylist() for name in ("prompt", "response_a", "response_b")]
        x, ridge, spread = self._of_texts(
            [*prompts, *columns[0], *columns[0]], [*responses, *columns[1], *columns[2]]
        )
        n, m, k = len(given), len(more), rubric[1] - rubric[0]
        rows = _stacked(x[:n], x[n + m :] - x[n : n + m], k)
        at_least = np.clip(given[:, None] - np.arange(rubric[0], rubric[1]), 0.0, 1.0)
        targets = np.concatenate([at_least.ravel(), beliefs])
        counts = np.concatenate([np.ones(n * k), weights])
        precision = np.concatenate([ridge, np.full(k, _OF_THRESHOLDS)])
        keys = [prompt_key(prompt) for prompt in (*prompts, *columns[0])]
        groups = np.unique(keys, return_inverse=True)[1].reshape(-1)

        def solve(left_out: NDArray[np.bool_], start: FloatArray | None, gain: float) -> FloatArray:
            theirs = np.isin(groups[n:], groups[:n][left_out])  # pairs of the prompts that are left out
            kept = np.where(np.concatenate([np.repeat(left_out, k), theirs]), 0.0, counts)
            return fit_logistic(rows, targets, kept, precision=precision, start=start, gain=gain).theta

        with one_thread():
            whole = solve(np.zeros(n, np.bool_), None, SMALLEST_GAIN)
            self.coef_ = spread(whole[:-k])
            self.scale_ = scale_of_scores(
                lambda held: np.asarray(x[:n][held] @ solve(held, whole, _GAIN)[:-k]),
                given, groups[:n], self.n_folds, self.seed,
            )  # fmt: skip
        self.scale_note_, self.n_gold_, self._fitted = "", n, True
        self.gold_prompts_ = np.unique(hashes_of(keys[:n]))
        return np.sort(-whole[-k:]) * self.scale_

    @abstractmethod
    def _of_texts(self, prompts: Sequence[str], responses: Sequence[str]) -> tuple[Any, FloatArray, Spread]:
        """`(n, k)` features of responses, `(k,)` the ridge penalty on each, and a `Spread`."""

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


def mean_squared_difference(x: Any) -> float:
    """Of two rows, drawn of `(n, k)` dense or sparse ones: twice their variance; 1 where all are equal."""
    squares = np.asarray(x.multiply(x).sum() if hasattr(x, "multiply") else (x**2).sum())
    found = 2.0 * float(squares / x.shape[0] - (np.asarray(x.mean(axis=0)) ** 2).sum())
    return found if found > 1e-12 else 1.0


def _stacked(x: Any, d: Any, k: int) -> Any:
    """`(n k + m, columns + k)`: each of n responses once per threshold, with a column for each; then m pairs."""
    import scipy.sparse as sp

    n, m = x.shape[0], d.shape[0]
    thresholds = sp.vstack([sp.csr_matrix(np.tile(np.eye(k), (n, 1))), sp.csr_matrix((m, k))])
    texts = sp.csr_matrix(x)[np.repeat(np.arange(n), k)]
    return sp.csr_matrix(sp.hstack([sp.vstack([texts, sp.csr_matrix(d)]), thresholds]))


def _checked_scores(
    model: str, n_prompts: int, n: int, scores: ArrayLike, rubric: tuple[int, int]
) -> FloatArray:
    low, high = rubric
    if not low < high:
        raise ConfigError(
            f"{model}.fit_scores: rubric is {rubric!r}. Allowed: two whole numbers, the lower first."
        )
    found = np.asarray(scores, dtype=np.float64)
    if found.shape != (n,) or n_prompts != n:
        raise LabelMatrixError(
            f"{model}.fit_scores: {n_prompts} prompts, {n} responses and scores of shape {found.shape}. Pass one of each per response."
        )
    if wrong := int((~((found >= low) & (found <= high))).sum()):
        raise LabelMatrixError(
            f"{model}.fit_scores: {wrong} of {n} scores are outside the rubric. Allowed: {low} to {high}."
        )
    return found
