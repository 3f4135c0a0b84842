"""What the best of n would be worth, from K >= n draws: every choice of n among the K counts alike, so nothing is drawn again.

Of K values in rising order the k-th is the largest of C(k-1, n-1) of the C(K, n) subsets of size n. Hence, without bias,

    E[max of n] = sum over k of C(k-1, n-1) / C(K, n) * value_(k)

and what another value of the chosen one comes to is the same sum over that value, in the order of the first. It is the
estimator of pass@k (Chen et al. 2021, arXiv 2107.03374, eq. 1), for values that are no longer only right or wrong.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from weaklabel.errors import LabelMatrixError
from weaklabel.types import FloatArray


def best_of_weights(n_drawn: int, n: int) -> FloatArray:
    """`(n_drawn,)` float64: the share of the subsets of size `n` whose largest is the k-th in rising order. They sum to 1.

    Raises:
        LabelMatrixError: `n` is not from 1 to `n_drawn`.

    >>> best_of_weights(3, 2).round(3).tolist()  # of {1, 2}, {1, 3}, {2, 3} the third is largest in two
    [0.0, 0.333, 0.667]
    """
    if not 1 <= n <= n_drawn:
        raise LabelMatrixError(
            f"best of {n} was asked of {n_drawn} draws. Allowed: 1 to the number of draws."
        )
    k = np.arange(1, n_drawn + 1, dtype=np.float64)[:, None]
    j = np.arange(1, n, dtype=np.float64)[None]
    # C(k-1, n-1) / C(K, n) as a product of shares: binomials of some hundred draws have no float.
    return np.asarray((np.maximum(k - j, 0.0) / (n_drawn - j)).prod(axis=1) * n / n_drawn)


def best_of_curve(
    values: ArrayLike, others: ArrayLike | None = None, *, most: int | None = None
) -> FloatArray:
    """`(most,)` float64: for n = 1 to `most` what the best of n by `values` is expected to have of `others`.

    Args:
        values: `(K,)` by which the best is chosen; of equal ones each is chosen as often.
        others: `(K,)` whose expectation is wanted; None takes `values`.
        most: the largest n; None takes K.

    Raises:
        LabelMatrixError: arrays of another shape, numbers that are not finite, or `most` beyond K.

    >>> best_of_curve([0.0, 1.0, 0.0, 0.0]).tolist()  # one right answer in four
    [0.25, 0.5, 0.75, 1.0]
    """
    chosen_by = np.asarray(values, dtype=np.float64)
    wanted = chosen_by if others is None else np.asarray(others, dtype=np.float64)
    if chosen_by.ndim != 1 or not len(chosen_by) or chosen_by.shape != wanted.shape:
        raise LabelMatrixError(
            f"values have shape {chosen_by.shape} and others {wanted.shape}, expected (K,) for both with K >= 1."
        )
    if not (np.isfinite(chosen_by).all() and np.isfinite(wanted).all()):
        raise LabelMatrixError("values or others hold a number that is not finite. Leave such draws out.")
    order = np.argsort(chosen_by, kind="stable")
    # Where values are equal, any of them may be the one that is chosen: each stands for their mean.
    _, tied = np.unique(chosen_by[order], return_inverse=True)
    shared = np.bincount(tied, wanted[order]) / np.bincount(tied)
    most = len(chosen_by) if most is None else most
    return np.array([best_of_weights(len(chosen_by), n) @ shared[tied] for n in range(1, most + 1)])
