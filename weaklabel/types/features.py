"""`PairFeatures`: what a label model may know of a pair besides votes and margins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Sparse = Any  # scipy.sparse.csr_matrix, which has no types


@dataclass(frozen=True, slots=True)
class RowDifferences:
    """`responses[b] - responses[a]`, row by row, without working it out: all that a product needs is one number per response.

    Attributes:
        responses: `(n, d)` CSR of zeros and ones, whose products depend on each row alone.
        a, b: `(n_pairs,)` which of them are compared.

    >>> import scipy.sparse as sp
    >>> two = RowDifferences(sp.csr_matrix([[1, 0], [1, 1]]), np.array([0, 0, 1]), np.array([0, 1, 0]))
    >>> (two @ np.array([3.0, 5.0])).tolist(), two.shape
    ([0.0, 5.0, -5.0], (3, 2))
    """

    responses: Sparse
    a: NDArray[np.intp]
    b: NDArray[np.intp]

    @property
    def shape(self) -> tuple[int, int]:
        """Pairs and columns."""
        return len(self.a), self.responses.shape[1]

    def __matmul__(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """`(n_pairs,)` float64: the differences times `(d,)` weights. Turning a pair round flips the sign, to the bit."""
        worth = np.asarray(self.responses @ weights, dtype=np.float64)
        return worth[self.b] - worth[self.a]

    def __getitem__(self, rows: NDArray[Any]) -> RowDifferences:
        return RowDifferences(self.responses, self.a[rows], self.b[rows])

    def __neg__(self) -> RowDifferences:
        return RowDifferences(self.responses, self.b, self.a)

    def worked_out(self) -> Sparse:
        """`(n_pairs, d)` float64 CSR; what both responses hold is not in it."""
        found = (self.responses[self.b] - self.responses[self.a]).tocsr()
        found.eliminate_zeros()
        return found.astype(np.float64)


@dataclass(frozen=True, slots=True)
class PairFeatures:
    """Columns computed from the texts of pairs. Rows follow the pairs.

    Attributes:
        views: name -> `(n_pairs, d)` CSR, features of response b minus those of response a. Turning a pair round
            flips their sign. For predicting alone, `RowDifferences` will do.
        context: `(n_pairs, q)` CSR, features of the prompt, each row of length 1 or 0; None for none. Turning a
            pair round leaves them alone.
    """

    views: Mapping[str, Any] = field(default_factory=dict)
    context: Sparse | None = None

    def take(self, rows: NDArray[Any]) -> PairFeatures:
        """The features of some rows, by index or mask."""
        index = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows
        views = {name: view[index] for name, view in self.views.items()}
        return PairFeatures(views, None if self.context is None else self.context[index])

    def swapped(self) -> PairFeatures:
        """The features with every pair turned round."""
        return PairFeatures({name: -view for name, view in self.views.items()}, self.context)
