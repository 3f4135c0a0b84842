"""`train_reward`: from labels, or from gold alone, to a reward model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from weaklabel._arguments import checked
from weaklabel.errors import ConfigError, DataError
from weaklabel.export.selection import require_calibrated
from weaklabel.lf.core import LabelingFunction
from weaklabel.reward.base import RewardModel
from weaklabel.reward.judges import Held, Judges
from weaklabel.reward.registry import PLAIN, get_reward_model, reward_model_class
from weaklabel.types import CANONICAL, FloatArray, Labels, Pairs, sigmoid


@checked
def train_reward(
    labels: Labels | Pairs,
    model: str | RewardModel | None = None,
    *,
    gold: Pairs | None = None,
    beliefs: tuple[FloatArray, FloatArray] | None = None,
    lfs: Sequence[LabelingFunction] = (),
    allow_uncalibrated: bool = False,
    **settings: Any,
) -> RewardModel:
    """A reward model fitted to every labelled pair outside the locked test prompts.

    Pairs with dev gold learn from it (p = 0, 1 or .5; w = 1); all others from the labels' `p` and `w`. Dev gold
    also calibrates the scale of the scores, out of fold: a gold pair is judged by a model that saw no pair of its
    prompt, taught by labels that were made without that prompt's gold (`Labels.logit_without`). Labels that cannot be
    made so, such as those of a file or of a labeler that was loaded, leave the gold that they saw no say in the scale.
    `functions` takes the labels' functions and votes in place of their `p`, and judges gold by what never heard of it.

    Args:
        labels: from `Labeler.label`; or `Pairs`, to learn from their gold alone.
        model: a name in `REWARD_MODELS`, or a model that is not fitted yet. Default: `functions`, or `linear` where no
            labeling functions are known, as for `Pairs` and labels from a file.
        gold: pairs whose gold counts instead of that of the labelled pairs, joined by id (a pair that stands there
            in the other order has its gold turned); its test prompts are left out of training as well.
        beliefs: `p` and `w` of each of `Pairs`, as `read_taught` finds them in a file; without, gold alone teaches.
        lfs: the labeling functions, for a model that reads them; by default those that the labels came from.
        allow_uncalibrated: learn from probabilities that were never fitted to gold.
        **settings: of the model, when it is given by name.

    Raises:
        NotCalibratedError: uncalibrated labels without `allow_uncalibrated`.
        UnknownNameError: no reward model of that name. ConfigError: a setting that it does not have.
        DataError: nothing to learn from, or gold of an id with other responses.
    """
    if isinstance(labels, Labels):
        require_calibrated(labels, allow_uncalibrated, "train_reward")
    if model is None:
        model = "functions" if lfs or (isinstance(labels, Labels) and labels.lfs) else PLAIN
    if settings and not isinstance(model, str):
        raise ConfigError(
            f"train_reward: {', '.join(settings)} came with a model that has its settings already. "
            "Name the model, or set them where it is made."
        )
    if isinstance(model, str) and reward_model_class(model).takes_functions:
        settings = _functions(labels, lfs) | settings
    fresh = get_reward_model(model, **settings) if isinstance(model, str) else model
    taught = _taught(labels, gold, beliefs, "train_reward")
    return fresh.fit(taught.pairs, taught.p, taught.w, gold=taught.y, judges=_judges(labels, taught, beliefs))


def _functions(labels: Labels | Pairs, lfs: Sequence[LabelingFunction]) -> dict[str, Any]:
    """The functions, with their votes where the labels have them all."""
    if not isinstance(labels, Labels):
        return {"lfs": tuple(lfs)}
    lfs = tuple(lfs) or labels.lfs
    # A function of the same name may be another one by now.
    at_hand = all(lf in labels.lfs for lf in lfs)
    return {"lfs": lfs, "votes": labels.votes if at_hand else None}


def training_targets(
    labels: Labels | Pairs,
    gold: Pairs | None = None,
    beliefs: tuple[FloatArray, FloatArray] | None = None,
    *,
    who: str = "train_reward",
) -> tuple[Pairs, FloatArray, FloatArray, FloatArray]:
    """What a comparer learns from: pairs outside test, and per pair `p`, `w`, and dev gold (NaN unknown).

    Args:
        labels, gold, beliefs: as for `train_reward`.
        who: asks, for messages.

    Raises:
        DataError: when no pair is left, or `gold` shares no id with the pairs or gives one other responses.
    """
    found = _taught(labels, gold, beliefs, who)
    return found.pairs, found.p, found.w, found.y


class _Taught(NamedTuple):
    """`training_targets`, and which of the rows given they are."""

    pairs: Pairs
    p: FloatArray
    w: FloatArray
    y: FloatArray
    rows: NDArray[np.intp]


def _taught(
    labels: Labels | Pairs, gold: Pairs | None, beliefs: tuple[FloatArray, FloatArray] | None, who: str
) -> _Taught:
    pairs = labels.pairs if isinstance(labels, Labels) else labels
    y = _dev_gold(pairs) if gold is None else _joined_gold(pairs, gold, who)
    known = ~np.isnan(y)
    if isinstance(labels, Labels):
        beliefs = labels.p, labels.w
    p, w = beliefs or (np.full(len(pairs), 0.5), np.zeros(len(pairs)))
    p, w = np.where(known, y, p), np.where(known, 1.0, w)
    rows = np.flatnonzero(_outside_test(pairs, gold) & (w > 0))
    if not len(rows):
        raise DataError(
            f"{who}: nothing to learn from in {len(pairs)} pairs. Outside the locked test prompts "
            "none has gold or a label with a vote behind it."
        )
    return _Taught(pairs.take(rows), p[rows], w[rows], y[rows], rows)


def _judges(labels: Labels | Pairs, taught: _Taught, beliefs: tuple[FloatArray, FloatArray] | None) -> Judges:
    """Whose gold may judge: all of it where gold alone teaches, or labels can be made without a part of it; otherwise that
    of prompts whose gold the labels say they never saw."""
    known = ~np.isnan(taught.y)
    if isinstance(labels, Labels) and labels.refit is not None:
        mine = labels.take(taught.rows)

        def without(held: Held) -> FloatArray:
            return np.where(known[:, None], taught.y[:, None], sigmoid(mine.logit_without(held)))

        return Judges(known, without)
    if isinstance(labels, Pairs) and beliefs is None:
        return Judges(known)
    pairs, seen = (
        (labels.pairs, labels.in_sample) if isinstance(labels, Labels) else (labels, _fitted_to(labels))
    )
    if seen is None:
        return Judges(np.zeros_like(known), why_not=_UNSAID if known.any() else "")
    groups = pairs.prompt_groups
    rows = known & ~np.isin(groups, groups[seen])[taught.rows]
    lost = int(known.sum() - rows.sum())
    return Judges(rows, why_not=_SEEN.format(lost, int(known.sum())) if lost else "")


_UNSAID: Final = "gold has no say in the factor: the labels do not say whose gold they saw (column in_sample)"
_SEEN: Final = (
    "{} of {} gold pairs have no say in the factor: the labels saw gold of their prompts. Train in the run, or on labels "
    "of the labeler that fit returned"
)


def _fitted_to(pairs: Pairs) -> NDArray[np.bool_] | None:
    """`(n_pairs,)`: whether a file's own beliefs were made with the pair's gold; None where it does not say of every pair."""
    said = pairs.table["in_sample"].to_pylist() if "in_sample" in pairs.table.column_names else [None]
    return np.array(said) if all(isinstance(value, bool) for value in said) else None


def _dev_gold(pairs: Pairs) -> FloatArray:
    return np.where(pairs.parts == "dev", pairs.y, np.nan)


def _joined_gold(pairs: Pairs, gold: Pairs, who: str) -> FloatArray:
    theirs = {i: (y, texts) for i, y, texts in zip(gold.ids, _dev_gold(gold), _responses(gold), strict=True)}
    ids = pairs.ids
    if theirs.keys().isdisjoint(ids):
        raise DataError(
            f"{who}: gold has {len(gold)} pairs, but none with the id of a labelled one "
            f"(such as {ids[0]!r}). Read both from the same files."
            if ids
            else f"{who}: there are no labelled pairs. Label some first."
        )
    joined = np.full(len(pairs), np.nan)
    for row, (pair_id, ours) in enumerate(zip(ids, _responses(pairs), strict=True)):
        y, texts = theirs.get(pair_id, (np.nan, ours))
        if texts not in (ours, ours[::-1]):
            raise DataError(
                f"{who}: pair {pair_id!r} has other responses in gold than in the labels. "
                "Read both from the same files."
            )
        joined[row] = y if texts == ours else 1 - y
    return joined


def _responses(pairs: Pairs) -> list[tuple[str, str]]:
    a, b = (pairs.table[name].to_pylist() for name in ("response_a", "response_b"))
    return list(zip(a, b, strict=True))


def _outside_test(pairs: Pairs, gold: Pairs | None) -> np.ndarray[Any, np.dtype[np.bool_]]:
    outside = np.asarray(pairs.parts != "test", dtype=np.bool_)
    if gold is not None:
        # Numbered together, so that equal prompts have equal numbers in both.
        tables = [part.table.select(CANONICAL.names).cast(CANONICAL) for part in (pairs, gold)]
        prompts = Pairs(pa.concat_tables(tables)).prompt_groups
        outside &= ~np.isin(prompts[: len(pairs)], prompts[len(pairs) :][gold.parts == "test"])
    return outside
