"""From scores, votes and a little gold to the parts of the reward.

Without gold: the curves, one per scorer and shape of its effects, and the weights that agreement gives. With gold: the
recipes of `recipes.py`, every one fitted to all gold, judged on prompts left out, and mixed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from weaklabel.calibration.gentle import gentle_factor
from weaklabel.calibration.shrunk_temperature import SPREAD
from weaklabel.label_models.pair.effects import SHAPES, margin_effects
from weaklabel.label_models.pair.mixture import Gold, Learned, learn
from weaklabel.label_models.pair.model import PairModel
from weaklabel.label_models.pair.odd_blocks import odd_blocks
from weaklabel.reward.functions.curves import Curve, fit_curves
from weaklabel.reward.functions.recipes import menu_of
from weaklabel.types import Float32Array, FloatArray, Int8Array, PairFeatures


@dataclass(frozen=True)
class Readings:
    """What scorers' effects are worth on single responses, found without gold.

    Attributes:
        curves: per scorer, shape -> curve.
        differences: shape -> `(n_pairs, n_scorers)` float64, curve of b less curve of a: the effects as the reward sees
            them.
        agreed: `(n_scorers,)` float64 >= 0, the weights of sharp effects that agreement alone gives.
    """

    curves: Sequence[Mapping[str, Curve]]
    differences: Mapping[str, FloatArray]
    agreed: FloatArray

    @classmethod
    def of(
        cls,
        a: FloatArray,
        b: FloatArray,
        L: Int8Array,
        margins: Float32Array,
        model: PairModel,
        lfs: NDArray[np.intp],
    ) -> Readings:
        """The readings of all pairs.

        Args:
            a, b: `(n_pairs, n_scorers)` float64 directed scores of the responses.
            L, margins: `(n_pairs, n_scorers)` votes and margins of the scorers.
            model: a `PairModel` fitted without gold to all functions.
            lfs: `(n_scorers,)`, which of the model's columns the scorers are.
        """
        scale = model.scale_[lfs]
        effects = {name: margin_effects(L, margins, scale * shape) for name, shape in SHAPES.items()}
        curves = [
            fit_curves(a[:, j], b[:, j], {shape: found[:, j] for shape, found in effects.items()})
            for j in range(a.shape[1])
        ]
        return cls(curves, _differences(curves, a, b), model.prior_[lfs])


def _differences(
    curves: Sequence[Mapping[str, Curve]], a: FloatArray, b: FloatArray
) -> dict[str, FloatArray]:
    found = {shape: np.zeros(a.shape) for shape in SHAPES}
    for j, of_scorer in enumerate(curves):
        for shape, curve in of_scorer.items():
            found[shape][:, j] = curve.at(b[:, j]) - curve.at(a[:, j])
    return found


def learn_from_gold(
    readings: Readings,
    known: NDArray[np.intp],
    y: FloatArray,
    prompts: NDArray[np.int64],
    texts: PairFeatures,
    seed: int,
    start: str = "none",
    started: FloatArray | None = None,
) -> tuple[Learned, float]:
    """The weights of everything that may be in the reward, and the factor that makes it a log-odds.

    Args:
        readings: of all pairs.
        known: `(n_gold,)` rows with gold.
        y: `(n_gold,)` float64 gold, 0, .5 or 1.
        prompts: `(n_gold,)` equal for equal prompts.
        texts: features of the pairs with gold.
        seed: of the folds in which shares of recipes are checked.
        start: which start there is.
        started: `(n_gold,)` float64, its left-out differences.
    """
    sharp = readings.differences["sharp"]
    spread = np.sqrt((sharp**2).mean(axis=0))
    rows = {shape: found[known] for shape, found in readings.differences.items()}
    blocks = odd_blocks(rows, spread, texts)
    if not sharp.any():  # no scorer, or none that ever told two responses apart
        blocks = {name: block for name, block in blocks.items() if name in texts.views}
    with_agreement = {"agreement"} if readings.agreed.any() else set()
    gold = Gold(y, prompts, rows["sharp"] @ readings.agreed, seed, started)
    menu = menu_of({*blocks, *with_agreement}, start=start)
    learned = learn(blocks, gold, readings.agreed, menu=menu)
    assert learned.held_out is not None  # there is gold enough, or nobody would have asked
    return learned, gentle_factor(learned.held_out, y, gold.codes, spread=SPREAD)
