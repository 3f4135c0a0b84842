"""`Parts`: what scores and texts are worth to a fitted `FunctionsReward`, and how it is saved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Self

import numpy as np

from weaklabel._validation import number_within, numbers_within
from weaklabel.label_models.base import LARGEST
from weaklabel.label_models.pair.mixture import Weights
from weaklabel.reward.functions.curves import Curve, mixed
from weaklabel.reward.functions.learning import Readings
from weaklabel.text.ngrams import CONTEXT_COLUMNS, VIEW_COLUMNS
from weaklabel.text.pieces import KINDS
from weaklabel.types import FloatArray
from weaklabel.types.features import Sparse

_LARGEST_SCORE: Final = float(np.finfo(np.float64).max)


@dataclass(frozen=True)
class Parts:
    """Log-odds, before the factor.

    Attributes:
        curves: per scorer, of its directed score.
        gated: per scorer, the curve whose weight depends on the prompt; over the same knots.
        gate: `(CONTEXT_COLUMNS, n_scorers)` float64, what each word of the prompt adds to that weight.
        views: `(len(KINDS), VIEW_COLUMNS)` float64, weights of the views' columns.
        start: `(2 * n_features,)` float64, weights of the start's columns.
    """

    curves: Sequence[Curve]
    gated: Sequence[Curve]
    gate: FloatArray
    views: FloatArray
    start: FloatArray

    @classmethod
    def of_start(cls, start: FloatArray) -> Self:
        """The parts of a model of n-grams alone."""
        return cls((), (), np.zeros((CONTEXT_COLUMNS, 0)), np.zeros((len(KINDS), VIEW_COLUMNS)), start)

    @classmethod
    def of(
        cls,
        readings: Readings,
        weights: Weights,
        begun: Mapping[str, FloatArray],
        start: FloatArray,
        scores: FloatArray,
    ) -> Self:
        """The parts that these weights make of the readings.

        Args:
            readings: of all pairs.
            weights: of the readings by shape, of the views and of the gate.
            begun: shape -> `(n_scorers,)` what the start adds to the weights of the readings.
            start: `(2 * n_features,)` what it adds to n-grams.
            scores: `(n, n_scorers)` directed scores, of which each curve shall have mean 0: only differences of
                curves are learned, and so an average response is what a share is told against.
        """
        effects = {shape: w + begun.get(shape, 0.0) for shape, w in weights.effects.items()}
        summed = (
            mixed(curves, {shape: float(effects[shape][j]) for shape in curves})
            for j, curves in enumerate(readings.curves)
        )
        sharp = (curves["sharp"] for curves in readings.curves)
        columns = list(scores.T)
        gate = np.zeros((CONTEXT_COLUMNS, len(columns))) if weights.gate is None else weights.gate
        views = [weights.views.get(kind, np.zeros(VIEW_COLUMNS)) for kind in KINDS]
        return cls(
            tuple(_centred(curve, s) for curve, s in zip(summed, columns, strict=True)),
            tuple(_centred(curve, s) for curve, s in zip(sharp, columns, strict=True)),
            gate,
            np.array(views),
            start,
        )

    def of_scores(self, scores: FloatArray, context: Sparse) -> Iterator[FloatArray]:
        """Per scorer what it adds, `(n,)`, from its scores `(n, n_scorers)` and the prompts' words."""
        gates = np.asarray(context @ self.gate)
        for j, (curve, gated) in enumerate(zip(self.curves, self.gated, strict=True)):
            yield curve.at(scores[:, j]) + gates[:, j] * gated.at(scores[:, j])

    def of_views(self, views: Sparse) -> FloatArray:
        """`(n, len(KINDS))`: what each view adds, from the rows of `response_features`."""
        return np.asarray(views @ self._spread)

    @cached_property
    def _spread(self) -> FloatArray:
        """`(len(KINDS) * VIEW_COLUMNS, len(KINDS))`: each view's weights in a column of its own."""
        n = len(KINDS)
        spread = np.zeros((n, VIEW_COLUMNS, n))
        spread[np.arange(n), :, np.arange(n)] = self.views
        return spread.reshape(n * VIEW_COLUMNS, n)

    def curves_to_state(self) -> list[dict[str, Any]]:
        """The curves as JSON values."""
        return [
            {
                "knots": curve.knots.tolist(),
                "values": curve.values.tolist(),
                "missing": curve.missing,
                "gated": gated.values.tolist(),
                "gated_missing": gated.missing,
            }
            for curve, gated in zip(self.curves, self.gated, strict=True)
        ]

    @classmethod
    def from_state(cls, curves: Any, gate: FloatArray, views: FloatArray, start: FloatArray) -> Self:
        """The parts whose curves `curves_to_state` gave.

        Raises:
            KeyError, TypeError, ValueError: curves that no fit gives.
        """
        found = []
        for state in curves:
            knots = numbers_within(state["knots"], (None,), -_LARGEST_SCORE, _LARGEST_SCORE)
            if not (np.diff(knots) > 0).all():
                raise ValueError("the knots of a curve do not rise")
            found.append(
                [
                    Curve(
                        knots,
                        numbers_within(state[name], (len(knots),), -LARGEST, LARGEST),
                        number_within(state[missing], -LARGEST, LARGEST),
                    )
                    for name, missing in (("values", "missing"), ("gated", "gated_missing"))
                ]
            )
        return cls(tuple(c for c, _ in found), tuple(g for _, g in found), gate, views, start)


def _centred(curve: Curve, scores: FloatArray) -> Curve:
    mean = float(curve.at(scores).mean())
    return Curve(curve.knots, curve.values - mean, curve.missing - mean)
