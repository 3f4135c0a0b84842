"""What every reward model checks before it learns: one belief and one weight per pair."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from weaklabel.errors import DataError, LabelMatrixError
from weaklabel.types import FloatArray


def check_targets(who: str, n: int, p: ArrayLike, w: ArrayLike | None) -> tuple[FloatArray, FloatArray]:
    """Beliefs and weights as `(n,)` float64; a row of weight 0 may hold any belief, and gets .5.

    Args:
        who: the model, for messages.
        n: pairs.

    Raises:
        LabelMatrixError: another shape, a belief outside [0, 1], a weight below 0.
        DataError: no weight above 0.
    """
    p_ = np.asarray(p, dtype=np.float64)
    w_ = np.ones(n) if w is None else np.asarray(w, dtype=np.float64)
    for what, array in (("p", p_), ("w", w_)):
        if array.shape != (n,):
            raise LabelMatrixError(
                f"{who}.fit: {what} has shape {array.shape}, expected ({n},): one value per pair."
            )
    if not (np.isfinite(w_).all() and (w_ >= 0).all()):
        raise LabelMatrixError(f"{who}.fit: w holds negative or non-finite values. Weights are 0 or more.")
    if not (w_ > 0).any():
        raise DataError(
            f"{who}.fit: none of {n} pairs has a weight above 0. "
            "Give gold, or labeling functions that vote on more pairs."
        )
    # p of a row that does not count may be anything, NaN included.
    p_ = np.where(w_ > 0, p_, 0.5)
    if not ((p_ >= 0) & (p_ <= 1)).all():
        raise LabelMatrixError(f"{who}.fit: p holds values outside [0, 1] or NaN. Pass P(B beats A).")
    return p_, w_
