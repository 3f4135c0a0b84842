"""`train_reward`: from labels, or from gold alone, to a reward model."""

from __future__ import annotations

from typing import Any

import numpy as np

from weaklabel.errors import ConfigError, DataError
from weaklabel.export.selection import require_calibrated
from weaklabel.reward.base import RewardModel
from weaklabel.reward.registry import get_reward_model
from weaklabel.types import FloatArray, Labels, Pairs, fold


def train_reward(
    labels: Labels | Pairs,
    model: str | RewardModel = "linear",
    *,
    gold: Pairs | None = None,
    allow_uncalibrated: bool = False,
    **settings: Any,
) -> RewardModel:
    """A reward model fitted to every labelled pair outside the locked test prompts.

    Pairs with dev gold learn from it (p = 0, 1 or .5; w = 1); all others from the labels' `p` and `w`. Dev gold
    also calibrates the scale of the scores, out of fold.

    Args:
        labels: from `Labeler.label`; or `Pairs`, to learn from their gold alone.
        model: a name in `REWARD_MODELS`, or a model that is not fitted yet.
        gold: pairs whose gold counts instead of that of the labelled pairs, joined by id; its test prompts are
            left out of training as well.
        allow_uncalibrated: learn from probabilities that were never fitted to gold.
        **settings: of the model, when it is given by name.

    Raises:
        NotCalibratedError: uncalibrated labels without `allow_uncalibrated`.
        UnknownNameError: no reward model of that name. ConfigError: a setting that it does not have.
        DataError: nothing to learn from.
    """
    if isinstance(labels, Labels):
        require_calibrated(labels, allow_uncalibrated, "train_reward")
    if settings and not isinstance(model, str):
        raise ConfigError(
            f"train_reward: {', '.join(settings)} came with a model that has its settings already. "
            "Name the model, or set them where it is made."
        )
    fresh = get_reward_model(model, **settings) if isinstance(model, str) else model
    pairs, p, w, y = training_targets(labels, gold)
    return fresh.fit(pairs, p, w, gold=y)


def training_targets(
    labels: Labels | Pairs, gold: Pairs | None = None
) -> tuple[Pairs, FloatArray, FloatArray, FloatArray]:
    """What a reward model learns from: pairs outside test, and per pair `p`, `w`, and dev gold (NaN unknown).

    Raises:
        DataError: when no pair is left, or `gold` shares no id with the pairs.
    """
    pairs = labels.pairs if isinstance(labels, Labels) else labels
    y = _dev_gold(pairs) if gold is None else _joined_gold(pairs, gold)
    known = ~np.isnan(y)
    p, w = np.where(known, y, 0.5), known.astype(np.float64)
    if isinstance(labels, Labels):
        p, w = np.where(known, y, labels.p), np.where(known, 1.0, labels.w)
    rows = np.flatnonzero(_outside_test(pairs, gold) & (w > 0))
    if not len(rows):
        raise DataError(
            f"train_reward: nothing to learn from in {len(pairs)} pairs. Outside the locked test prompts "
            "none has gold or a label with a vote behind it."
        )
    return pairs.take(rows), p[rows], w[rows], y[rows]


def _dev_gold(pairs: Pairs) -> FloatArray:
    return np.where(pairs.parts == "dev", pairs.y, np.nan)


def _joined_gold(pairs: Pairs, gold: Pairs) -> FloatArray:
    dev = dict(zip(gold.ids, _dev_gold(gold).tolist(), strict=True))
    ids = pairs.ids
    if dev.keys().isdisjoint(ids):
        raise DataError(
            f"train_reward: gold has {len(gold)} pairs, but none with the id of a labelled one "
            f"(such as {ids[0]!r}). Read both from the same files."
            if ids
            else "train_reward: there are no labelled pairs. Label some first."
        )
    return np.array([dev.get(pair_id, np.nan) for pair_id in ids], dtype=np.float64)


def _outside_test(pairs: Pairs, gold: Pairs | None) -> np.ndarray[Any, np.dtype[np.bool_]]:
    outside = np.asarray(pairs.parts != "test", dtype=np.bool_)
    if gold is not None:
        locked_rows = gold.take(gold.parts == "test")
        locked = {fold(prompt) for prompt in locked_rows.table["prompt"].to_pylist()}
        outside &= np.array([fold(prompt) not in locked for prompt in pairs.table["prompt"].to_pylist()])
    return outside
