"""Labels without a part of the gold: what a reward model has to be taught by, to be judged on that part.

Gold that a labeler saw is in the labels of pairs without gold too, for they say what gold taught. A reward model
that learned from these labels is thus no stranger to that gold, even where it never saw its prompts, and looks surer of
it than it is of new pairs. So a part of the gold is hidden, the labeler fitted again, by the same procedure from the same
votes, and the pairs are labelled anew.

What this costs: a fit of the label model per part, where it learns from gold, and one choice of a calibrator; the
features of the texts are made once for all parts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from weaklabel._progress import tracked
from weaklabel.calibration import Calibrator
from weaklabel.label_models import LabelModel
from weaklabel.labeler.asking import BLOCK, antisymmetric_logit, chosen_by_gold, features_for, with_direction
from weaklabel.text.ngrams import asked_features
from weaklabel.types import FloatArray, PairFeatures, Pairs, Votes


@dataclass(frozen=True)
class Refitted:
    """What a labeler was fitted on, and how; called, it is a `Refit`.

    Attributes:
        pairs: with all gold that was seen; no locked test prompts.
        votes: on these pairs.
        make: an unfitted label model.
        fitted: the label model that saw all gold, where it is at hand: one that has no use for gold is not fitted again.
        candidates: names of calibrators to choose from; empty where calibration was switched off.
        seed: of folds.
    """

    pairs: Pairs
    votes: Votes
    make: Callable[[], LabelModel]
    fitted: LabelModel | None
    candidates: Sequence[str]
    seed: int

    def __call__(self, pairs: Pairs, votes: Votes, held: NDArray[np.bool_]) -> FloatArray:
        """`(n_pairs, k)` float64: log-odds of `pairs` by labelers that saw no gold of the prompts held in each column."""
        keys = np.array(pairs.prompt_keys, dtype=object)
        y, unfitted = self.pairs.y, self.make()
        if unfitted.uses_gold:
            model, features = None, features_for(unfitted, self.pairs, ~np.isnan(y))
        else:
            model, features = self.fitted or unfitted.fit(self.votes.L, margins=self.votes.margins), None
        fits: list[tuple[LabelModel, Calibrator | None]] = []
        known: dict[bytes, tuple[LabelModel, Calibrator | None]] = {}  # the same gold is fitted to once
        for column in tracked(held.T, "labels without a part of the gold"):
            hidden = set(keys[column])
            mine = np.array([key in hidden for key in self.pairs.prompt_keys], dtype=np.bool_)
            seen = np.where(mine, np.nan, y)
            key = seen.tobytes()
            if key not in known:
                known[key] = self._fit(seen, model, features)
            fits.append(known[key])
        raw = ask_several([model for model, _ in fits], pairs, votes)
        for k, (_, calibrator) in enumerate(fits):
            if calibrator is not None:
                raw[:, k] = calibrator.transform(raw[:, k])
        return raw

    def _fit(
        self, y: FloatArray, model: LabelModel | None, features: PairFeatures | None
    ) -> tuple[LabelModel, Calibrator | None]:
        """Label model (fitted anew where it is None) and calibrator of the gold `y` `(n,)`, as `fit` makes them."""
        groups, y = self.pairs.prompt_groups, with_direction(y)
        if np.isnan(y).all():
            features = None
        if model is None:
            model = self.make().fit(
                self.votes.L, margins=self.votes.margins, y=y, groups=groups, features=features
            )
        found = chosen_by_gold(
            self.make, model, self.votes, y, groups,
            candidates=self.candidates, seed=self.seed, features=features,
        )  # fmt: skip
        return model, found and found[0]


def ask_several(models: Sequence[LabelModel], pairs: Pairs, votes: Votes) -> FloatArray:
    """`(n_pairs, n_models)` float64 log-odds, the features of the texts made once for all models."""
    found = np.empty((len(pairs), len(models)))
    for start in range(0, len(pairs), BLOCK):
        rows = np.arange(start, min(start + BLOCK, len(pairs)))
        part, wanted = votes.take(rows), any(model.uses_features for model in models)
        features = asked_features(pairs.take(rows)) if wanted else None
        known: dict[int, FloatArray] = {}  # several parts of the gold may share one model
        for k, model in enumerate(models):
            if id(model) not in known:
                known[id(model)] = antisymmetric_logit(model, part, features)
            found[rows, k] = known[id(model)]
    return found
