"""Accuracy, F1, NLL and Brier score, and the table of metrics that every report shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from weaklabel.metrics.equal_width import ece_metric
from weaklabel.metrics.metric import Metric
from weaklabel.metrics.rows import correctness, ratio
from weaklabel.types import FloatArray

_COIN: Final = 0
EPS: Final = 1e-6
"""NLL counts a probability below this as this: one wrong certainty costs 13.8 nats, not infinity."""


def accuracy(p: ArrayLike, y: ArrayLike) -> float:
    """Share of pairs whose winner is named; p = .5 counts one half, gold ties are left out (NaN if all are).

    `p` is `(n,)` in [0, 1], the stated P(B beats A); `y` `(n,)` the gold: 0 (A), 1 (B) or .5 (tie).

    >>> accuracy([0.9, 0.2, 0.5, 0.7], [1, 1, 0, 0.5])  # right, wrong, half, left out
    0.5

    Raises:
        LabelMatrixError: shapes that differ, no rows, p outside [0, 1], gold that is unknown or no gold value.
    """
    return METRICS["accuracy"](p, y)


def nll(p: ArrayLike, y: ArrayLike) -> float:
    """Mean negative log-likelihood in nats per pair, with p kept `EPS` away from 0 and 1; log 2 for p = .5.

    `p` is `(n,)` in [0, 1], the stated P(B beats A); `y` `(n,)` the gold: 0 (A), 1 (B) or .5 (tie).

    >>> round(nll([0.5, 0.5], [0, 1]), 4), round(nll([1.0], [0]), 2)
    (0.6931, 13.82)

    Raises:
        LabelMatrixError: as for `accuracy`.
    """
    return METRICS["nll"](p, y)


def brier(p: ArrayLike, y: ArrayLike) -> float:
    """Mean of (p - y)^2, in [0, 1]; .25 for p = .5 on decided pairs.

    `p` is `(n,)` in [0, 1], the stated P(B beats A); `y` `(n,)` the gold: 0 (A), 1 (B) or .5 (tie).

    >>> brier([0.5, 1.0], [0, 1])
    0.125

    Raises:
        LabelMatrixError: as for `accuracy`.
    """
    return METRICS["brier"](p, y)


def _accuracy_parts(p: FloatArray, y: FloatArray) -> FloatArray:
    decided = (y != 0.5).astype(np.float64)
    return np.column_stack([correctness(p, y) * decided, decided])


def _nll_parts(p: FloatArray, y: FloatArray) -> FloatArray:
    log_b, log_a = np.log(np.maximum(p, EPS)), np.log(np.maximum(1.0 - p, EPS))
    return np.column_stack([-(y * log_b + (1.0 - y) * log_a), np.ones_like(p)])


def _brier_parts(p: FloatArray, y: FloatArray) -> FloatArray:
    return np.column_stack([(p - y) ** 2, np.ones_like(p)])


def f1(p: ArrayLike, y: ArrayLike) -> float:
    """F1 of the class b, 2 TP / (2 TP + FP + FN), after the order of the two responses was drawn anew; 1 is best.

    A pair has no positive class, so which response is called b is a coin of fixed seed, row by row: the figure does not
    hang on how a file orders its responses, nor does it change when pairs are turned round, and it lies near the
    accuracy. b is named where p > .5; p = .5 counts one half; gold ties are left out (NaN if all are). Source: the
    metric that Hauptvogel et al. (2024) report of held-out pairs.

    `p` is `(n,)` in [0, 1], the stated P(B beats A); `y` `(n,)` the gold: 0 (A), 1 (B) or .5 (tie).

    >>> f1([0.9, 0.9, 0.1, 0.1], [1, 1, 0, 0]), f1([0.9, 0.9, 0.1, 0.1], [0, 0, 1, 1])
    (1.0, 0.0)

    Raises:
        LabelMatrixError: as for `accuracy`.
    """
    return METRICS["f1"](p, y)


def _f1_parts(p: FloatArray, y: FloatArray) -> FloatArray:
    # To draw the order is to draw which of the two is the better one: so a pair that was turned round stays what it was.
    better_is_b = np.random.default_rng(_COIN).random(len(p)) < 0.5
    decided = (y != 0.5).astype(np.float64)
    right = correctness(p, y)
    hits, missed = (np.where(better_is_b, share, 0.0) for share in (right, 1.0 - right))
    false = np.where(better_is_b, 0.0, 1.0 - right)
    return np.column_stack([hits * decided, false * decided, missed * decided, decided])


def _f1(sums: FloatArray) -> FloatArray:
    hits = 2.0 * sums[..., 0]
    return ratio(hits, hits + sums[..., 1] + sums[..., 2])


def _mean(sums: FloatArray) -> FloatArray:
    return ratio(sums[..., 0], sums[..., 1])


METRICS: Final[Mapping[str, Metric]] = {
    "accuracy": Metric("accuracy", _accuracy_parts, _mean),
    "f1": Metric("f1", _f1_parts, _f1),
    "nll": Metric("nll", _nll_parts, _mean),
    "brier": Metric("brier", _brier_parts, _mean),
    "ece": ece_metric(),
}
"""What every table reports, by name. NLL is the score; ECE alone proves little."""
