"""Blocks of odd features, over rows of gold: what the recipes of `pair_model` are made of.

Every block has columns that flip their sign when a pair is turned round, so that any linear rule on them without
an intercept is antisymmetric. A block can give its covariance over rows (for choosing recipes, and for fitting
where gold is scarce) and its columns (for fitting where gold is plenty), both scaled so that a pair has variance 1
on average.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from weaklabel.types import FloatArray
from weaklabel.types.features import PairFeatures, Sparse


@dataclass(frozen=True)
class Block:
    """`columns` `(n, d)`, dense or CSR, divided by `unit` `(d,)` or a number; `gate` `(n, q)` CSR or None.

    With a gate the columns are the products of each column with each column of the gate: an effect whose weight
    depends on the prompt. They are dense then.
    """

    columns: Any
    unit: FloatArray | float
    gate: Sparse | None = None

    def covariance(self) -> FloatArray:
        """`(n, n)` float64, mean of the diagonal 1 unless no row has anything in the block."""
        return self._gram() / self._size()

    def weights(self, a: FloatArray) -> FloatArray:
        """The weights of the columns, `(d,)` or `(q, d)` float64, that give the logits `covariance() @ a`."""
        x = self._scaled()
        if self.gate is None:
            raw = np.asarray(x.T @ a).ravel()
        else:
            raw = np.asarray(self.gate.T @ (x * a[:, None]))
        return np.asarray(raw / self.unit / self._size())

    def design(self) -> Sparse:
        """The scaled columns `(n, d)` or `(n, q d)` CSR whose products are `covariance()`."""
        import scipy.sparse as sp

        x = self._scaled()
        x = sp.csr_matrix(x) if self.gate is None else _products(self.gate, x)
        return x / np.sqrt(self._size())

    def weights_of_design(self, beta: FloatArray) -> FloatArray:
        """The weights of the columns that give the logits `design() @ beta`."""
        d = self.columns.shape[1]
        shaped = beta if self.gate is None else beta.reshape(-1, d)
        return np.asarray(shaped / self.unit / np.sqrt(self._size()))

    def _scaled(self) -> Any:
        return self.columns / self.unit

    def _gram(self) -> FloatArray:
        x = self._scaled()
        gram = x @ x.T
        gram = gram.toarray() if hasattr(gram, "toarray") else np.asarray(gram)
        if self.gate is not None:
            gram = gram * (self.gate @ self.gate.T).toarray()
        return np.asarray(gram, dtype=np.float64)

    def _size(self) -> float:
        x = self._scaled()
        squares = x.multiply(x) if hasattr(x, "multiply") else x**2
        rows = np.asarray(squares.sum(axis=1)).ravel()
        if self.gate is not None:
            rows = rows * np.asarray(self.gate.multiply(self.gate).sum(axis=1)).ravel()
        return float(rows.mean()) or 1.0


def _products(gate: Sparse, x: FloatArray) -> Sparse:
    """`(n, q d)` CSR: row i is the Kronecker product of row i of the gate and row i of `x`."""
    import scipy.sparse as sp

    n, d = x.shape
    row = np.repeat(np.arange(n), np.diff(gate.indptr))
    values = gate.data[:, None] * x[row]
    columns = gate.indices[:, None].astype(np.int64) * d + np.arange(d)
    ends = gate.indptr.astype(np.int64) * d
    made = sp.csr_matrix((values.ravel(), columns.ravel(), ends), shape=(n, gate.shape[1] * d))
    made.eliminate_zeros()
    return made


def odd_blocks(
    effects: Mapping[str, FloatArray], spread: FloatArray, features: PairFeatures | None
) -> dict[str, Block]:
    """The blocks that there are for these rows: effects by shape, `even`, one per view of the texts, and `gate`.

    Args:
        effects: shape -> `(n, n_lfs)` float64; `sharp` among them.
        spread: `(n_lfs,)` float64, root mean square of the sharp effects on all pairs; `even` divides by it, so
            that an LF that seldom votes may speak as loudly as one that always does.
    """
    blocks = {name: Block(columns, 1.0) for name, columns in effects.items()}
    blocks["even"] = Block(effects["sharp"], np.where(spread > 0, spread, 1.0))
    if features is not None:
        blocks |= {name: Block(view, 1.0) for name, view in features.views.items()}
        if features.context is not None:
            blocks["gate"] = Block(effects["sharp"], 1.0, features.context)
    return blocks
