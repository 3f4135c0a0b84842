"""Correlations between functions: of their errors given the truth, with prompts as the units, and of their margins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from weaklabel.label_models.agreement_weights import class_means
from weaklabel.types import ABSTAIN, Float32Array, FloatArray, Votes
from weaklabel.workbench.analysis import pairwise_agreement

ENOUGH: Final = 20
"""Pairs, and prompts, on which two functions must both vote before anything is said of them."""


@dataclass(frozen=True, slots=True)
class ErrorCorrelations:
    """`(m, m)` each: the correlation, its 95% interval, its two-sided p-value (NaN where not known), and the rows."""

    correlation: FloatArray
    low: FloatArray
    high: FloatArray
    p: FloatArray
    both: NDArray[np.int64]


def error_correlations(
    signs: FloatArray, groups: NDArray[np.intp], centre: FloatArray | None
) -> ErrorCorrelations:
    """Correlation of signs (-1, 0 for abstain, +1) where both are given, column by column to spare memory.

    With gold the signs are errors and are centred on the means of the shared rows. Without, `centre` `(m,)` holds
    the mean signs given the truth, and the product of two is what independence would give.
    """
    n, m = signs.shape
    order = np.argsort(groups, kind="stable")
    signs, groups = signs[order], groups[order]
    starts = np.flatnonzero(np.diff(groups, prepend=-1)) if n else np.empty(0, np.intp)
    out = [np.full((m, m), np.nan) for _ in range(4)]
    both = np.zeros((m, m), dtype=np.int64)
    spoke = (signs != 0).astype(np.float64)
    for j in range(m):
        shared = spoke * spoke[:, [j]]
        count = shared.sum(axis=0)
        both[:, j] = count
        if not n:
            continue
        prompts = (np.add.reduceat(shared, starts, axis=0) > 0).sum(axis=0)
        if centre is None:
            mean_i = (signs * shared).sum(axis=0) / np.maximum(count, 1)
            mean_j = (signs[:, [j]] * shared).sum(axis=0) / np.maximum(count, 1)
            product = (signs - mean_i) * (signs[:, [j]] - mean_j) * shared
            spread = np.sqrt((1 - mean_i**2) * (1 - mean_j**2))
        else:
            product = (signs * signs[:, [j]] - centre * centre[j]) * shared
            spread = np.sqrt((1 - centre**2) * (1 - centre[j] ** 2))
        usable = (count >= ENOUGH) & (prompts >= ENOUGH) & (spread > 1e-9)
        excess = product.sum(axis=0) / np.maximum(count, 1)
        rest = product - excess * shared
        error = np.sqrt((np.add.reduceat(rest, starts, axis=0) ** 2).sum(axis=0)) / np.maximum(count, 1)
        error *= np.sqrt(prompts / np.maximum(prompts - 1, 1))
        for k, values in enumerate(_scaled(excess, error, spread, prompts)):
            out[k][usable, j] = values[usable]
    correlation, low, high, p = out
    np.fill_diagonal(correlation, 1.0)
    return ErrorCorrelations(correlation, low, high, p, both)


def _scaled(
    excess: FloatArray, error: FloatArray, spread: FloatArray, prompts: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Correlation, its bounds, and the two-sided p-value of Student's t over prompts."""
    from scipy.stats import t as student

    spread = np.maximum(spread, 1e-9)
    value, width = excess / spread, error / spread
    freedom = np.maximum(prompts - 1, 1)
    # Copies leave no rest: an error of 0 would be certainty, so it is at least what one other pair would leave.
    width = np.maximum(width, 1.0 / np.maximum(prompts, 1))
    reach = student.ppf(0.975, freedom) * width
    bounded = np.clip(value, -1, 1)
    low, high = (np.clip(value + side * reach, -1, 1) for side in (-1, 1))
    return bounded, low, high, 2 * student.sf(np.abs(value) / width, freedom)


def signs_given_truth(votes: Votes) -> FloatArray:
    """2 accuracy - 1 of each function, `(m,)` float64 in [0, .9], from agreement alone."""
    agreement, both = pairwise_agreement(votes.L)
    moments = 2 * agreement - 1
    # Couples that never meet tell nothing; what two functions of unknown accuracy would show stands in.
    moments[both < ENOUGH] = 0.04
    np.fill_diagonal(moments, 1.0)
    speaking = np.flatnonzero((votes.L != ABSTAIN).any(axis=0)) if len(votes) else np.empty(0, np.intp)
    means = np.zeros(votes.n_lfs)
    if speaking.size:
        means[speaking] = class_means(moments[np.ix_(speaking, speaking)], np.ones(len(speaking)))
    return means


def rank_correlation(margins: Float32Array) -> FloatArray:
    """Spearman's correlation through the origin, `(m, m)` float64: ranks of |margin| with the margin's sign.

    Ranking the directed margins themselves would depend on which response stands first.

    >>> m = np.array([[1, 10], [-2, -30], [3, 900]], np.float32)  # one rises with the other
    >>> float(rank_correlation(m)[0, 1].round(6))
    1.0
    """
    from scipy.stats import rankdata

    known = ~np.isnan(margins)
    ranks = np.zeros(margins.shape)
    for j in range(margins.shape[1]):
        size = np.abs(margins[known[:, j], j])
        # Zeros have no sign; ranks start behind them, at half their number, as ties do.
        ranks[known[:, j], j] = rankdata(size) * np.sign(margins[known[:, j], j])
    shared = known.astype(np.float64)
    product, squares = ranks.T @ ranks, (ranks**2).T @ shared
    size = np.sqrt(squares * squares.T)
    found: FloatArray = np.divide(product, size, out=np.full(size.shape, np.nan), where=size > 0)
    return found
