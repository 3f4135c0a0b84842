"""`Pool`: what a rule of acquisition may see of the pairs that could be asked. Arrays only, and no gold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from weaklabel.errors import LabelMatrixError
from weaklabel.types import FloatArray

PER_PAIR: Final = ("ids", "logit", "strata", "other", "features", "text")
"""Fields with a row for each pair of the pool."""
DIRECTED: Final = ("logit", "other", "features")
"""Fields whose row changes its sign when the responses of its pair change places."""


@dataclass(frozen=True)
class Pool:
    """Pairs that could be asked, and what is known already. Optional parts are None where nobody worked them out.

    A pair has no direction: swapping its responses flips the sign of its row in `DIRECTED` and leaves `text` alone.

    Attributes:
        ids: `n` distinct ids.
        logit: `(n,)` float64, log-odds of what the labels believe of b.
        strata: `(n,)` int64, equal for prompts of one kind.
        other: `(n,)` float64, log-odds of a second opinion that did not learn from these very labels: of a reward model
            out of fold.
        features: `(n, d)` float64, of response b less those of response a. The mean square of a row's length is near 1,
            so that a prior of precision 1 lets features move the log-odds by about 1.
        text: `(n, k)` float64, what an evaluator would read, prompt and both responses, in no order.
        known_features, known_logit: `(m, d)` and `(m,)` of the pairs that have gold.
        known_text: `(m, k)` of the same.
    """

    ids: tuple[str, ...]
    logit: FloatArray
    strata: NDArray[np.int64]
    other: FloatArray | None = None
    features: FloatArray | None = None
    text: FloatArray | None = None
    known_features: FloatArray | None = None
    known_logit: FloatArray | None = None
    known_text: FloatArray | None = None

    def __post_init__(self) -> None:
        n = len(self.ids)
        for name in PER_PAIR[1:]:
            rows = getattr(self, name)
            if rows is None:
                continue
            if len(rows) != n or not np.isfinite(rows).all():
                raise LabelMatrixError(
                    f"Pool: {name} has shape {np.shape(rows)} for {n} ids, or values that are not finite. Give one row per "
                    "pair."
                )
        for name in ("known_features", "known_logit", "known_text"):
            rows = getattr(self, name)
            if rows is not None and not np.isfinite(rows).all():
                raise LabelMatrixError(f"Pool: {name} has values that are not finite. Give numbers.")
        if len(set(self.ids)) != n:
            raise LabelMatrixError("Pool: some ids come twice. Give each pair once.")

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: NDArray[Any]) -> Pool:
        """The pool of some rows, in the order given; what is known stays."""
        some = {
            name: value[rows] for name in PER_PAIR[1:] if isinstance(value := getattr(self, name), np.ndarray)
        }
        return replace(self, ids=tuple(self.ids[row] for row in rows.tolist()), **some)

    def swapped(self, turned: NDArray[np.bool_]) -> Pool:
        """The same pairs, the responses of some of them in the other order.

        Args:
            turned: `(n,)`, which.

        >>> pool = Pool(("x", "y"), np.array([1.0, -2.0]), np.zeros(2, dtype=np.int64))
        >>> pool.swapped(np.array([True, False])).logit.tolist()
        [-1.0, -2.0]
        """
        found: dict[str, Any] = {}
        for name in DIRECTED:
            if (value := getattr(self, name)) is not None:
                found[name] = np.where(turned.reshape(-1, *[1] * (value.ndim - 1)), -value, value)
        return replace(self, **found)

    @property
    def parts(self) -> tuple[str, ...]:
        """The names of what is there."""
        return tuple(field.name for field in fields(self) if getattr(self, field.name) is not None)


def known_rows(rows: FloatArray | None, like: FloatArray) -> FloatArray:
    """`(m, d)` rows of what is known; none where there is nothing.

    >>> known_rows(None, np.ones((3, 2))).shape
    (0, 2)
    """
    return np.empty((0, like.shape[1])) if rows is None else rows


def positions(ids: Sequence[str]) -> NDArray[np.intp]:
    """`(n,)` rows in the order of their ids: the one order that says nothing and that every caller shares."""
    return np.argsort(np.array(ids, dtype=object), kind="stable")
