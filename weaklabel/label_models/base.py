"""The contract of a label model: votes (and margins) in, log-odds that B is better out."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from weaklabel._shown import Shown
from weaklabel._validation import check_gold, check_label_matrix, check_margins, check_settings
from weaklabel.errors import ConfigError, LabelMatrixError, NotFittedError
from weaklabel.label_models.row_blocks import row_blocks
from weaklabel.types import Float32Array, FloatArray, Int8Array, PairFeatures, sigmoid

MAX_CLASSES: Final = 127  # votes are int8
LARGEST: Final = 1e12
"""No number of a saved model is larger: sums of products of such numbers are finite."""
SMALLEST: Final = 1e-300
"""A number of a saved model whose logarithm is taken is no smaller."""
ROUNDING: Final = 1e-9
"""By so much a saved probability may be above 1."""
MOST_ROWS: Final = 2**53
"""No saved count of rows is larger: it is exact as a float."""


@dataclass(frozen=True, slots=True)
class Observed:
    """What `fit` was given, checked.

    Attributes:
        votes: `(n, n_lfs)` int8.
        given_margins: `(n, n_lfs)` float32, or None.
        gold: `(n,)` float64, NaN where unknown: 0, 1 or .5 for pairs, a class number otherwise.
        prompts: `(n,)`, equal for equal prompts; every row its own where nothing was said of them.
        features: of the pairs' texts, or None.
    """

    votes: Int8Array
    given_margins: Float32Array | None
    gold: FloatArray
    prompts: NDArray[Any]
    features: PairFeatures | None

    @property
    def margins(self) -> Float32Array:
        """`(n, n_lfs)` float32, NaN where there are none."""
        return check_margins(self.given_margins, self.votes)


class LabelModel(Shown, ABC):
    """A model of which response wins, given what labeling functions said.

    The constructor only stores settings; `fit` works; what was learned ends in an underscore. Models pass
    `check_label_model`. Arrays, throughout:

    - `L` `(n_pairs, n_lfs)` int8: -1 abstain, 0 prefers A, 1 prefers B.
    - `margins` `(n_pairs, n_lfs)` float32 or None: directed raw differences, positive for B, NaN for none.
    - `y` `(n_pairs,)` float64 or None: gold as 0 (A), 1 (B), .5 (tie), NaN (unknown).
    - `groups` `(n_pairs,)` or None: equal numbers for equal prompts; inner folds never split one.
    - `features` `PairFeatures` of the texts, or None; asked for again where `uses_features`.

    A model that has no use for margins, gold, groups or features ignores them. A newcomer writes `_learn`,
    `predict_logit`, `_n_lfs`, `_learned` and `_restore`.

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
        """Whether features of the texts change the fit; after `fit`, whether predicting needs them."""
        return False

    @property
    def extra_names(self) -> tuple[str, ...]:
        """Names of the contributions that come after those of the LFs."""
        return ()

    @property
    def remarks(self) -> tuple[str, ...]:
        """After `fit`: how its answers came about, where a reader should know, one sentence each."""
        return ()

    def _values(self) -> list[tuple[str, Any]]:
        return list(self.settings.items())

    @property
    def settings(self) -> dict[str, Any]:
        """What the constructor was given, by name."""
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    def fit(
        self,
        L: ArrayLike,
        *,
        margins: ArrayLike | None = None,
        y: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        features: PairFeatures | None = None,
    ) -> Self:
        """Learn from votes, and from margins, gold, prompts and texts where the model can.

        Raises:
            LabelMatrixError: `L` is no matrix of votes, or the others do not fit it.
            ConfigError: a setting out of range.
        """
        votes = self._votes(L)
        gaps = None if margins is None else check_margins(margins, votes)
        gold = check_gold(y, len(votes), self.n_classes)
        check_feature_rows(features, len(votes))
        self._learn(Observed(votes, gaps, gold, _prompts_of(groups, len(votes)), features))
        return self

    @abstractmethod
    def predict_logit(
        self, L: ArrayLike, *, margins: ArrayLike | None = None, features: PairFeatures | None = None
    ) -> FloatArray:
        """`(n_pairs,)` float64: log-odds that B beats A; 0 where nothing speaks. For pairs only.

        Raises:
            NotFittedError: before `fit`.
            ConfigError: the model is one of classes.
        """

    def predict_proba(
        self, L: ArrayLike, *, margins: ArrayLike | None = None, features: PairFeatures | None = None
    ) -> FloatArray:
        """`(n_pairs, 2)` float64: P(A), P(B); for classes `(n, k)`. Rows sum to 1.

        Raises:
            NotFittedError: before `fit`.
        """
        logit = self.predict_logit(L, margins=margins, features=features)
        proba = np.empty((len(logit), 2))
        for rows in row_blocks(len(logit)):
            proba[rows, 1] = p = sigmoid(logit[rows])
            proba[rows, 0] = 1.0 - p
        return proba

    def contributions(
        self, L: ArrayLike, *, margins: ArrayLike | None = None, features: PairFeatures | None = None
    ) -> FloatArray | None:
        """Shares of the logit, rows adding up to it, or None if there is no such sum. For pairs only.

        `(n_pairs, n_lfs + len(extra_names))` float64: those of the LFs, then those of what else speaks.
        """
        return None

    def to_dict(self) -> dict[str, Any]:
        """Settings and what was learned, as JSON values. `from_dict` gives an equal model back."""
        self._n_lfs()
        return {"name": self.name, "settings": self.settings, **self._learned()}

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> Self:
        """The model that `to_dict` wrote.

        Raises:
            ConfigError: a setting that it does not have, or of another kind.
            KeyError, TypeError, ValueError: a number that is missing, or that no fit gives.
        """
        settings = state["settings"]
        check_settings(cls.name, settings, {k: str(v) for k, v in cls.__init__.__annotations__.items()})
        model = cls(**settings)
        model._restore(state)
        model._votes(np.empty((0, model._n_lfs()), dtype=np.int8))  # a number of classes that can be
        return model

    @abstractmethod
    def _learn(self, seen: Observed) -> None:
        """Set what ends in an underscore."""

    @abstractmethod
    def _n_lfs(self) -> int:
        """How many columns it was fitted on; NotFittedError before `fit`."""

    @abstractmethod
    def _learned(self) -> dict[str, Any]:
        """What `fit` found, as JSON values."""

    @abstractmethod
    def _restore(self, state: Mapping[str, Any]) -> None:
        """Put back what `_learned` gave; KeyError, TypeError or ValueError for numbers that no fit gives."""

    def _votes(self, L: ArrayLike, n_lfs: int | None = None) -> Int8Array:
        k = self.n_classes
        # A bool is an int to Python, and True classes are no number of classes.
        whole = isinstance(k, int | np.integer) and not isinstance(k, bool)
        if k is not None and not (whole and 2 <= k <= MAX_CLASSES):
            raise ConfigError(
                f"{self.name}: n_classes is {k!r}. Allowed: 2 to {MAX_CLASSES}, or None for votes on pairs. "
                "Pass a whole number: how many classes there are, 0 among them."
            )
        return check_label_matrix(L, n_lfs, n_classes=k)

    def _asked(self, L: ArrayLike) -> Int8Array:
        """The votes of rows to predict: as many columns as it was fitted on."""
        return self._votes(L, self._n_lfs())

    def _refuse_logit_of_classes(self) -> None:
        if self.n_classes is not None:
            raise ConfigError(
                f"{self.name} was made with n_classes={self.n_classes}: log-odds are for pairs. "
                "Call predict_proba(L), or make the model without n_classes."
            )

    def _require(self, attribute: str) -> Any:
        value = getattr(self, attribute, None)
        if value is None:
            raise NotFittedError(
                f"{type(self).__name__} is not fitted. Call fit(L) before asking it for probabilities."
            )
        return value


def _prompts_of(groups: ArrayLike | None, n: int) -> NDArray[Any]:
    prompts = np.arange(n) if groups is None else np.asarray(groups)
    if prompts.shape != (n,):
        raise LabelMatrixError(f"groups has shape {prompts.shape}, expected ({n},): one prompt per row.")
    return prompts


def check_feature_rows(features: PairFeatures | None, n: int) -> None:
    """Raises LabelMatrixError where the features are of another number of pairs."""
    tables = [] if features is None else [*features.views.values(), features.context]
    for table in tables:
        if table is not None and table.shape[0] != n:
            raise LabelMatrixError(
                f"features have {table.shape[0]} rows but L has {n}. Pass pair_features of the pairs voted on."
            )
