"""`PairFeatures`: what a label model may know of a pair besides votes and margins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Sparse = Any  # scipy.sparse.csr_matrix, which has no types


@dataclass(frozen=True, slots=True)
class PairFeatures:
    """Columns computed from the texts of pairs. Rows follow the pairs.

    Attributes:
        views: name -> `(n_pairs, d)` CSR, features of response b minus those of response a. Turning a pair round
            flips their sign.
        context: `(n_pairs, q)` CSR, features of the prompt, each row of length 1 or 0; None for none. Turning a
            pair round leaves them alone.
    """

    views: Mapping[str, Sparse] = field(default_factory=dict)
    context: Sparse | None = None

    def take(self, rows: NDArray[Any]) -> PairFeatures:
        """The features of some rows, by index or mask."""
        index = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows
        views = {name: view[index] for name, view in self.views.items()}
        return PairFeatures(views, None if self.context is None else self.context[index])

    def swapped(self) -> PairFeatures:
        """The features with every pair turned round."""
        return PairFeatures({name: -view for name, view in self.views.items()}, self.context)
