"""Readings: what a response scorer's evidence about pairs is worth on one response.

A label model sees of a pair the scorer's *effect*, a saturating function of the difference of two scores. A reward
scores responses alone, so it needs a function g of one score with

    g(score of b) - g(score of a)  near  effect(pair)

g is piecewise linear between quantiles of the scores, flat outside them, with one more value for a score that is NaN.
It is the least-squares fit over all pairs, with or without gold: effects need none. Two penalties hold
it: one on the steps from knot to knot, so that a knot few pairs know of follows its neighbours, and a tiny one on the
values, for only their differences are seen.

Source: regression on piecewise-linear functions with a penalty on differences, Eilers & Marx (1996), "P-splines",
with degree 1 and differences of order 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from weaklabel.types import FloatArray

_QUANTILES = 17
_STEPS = 1e-3
_VALUES = 1e-9


@dataclass(frozen=True)
class Curve:
    """A function of one score.

    Attributes:
        knots: `(k,)` float64, rising; empty for a scorer that never told two responses apart.
        values: `(k,)` float64, at the knots; linear between them, flat outside.
        missing: the value for a score that is NaN.

    >>> Curve(np.array([0.0, 2.0]), np.array([1.0, 5.0]), -1.0).at(np.array([-3.0, 0.5, 9.0, np.nan])).tolist()
    [1.0, 2.0, 5.0, -1.0]
    """

    knots: FloatArray
    values: FloatArray
    missing: float

    def at(self, scores: FloatArray) -> FloatArray:
        """`(n,)` float64. Each depends on its own score alone, to the bit."""
        if not len(self.knots):
            return np.full(len(scores), self.missing)
        left, share = _places(self.knots, scores)
        low, high = self.values[left], self.values[np.minimum(left + 1, len(self.knots) - 1)]
        return np.where(np.isnan(scores), self.missing, low * (1.0 - share) + high * share)


def knots_of(a: FloatArray, b: FloatArray) -> FloatArray:
    """`(k,)` float64, rising: the distinct among 17 quantiles of both sides' scores, of pairs whose scores differ.

    >>> knots_of(np.array([0.0, 1.0, 5.0]), np.array([1.0, 0.0, 5.0])).tolist()
    [0.0, 1.0]
    """
    told = np.isfinite(a) & np.isfinite(b) & (a != b)
    seen = np.concatenate([a[told], b[told]])
    if not len(seen):
        return np.empty(0)
    # Scores that occur: a mean of two large ones may not be a number.
    return np.unique(np.quantile(seen, np.linspace(0.0, 1.0, _QUANTILES), method="inverted_cdf"))


def fit_curves(a: FloatArray, b: FloatArray, effects: Mapping[str, FloatArray]) -> dict[str, Curve]:
    """The curves of one scorer, one per shape of its effects.

    Args:
        a, b: `(n,)` float64 scores of the two responses of every pair, NaN where there is none.
        effects: shape -> `(n,)` float64 effects of the pairs, positive for b.

    >>> a, b = np.array([0.0, 1.0, 0.0]), np.array([1.0, 0.0, 0.0])
    >>> curve = fit_curves(a, b, {"votes": np.array([1.0, -1.0, 0.0])})["votes"]
    >>> float((curve.at(np.array([1.0])) - curve.at(np.array([0.0])))[0].round(2))
    1.0
    """
    knots, n = knots_of(a, b), len(a)
    k = len(knots)
    if not k:
        return {shape: Curve(knots, np.empty(0), 0.0) for shape in effects}
    X = _basis(knots, b) - _basis(knots, a)  # (n, k + 1), the last column for NaN
    steps = np.diff(np.eye(k, k + 1), axis=0)
    gram = X.T @ X + n * (_STEPS * steps.T @ steps + _VALUES * np.eye(k + 1))
    wanted = X.T @ np.column_stack(list(effects.values()))
    found = np.linalg.solve(gram, wanted)
    return {
        shape: Curve(knots, values[:k], float(values[k]))
        for shape, values in zip(effects, found.T, strict=True)
    }


def mixed(curves: Mapping[str, Curve], weights: Mapping[str, float]) -> Curve:
    """The sum of curves over the same knots, each times its weight."""
    some = next(iter(curves.values()))
    values = sum(
        (weights[shape] * curve.values for shape, curve in curves.items()), np.zeros(len(some.knots))
    )
    return Curve(some.knots, values, float(sum(weights[s] * curve.missing for s, curve in curves.items())))


def _places(knots: FloatArray, scores: FloatArray) -> tuple[NDArray[np.intp], FloatArray]:
    """Of every score the knot to its left and how far it is to the next, in [0, 1]; of NaN whatever."""
    known = np.clip(np.where(np.isnan(scores), knots[0], scores), knots[0], knots[-1])
    left = np.maximum(np.searchsorted(knots, known, side="right") - 1, 0)
    right = np.minimum(left + 1, len(knots) - 1)
    # Halved, for a difference of large numbers is beyond any.
    width = knots[right] / 2 - knots[left] / 2
    share = (known / 2 - knots[left] / 2) / np.where(width > 0, width, 1.0)
    return left, np.where(width > 0, share, 0.0)


def _basis(knots: FloatArray, scores: FloatArray) -> FloatArray:
    """`(n, k + 1)`: the weights of the knots' values in `Curve.at`, then that of the value for NaN."""
    n, k = len(scores), len(knots)
    left, share = _places(knots, scores)
    rows, known = np.arange(n), ~np.isnan(scores)
    basis = np.zeros((n, k + 1))
    np.add.at(basis, (rows, left), (1.0 - share) * known)
    np.add.at(basis, (rows, np.minimum(left + 1, k - 1)), share * known)
    basis[:, k] = ~known
    return basis
