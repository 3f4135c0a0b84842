"""Fitting from shards: a model that only counts needs the rows once, a shard at a time, and never all at once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from numpy.typing import ArrayLike

from weaklabel.errors import ConfigError, LabelMatrixError
from weaklabel.label_models.base import LabelModel
from weaklabel.label_models.k_class.counting_model import CountingModel, Counts, add_counts

Model = TypeVar("Model", bound=LabelModel)


def fit_on_shards(model: Model, shards: Iterable[tuple[ArrayLike, ArrayLike | None]]) -> Model:
    """`model`, fitted to the rows of all shards: to the bit what `fit` learns from them in one piece.

    However the rows are cut, and in whatever order they come. One shard is held at a time; counts take as much as
    the model's own `counts_`.

    Args:
        model: one that only counts (`model.merges`).
        shards: `(L, margins)` each: votes `(n_shard, n_lfs)`, and margins, which no model that counts looks at.

    Raises:
        ConfigError: a model that needs the rows themselves.
        LabelMatrixError: no shards, votes that are none, or shards of different width.

    >>> import numpy as np
    >>> from weaklabel.label_models.k_class.majority_vote import MajorityVote
    >>> fit_on_shards(MajorityVote(), [(np.array([[1, -1]]), None), (np.array([[0, 0]]), None)]).counts_["cast"].tolist()
    [2, 1]
    """
    if not isinstance(model, CountingModel):
        raise ConfigError(
            f"{model.name} needs the rows themselves, not counts of them, so it cannot be fitted on shards. "
            "Fit it on a sample: every row with gold, and some of the rest."
        )
    total: Counts | None = None
    for number, (L, _) in enumerate(shards):
        counts = model.count(L)
        if total is not None and len(counts["cast"]) != len(total["cast"]):
            raise LabelMatrixError(
                f"shard {number} has {len(counts['cast'])} columns, those before have {len(total['cast'])}. "
                "Apply the same labeling functions in the same order to every shard."
            )
        total = counts if total is None else add_counts(total, counts)
    if total is None:
        raise LabelMatrixError(f"{model.name}: there are no shards to fit on. Pass at least one.")
    model.fit_counts(total)
    return model
