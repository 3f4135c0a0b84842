"""How sure a reward with a linear head is of a response: the Laplace approximation of its last layer.

The fit of `ridge.py` is the mode of a posterior. Near it the posterior is a normal distribution whose precision is the second
derivative of the loss,

    H = sum_i w_i s(z_i) (1 - s(z_i)) d_i d_i' + diag(l2 s_j)

with d_i the difference of features of pair i and z_i its log-odds. A response of features f has a reward of variance f' H^-1 f.

Source: MacKay (1992) for the approximation, Kristiadi et al. (2020) for the last layer alone, Yang et al. (2024, arXiv
2402.13210) for rewards less their spread in best of n. Departures: the features are frozen, so this is all that was learned; and
the variance is that of the reward *less the mean over the prompt's responses*. A reward has no zero, so that how sure it is of a
response alone is no question; asked for all the same, it would only prefer responses with few features, such as short ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from weaklabel.errors import ConfigError, DataError, LabelMatrixError
from weaklabel.logistic import one_thread
from weaklabel.reward.base import RewardModel
from weaklabel.reward.ridge import RidgeReward
from weaklabel.types import FloatArray, Pairs, sigmoid

MOST_PAIRS: Final = 4096
"""More pairs than these are drawn from: their Gram matrix has the square of that many numbers, 134 MB."""
_ROWS: Final = 512  # responses at a time


class LastLayer:
    """The posterior of a reward with a linear head, given the pairs that taught it.

    Args:
        model: fitted, `linear` or `minilm-frozen`.
        pairs: that it was fitted on. Of others the spread says how sure a model taught by these would be.
        w: `(n_pairs,)` how much each counted; None counts 1.
        seed: of the draw of `MOST_PAIRS`, where there are more. Fewer pairs make it less sure, never more.

    Raises:
        ConfigError: a reward without a linear head. DataError: no pair counts. NotFittedError: before `fit`.

    Attributes:
        n_pairs: that it rests on.
    """

    def __init__(self, model: Any, pairs: Pairs, w: ArrayLike | None = None, *, seed: int = 0) -> None:
        if not isinstance(model, RidgeReward):
            raise ConfigError(
                f"a spread by Laplace needs a reward that is linear in fixed features: linear or minilm-frozen. This is "
                f"{_named(model)}. Give the spread of several models, or of folds."
            )
        weights = np.ones(len(pairs)) if w is None else np.asarray(w, dtype=np.float64)
        rows = np.flatnonzero(weights > 0)
        if not len(rows):
            raise DataError(
                "a spread by Laplace needs the pairs that taught the reward, and none counts. Give such pairs."
            )
        if len(rows) > MOST_PAIRS:
            rows = np.sort(np.random.default_rng(seed).choice(rows, MOST_PAIRS, replace=False))
        self.model, self.n_pairs = model, len(rows)
        self._learn(pairs.take(rows), weights[rows])

    def _learn(self, pairs: Pairs, w: FloatArray) -> None:
        prompts = pairs.table["prompt"].to_pylist()
        a, b = (pairs.table[name].to_pylist() for name in ("response_a", "response_b"))
        model = self.model
        # The posterior is that of the weights as they were learned, before the scores were scaled.
        z = (model.score(prompts, b) - model.score(prompts, a)) / model.scale_
        p = sigmoid(z)
        curvature = np.maximum(w * p * (1 - p), 1e-12)
        X = _wide(model.last_layer(prompts, b)) - _wide(model.last_layer(prompts, a))  # (n, k)
        self._variance = 1.0 / model.prior_precision(pairs, w)  # (k,) of the prior
        self._weighted = _times(X, self._variance)  # (n, k)
        # (n, n) what the pairs say of each other: the dual of H, as small as the pairs are few.
        gram = _dense(self._weighted @ X.T) + np.diag(1.0 / curvature)
        with one_thread():
            self._root = np.linalg.cholesky(gram)

    def spread(self, prompts: Sequence[str], responses: Sequence[str], groups: ArrayLike) -> FloatArray:
        """`(n,)` float64 >= 0, in log-odds: the standard deviation of each score less the mean score of its group.

        Args:
            prompts, responses: `n` each.
            groups: `(n,)` equal for responses of one prompt.

        Raises:
            LabelMatrixError: as for `score`, and groups of another length.
        """
        numbers = np.unique(np.asarray(groups), return_inverse=True)[1]
        if not len(prompts) == len(responses) == len(numbers):
            raise LabelMatrixError(
                f"LastLayer.spread: {len(prompts)} prompts, {len(responses)} responses and {len(numbers)} groups. Give as "
                "many of each."
            )
        found = np.zeros(len(numbers))
        order = np.argsort(numbers, kind="stable")
        for rows in _whole_groups(order, numbers[order]):
            texts = [[column[row] for row in rows] for column in (prompts, responses)]
            features, mean = self.model.last_layer(*texts), _means(numbers[rows])
            wide = _wide(features)  # (m, k)
            unseen = self.model.unseen(features) * self._variance.mean()  # (m,)
            variance = self._variances(wide - mean @ wide) + _less_their_mean(unseen, mean)
            found[rows] = np.sqrt(variance)
        return found * self.model.scale_

    def _variances(self, f: Any) -> FloatArray:
        """`(m,)` f' H^-1 f of rows `(m, k)`, by Woodbury's identity: the prior's variance less what the pairs took away."""
        before = np.asarray(_times(f, self._variance).multiply(f).sum(axis=1)).ravel()
        from scipy.linalg import solve_triangular

        with one_thread():
            taken = solve_triangular(self._root, _dense(self._weighted @ f.T), lower=True)  # (n, m)
        return np.asarray(np.maximum(before - (taken**2).sum(axis=0), 0.0), dtype=np.float64)


def _named(model: Any) -> str:
    return repr(model.name) if isinstance(model, RewardModel) else f"a {type(model).__name__}"


def _wide(features: Any) -> Any:
    """As a sparse float64 matrix: n-grams come as int8, whose differences and sums would not fit."""
    import scipy.sparse as sp

    return sp.csr_matrix(features, dtype=np.float64)


def _times(x: Any, columns: FloatArray) -> Any:
    return x.multiply(columns[None]).tocsr()


def _dense(x: Any) -> FloatArray:
    return np.asarray(x.todense(), dtype=np.float64)


def _means(numbers: NDArray[np.intp]) -> Any:
    """`(m, m)` sparse: the mean over the rows of each row's group."""
    import scipy.sparse as sp

    _, at, counts = np.unique(numbers, return_inverse=True, return_counts=True)
    same = sp.csr_matrix((np.ones(len(at)), (np.arange(len(at)), at)))  # (m, groups)
    return _times(same, 1.0 / counts) @ same.T


def _less_their_mean(variance: FloatArray, mean: Any) -> FloatArray:
    """`(m,)` the variances of independent numbers less the mean of their group, from their own."""
    share = mean.diagonal()  # 1 / size of the group
    return np.asarray(variance * (1 - 2 * share) + share * (mean @ variance), dtype=np.float64)


def _whole_groups(order: NDArray[np.intp], numbers: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    """`order` in parts of some rows, none of which divides a group; `numbers` are those of `order`, rising."""
    if not len(order):
        return []
    starts = np.flatnonzero(np.diff(numbers, prepend=-1))
    cuts = [starts[0]]
    for start in starts:
        if start - cuts[-1] >= _ROWS:
            cuts.append(start)
    return np.split(order, cuts[1:])
