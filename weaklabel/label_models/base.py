"""The contract of a label model: votes (and margins) in, log-odds that B is better out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from weaklabel.errors import LabelMatrixError, NotFittedError
from weaklabel.label_models.row_blocks import row_blocks
from weaklabel.types import FloatArray, PairFeatures, sigmoid


class LabelModel(ABC):
    """A model of which response wins, given what labeling functions said.

    The constructor only stores settings; `fit` works; what was learned ends in an underscore. Models pass
    `check_label_model`. Arrays, throughout:

    - `L` `(n_pairs, n_lfs)` int8: -1 abstain, 0 prefers A, 1 prefers B.
    - `margins` `(n_pairs, n_lfs)` float32 or None: directed raw differences, positive for B, NaN for none.
    - `y` `(n_pairs,)` float64 or None: gold as 0 (A), 1 (B), .5 (tie), NaN (unknown).
    - `groups` `(n_pairs,)` int or None: equal numbers for equal prompts; inner folds never split one.

    A model that has no use for margins, gold or groups ignores them.

    Models of votes alone also take ordinary matrices with votes 0..k-1 (`n_classes`, see `vote_model.py`): then
    `y` holds class numbers, `predict_proba` is `(n, k)`, and there is no logit.
    """

    name: ClassVar[str]
    uses_gold: ClassVar[bool] = False
    """Whether gold changes the fit. If so, what it says of the gold it saw is in-sample."""

    antisymmetric: ClassVar[bool] = True
    """Whether swapping all votes flips the logit exactly. If not, the labeler asks both orders and averages."""

    n_classes: int | None = None
    """None for votes on pairs, else the number of classes of an ordinary matrix of votes."""

    held_out_: FloatArray | None = None
    """`(n_pairs,)` logits of gold pairs by the model without their prompts, where `fit` learned them on its way."""

    merges: ClassVar[bool] = False
    """Whether the model needs the votes only as counts that add up: then it is a `CountingModel`, and `partial_fit(L)`,
    `merge(other)` and `fit_on_shards` give the model that `fit` gives on all rows, to the bit. If not, it needs the
    rows themselves, and at scale is fitted on a sample of them: all rows with gold, and some of the rest."""

    @property
    def uses_features(self) -> bool:
        """Whether `fit`, `predict_logit` and `contributions` also take `features`, `PairFeatures` of the texts."""
        return False

    @property
    def extra_names(self) -> tuple[str, ...]:
        """Names of the contributions that come after those of the LFs."""
        return ()

    @abstractmethod
    def fit(
        self,
        L: ArrayLike,
        *,
        margins: ArrayLike | None = None,
        y: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Self:
        """Learn from votes, and from margins and gold where the model can."""

    @abstractmethod
    def predict_logit(self, L: ArrayLike, *, margins: ArrayLike | None = None) -> FloatArray:
        """`(n_pairs,)` float64: log-odds that B beats A; 0 where nothing speaks.

        Raises:
            NotFittedError: before `fit`.
        """

    def predict_proba(self, L: ArrayLike, *, margins: ArrayLike | None = None) -> FloatArray:
        """`(n_pairs, 2)` float64: P(A), P(B); rows sum to 1."""
        logit = self.predict_logit(L, margins=margins)
        proba = np.empty((len(logit), 2))
        for rows in row_blocks(len(logit)):
            proba[rows, 1] = p = sigmoid(logit[rows])
            proba[rows, 0] = 1.0 - p
        return proba

    def contributions(self, L: ArrayLike, *, margins: ArrayLike | None = None) -> FloatArray | None:
        """Shares of the logit, rows adding up to it, or None if there is no such sum.

        `(n_pairs, n_lfs + len(extra_names))` float64: those of the LFs, then those of what else speaks.
        """
        return None

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Settings and what was learned, as JSON values. `from_dict` gives an equal model back."""

    @classmethod
    @abstractmethod
    def from_dict(cls, state: Mapping[str, Any]) -> Self: ...

    def given(self, features: PairFeatures | None) -> dict[str, Any]:
        """The features as an argument, `{}` for a model that has none for them."""
        return {"features": features} if self.uses_features else {}

    def _require(self, attribute: str) -> Any:
        value = getattr(self, attribute, None)
        if value is None:
            raise NotFittedError(
                f"{type(self).__name__} is not fitted. Call fit(L) before asking it for probabilities."
            )
        return value


def prompts_of(groups: ArrayLike | None, n: int) -> NDArray[Any]:
    """`groups` `(n,)`, equal for equal prompts; without any, every row is a prompt of its own.

    Raises:
        LabelMatrixError: another length.
    """
    prompts = np.arange(n) if groups is None else np.asarray(groups)
    if prompts.shape != (n,):
        raise LabelMatrixError(f"groups has shape {prompts.shape}, expected ({n},): one prompt per row.")
    return prompts
