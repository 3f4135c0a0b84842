"""Which calibrator: the one with the lowest cross-validated NLL, or a simpler one that is as good."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from weaklabel._validation import check_gold, check_least
from weaklabel.calibration.base import Calibrator, check_logit
from weaklabel.errors import ConfigError, LabelMatrixError
from weaklabel.groups import folds_by_prompt
from weaklabel.logistic import nll_of_logit
from weaklabel.metrics.rows import group_numbers, standard_error
from weaklabel.types import FloatArray

_DRAWS: Final = 5  # of folds; consecutive seeds share none
# Standard errors by which a curve has to beat a simpler one. With one, curves were taken by luck: on MT-Bench at 200 gold
# pairs three times in 25, at a cost of .002 nats on average.
_ERRORS: Final = 2.0


def choose_from(
    candidates: Sequence[Calibrator],
    logit: FloatArray,
    y: FloatArray,
    groups: ArrayLike | None,
    n_folds: int,
    seed: int,
) -> tuple[int, dict[str, float]]:
    """Index of the chosen candidate, and each one's cross-validated NLL. `y` holds no NaN."""
    codes = group_numbers(groups, len(y))
    n_prompts = int(codes.max()) + 1 if len(codes) else 0
    if n_prompts < 2:
        return 0, {}
    draws = [folds_by_prompt(codes, min(n_folds, n_prompts), seed * _DRAWS + k) for k in range(_DRAWS)]
    losses = [
        np.mean([_held_out_losses(candidate, logit, y, codes, folds) for folds in draws], axis=0)
        for candidate in candidates
    ]
    scores = [float(loss.mean()) for loss in losses]
    best = int(np.argmin(scores))
    for index, loss in enumerate(losses):
        if scores[index] - scores[best] <= _ERRORS * standard_error(loss - losses[best], codes):
            return index, {c.name: score for c, score in zip(candidates, scores, strict=True)}
    raise AssertionError("the best candidate is no worse than itself")


def gold_rows(
    logit: ArrayLike, y: ArrayLike, groups: ArrayLike | None
) -> tuple[FloatArray, FloatArray, FloatArray | None]:
    """The rows with gold."""
    z = check_logit(logit)
    truth = check_gold(y, len(z))
    known = ~np.isnan(truth)
    if groups is not None and np.shape(groups) != z.shape:
        raise LabelMatrixError(
            f"groups have shape {np.shape(groups)}, expected {z.shape}: one prompt number per pair."
        )
    return z[known], truth[known], None if groups is None else np.asarray(groups)[known]


def check_candidates(candidates: Sequence[str], n_folds: int) -> None:
    if not candidates:
        raise ConfigError("candidates is empty. Name at least one calibrator, the simplest first.")
    check_least("n_folds", n_folds, 2)


def _held_out_losses(
    candidate: Calibrator,
    logit: FloatArray,
    y: FloatArray,
    codes: NDArray[np.intp],
    folds: NDArray[np.int64],
) -> FloatArray:
    """`(n,)` NLL per pair, each under a fit on the other folds."""
    losses = np.empty(len(y))
    for fold in range(int(folds.max()) + 1):
        held = folds == fold
        z = type(candidate)().fit(logit[~held], y[~held], codes[~held]).transform(logit[held])
        losses[held] = nll_of_logit(z, y[held])
    return losses
