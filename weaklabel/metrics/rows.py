"""What every metric starts from: checked rows, how sure a row is, whether it is right."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from weaklabel._validation import check_gold
from weaklabel.errors import LabelMatrixError
from weaklabel.types import FloatArray


def confidence_of(p: FloatArray) -> FloatArray:
    return np.maximum(p, 1.0 - p)


def correctness(p: FloatArray, y: FloatArray) -> FloatArray:
    """1 right, 0 wrong, .5 where either side is undecided."""
    return 0.5 + 0.5 * np.sign(p - 0.5) * np.sign(y - 0.5)


def ratio(top: FloatArray, count: FloatArray) -> FloatArray:
    """top / count, NaN where nothing was counted (a resample of nothing but ties)."""
    known: FloatArray = np.divide(top, count, out=np.full(np.shape(top), np.nan), where=np.asarray(count) > 0)
    return known


def checked_p(p: ArrayLike) -> FloatArray:
    array = np.asarray(p, dtype=np.float64)
    if array.ndim != 1 or not array.size:
        raise LabelMatrixError(
            f"p has shape {array.shape}, expected (n,) with n >= 1: one probability per pair with gold."
        )
    if not ((array >= 0) & (array <= 1)).all():
        raise LabelMatrixError("p holds values outside [0, 1] or NaN. Pass P(B beats A), not logits.")
    return array


def checked(p: ArrayLike, y: ArrayLike) -> tuple[FloatArray, FloatArray]:
    p_ = checked_p(p)
    y_ = check_gold(y, len(p_))
    if unknown := int(np.isnan(y_).sum()):
        raise LabelMatrixError(
            f"y is unknown in {unknown} of {len(y_)} rows. Score pairs with gold only: pairs.dev or pairs.test."
        )
    return p_, y_


def standard_error(values: FloatArray, prompts: NDArray[np.integer]) -> float:
    """Of the mean of `values`, prompts (numbers 0..G-1, two or more) taken as the independent units."""
    per_prompt = np.bincount(prompts, values - values.mean())
    n = len(per_prompt)
    return float(np.sqrt((per_prompt**2).sum() * n / (n - 1)) / len(values))


def design_effect(nll: FloatArray, codes: NDArray[np.integer]) -> float:
    """How many rows are worth one independent row, at least 1 (Kish 1965): the variance of a sum of `nll` with rows of
    one prompt kept together, over the variance with all rows apart.

    Args:
        nll: `(n,)` float64, what each row costs.
        codes: `(n,)`, the number 0..G-1 of its prompt.

    >>> design_effect(np.array([1.0, 1.0, 0.0, 0.0]), np.array([0, 0, 1, 1]))  # each row stands twice
    2.0
    """
    spread = nll - nll.mean()
    apart = float((spread**2).sum())
    together = float((np.bincount(codes, spread) ** 2).sum())
    # Equal numbers differ from their mean by rounding, which says nothing of rows.
    return max(1.0, together / apart) if np.ptp(nll) > 1e-12 * np.abs(nll).max() else 1.0


def group_numbers(groups: Any, n: int) -> NDArray[np.intp]:
    """Group numbers 0..G-1."""
    if groups is None:
        return np.arange(n)
    array = np.asarray(groups)
    if array.shape != (n,):
        raise LabelMatrixError(
            f"groups have shape {array.shape}, expected ({n},): one prompt number per pair."
        )
    return np.unique(array, return_inverse=True)[1].reshape(-1)
