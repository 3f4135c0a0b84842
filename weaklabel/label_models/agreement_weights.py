"""Weights of labeling functions from how they move together, without any gold.

Sources: Fisher (1936) for the linear rule. That independent sources agree only through the truth, so that second
moments give their accuracies away: Parisi et al. (2014), PNAS 111(4); with abstains and for labeling functions,
Ratner et al. (2019), AAAI (MeTaL), and Fu et al. (2020), ICML (triplets). We depart from them in fitting the
moments by medians, which a few dependent sources do not move, and in reading the rest as dependence.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from weaklabel.types import FloatArray

# The belief about an LF of which nothing is known: right six times in ten.
_PRIOR_ACCURACY: Final = 0.6
# Agreement beyond what this accuracy explains is read as dependence: LFs that share a bias (length, mostly)
# agree with each other more than with people, and without gold nothing else can tell.
_MAX_ACCURACY: Final = 0.85
# Added to each LF's own variance, as a share of it: near-copies then divide one weight instead of cancelling.
_RIDGE: Final = 0.05
# The prior belief about an LF's accuracy weighs as much as this many other LFs.
_PRIOR_LFS: Final = 2.0
_LEAST_START: Final = 0.02  # a mean of 0 could never leave it
_LARGEST_GAP: Final = (
    0.1  # of an agreement, where two fits are compared: above chance for some hundred rows, below an echo
)
_SPARSE: Final = 0.05  # the share of effects that speak below which products are made of those alone


def agreement_weights(effects: FloatArray, declared: Sequence[Sequence[int]] = ()) -> FloatArray:
    """Weights without gold, `(n_lfs,)` float64 >= 0: Fisher's rule with the class means that agreement tells.

    Args:
        effects: `(n, n_lfs)` float64 in [-1, 1].
        declared: groups of columns known to depend on one another. Their agreement says nothing of the truth,
            and all that is left of it is dependence, sampling error or not.

    Solves `min_w w' R w / 2 - mu' w` over `w >= 0`, where `R` is the covariance within a class: the second
    moments less `mu mu'`, the part that comes from the truth itself. What is left off the diagonal beyond its
    sampling error is dependence. A negative rest is read as zero: two LFs that disagree more often than chance
    are not for that reason precise. The logit is `2 w'e`: one LF alone gets the log-odds of its accuracy.
    """
    from scipy.optimize import nnls

    n, m = effects.shape
    size = np.abs(effects).mean(axis=0) if n else np.zeros(m)
    speaking = np.flatnonzero(size > 0)
    weights = np.zeros(m)
    if not len(speaking):
        return weights
    C, squares = _second_moments(effects[:, speaking])
    together = _declared_pairs(declared, m)[np.ix_(speaking, speaking)]
    mu = np.minimum(class_means(C, size[speaking], ~together), (2 * _MAX_ACCURACY - 1) * size[speaking])
    own = np.diag(C) - mu**2
    noise = np.where(together, 0.0, 2.0 * np.sqrt(squares / n))
    R = np.maximum(C - np.outer(mu, mu) - noise, 0.0)
    np.fill_diagonal(R, own * (1 + _RIDGE))
    # Clipping can cost positive definiteness: a floor under the spectrum gives it back.
    values, vectors = np.linalg.eigh(R)
    root = vectors * np.sqrt(np.maximum(values, _RIDGE * own.mean()))
    w, _ = nnls(root.T, np.linalg.solve(root, mu))
    weights[speaking] = 2 * w
    return weights


def _second_moments(E: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Means over rows of the products of two effects, and of the products of their squares, `(m, m)` each."""
    if np.count_nonzero(E) < _SPARSE * E.size:  # a crowd, of whom few speak on each pair
        import scipy.sparse as sp

        S = sp.csr_array(E)
        return (S.T @ S).toarray() / len(E), ((S**2).T @ S**2).toarray() / len(E)
    return E.T @ E / len(E), (E**2).T @ E**2 / len(E)


def _declared_pairs(declared: Sequence[Sequence[int]], m: int) -> NDArray[np.bool_]:
    together = np.zeros((m, m), dtype=np.bool_)
    for group in declared:
        together[np.ix_(list(group), list(group))] = True
    return together


def class_means(C: FloatArray, size: FloatArray, usable: NDArray[np.bool_] | None = None) -> FloatArray:
    """Mean effects where B is better, `(n_lfs,)` float64, from second moments alone.

    Independent LFs have `C_ij = mu_i mu_j` off the diagonal. We minimise `sum_ij |C_ij - mu_i mu_j|`, one
    coordinate at a time: `mu_i` is the median of `C_ij / mu_j` weighted by `mu_j`. The median, because
    dependence touches few pairs of LFs but by a lot: five copies among twenty do not move it (least squares
    would follow them). The prior belief enters as so many further LFs. Held between the sizes that accuracies
    of .5 and .95 would give.

    Args:
        C: `(m, m)` float64 second moments of the effects.
        size: `(m,)` float64 mean absolute effects, all positive.
        usable: `(m, m)` bool, pairs of LFs that may be taken for independent; None for all.
    """
    prior = (2 * _PRIOR_ACCURACY - 1) * size
    others = ~np.eye(len(prior), dtype=np.bool_)
    if usable is not None:
        others &= usable
    # Medians one at a time can get stuck: the first to be moved takes the agreement of all the others upon itself. So
    # they start three times, from the belief, from what the typical two LFs have in common, and from least squares,
    # and the best fit counts.
    seen = (C / np.outer(size, size))[others]
    typical = float(np.sqrt(np.clip(np.median(seen), _LEAST_START**2, 0.81))) if seen.size else 0.0
    squares = prior.copy()
    for _ in range(100):
        filled = np.where(others, C, np.outer(squares, squares))
        squares = np.clip(filled @ squares / max(float(squares @ squares), 1e-12), 0.0, 0.9 * size)
    found = [_by_medians(start, C, size, prior, others) for start in (prior, typical * size, squares)]

    def misfit(mu: FloatArray) -> float:
        # No gap counts for more than this: else a few echoes, which agree far beyond any accuracy, would choose.
        gaps = np.minimum(np.abs(C - np.outer(mu, mu)), _LARGEST_GAP * np.outer(size, size))[others]
        return float(gaps.sum() / 2 + _PRIOR_LFS * prior.mean() * np.abs(mu - prior).sum())

    return min(found, key=misfit)


def _by_medians(
    start: FloatArray, C: FloatArray, size: FloatArray, prior: FloatArray, others: NDArray[np.bool_]
) -> FloatArray:
    mu = start.copy()
    for _ in range(50):
        before = mu.copy()
        for i in range(len(mu)):
            j = others[i]
            ratios = np.append(C[i, j] / np.maximum(mu[j], 1e-12), prior[i])
            weights = np.append(mu[j], _PRIOR_LFS * prior.mean())
            mu[i] = np.clip(weighted_median(ratios, weights), 0.0, 0.9 * size[i])
        if np.abs(mu - before).max() < 1e-9:
            break
    return mu


def weighted_median(values: FloatArray, weights: FloatArray) -> float:
    """The lowest of `values` `(n,)` at which half of the `weights` `(n,)` >= 0 is reached."""
    order = values.argsort(kind="stable")
    total = weights[order].cumsum()
    return float(values[order[total.searchsorted(total[-1] / 2)]])
