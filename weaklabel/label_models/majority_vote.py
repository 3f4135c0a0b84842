"""Majority vote, as log-odds of the smoothed share of votes.

    logit = log((n_b + 1) / (n_a + 1)),    p = (n_b + 1) / (n_a + n_b + 2)

Departure from counting heads: one vote of one says .67 and not certainty, ten of ten say .92 (Laplace's rule of
succession). The order of confidence is by share and by number, as one would want.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from weaklabel._validation import check_label_matrix
from weaklabel.label_models.base import LabelModel
from weaklabel.types import PREFER_A, PREFER_B, FloatArray


class MajorityVote(LabelModel):
    """Every vote counts the same; margins and gold are not used. The baseline that must be beaten.

    Attributes:
        n_lfs_: number of labeling functions, after `fit`.

    >>> model = MajorityVote().fit([[1, 1, -1]])
    >>> model.predict_proba([[1, 1, -1], [0, 1, -1], [-1, -1, -1]]).tolist()
    [[0.25, 0.75], [0.5, 0.5], [0.5, 0.5]]
    """

    name = "majority_vote"

    def fit(
        self,
        L: ArrayLike,
        *,
        margins: ArrayLike | None = None,
        y: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Self:
        """Remember how many labeling functions there are.

        Raises:
            LabelMatrixError: `L` is no matrix of votes.
        """
        self.n_lfs_ = check_label_matrix(L).shape[1]
        return self

    def predict_logit(self, L: ArrayLike, *, margins: ArrayLike | None = None) -> FloatArray:
        votes = check_label_matrix(L, self._require("n_lfs_"))
        # A difference of logs, not the log of a ratio: exactly odd when the votes are turned round.
        for_b, for_a = (votes == PREFER_B).sum(axis=1), (votes == PREFER_A).sum(axis=1)
        return np.asarray(np.log1p(for_b) - np.log1p(for_a), dtype=np.float64)

    def to_dict(self) -> dict[str, Any]:
        return {"name": self.name, "n_lfs": int(self._require("n_lfs_"))}

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> Self:
        model = cls()
        model.n_lfs_ = int(state["n_lfs"])
        return model
