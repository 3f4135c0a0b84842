"""Hashed n-grams of responses, and the difference that a pair makes in them.

Which words and which short character runs a response holds, hashed to a fixed number of columns: no vocabulary
to learn, to store or to leak. Source: feature hashing, Weinberger et al. (2009); we leave out its random signs,
because presence is enough for a difference and the sum of few collisions is small at this width. Columns are
those of scikit-learn's HashingVectorizer; the character runs of a word are hashed once per distinct word, not
once per occurrence, which is what most of its time went into.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from weaklabel.types import FloatArray, Pairs

Sparse = Any  # scipy.sparse.csr_matrix, which has no types
Columns = NDArray[np.int32]

_ROWS: Final = 2048  # responses hashed at a time
_TOKEN: Final = re.compile(r"\w+|[^\w\s]")
_CHARACTERS: Final = (2, 3, 4)
_LONGEST: Final = (
    64  # characters of a run without spaces that are read: behind them stands data, not language
)
_MEMORY: Final = 200_000  # distinct words remembered


class HashedText:
    """Responses -> sparse 0/1 rows: word 1- and 2-grams, then character 2- to 4-grams inside words.

    Args:
        n_features: columns per kind; a row has `2 * n_features`.
    """

    def __init__(self, n_features: int) -> None:
        self.n_features = n_features
        self._runs: dict[str, Columns] = {}

    def transform(self, responses: Sequence[str]) -> Sparse:
        """`(n, 2 * n_features)` int8 CSR of zeros and ones. Each row depends on its response alone."""
        import scipy.sparse as sp

        distinct = {response: self._columns(response) for response in set(responses)}
        rows = [distinct[response] for response in responses]
        ends = np.cumsum([0, *(len(row) for row in rows)])
        indices = np.concatenate([np.empty(0, np.int32), *rows])
        ones = np.ones(len(indices), dtype=np.int8)
        return sp.csr_matrix((ones, indices, ends), shape=(len(rows), 2 * self.n_features))

    def _columns(self, response: str) -> Columns:
        # Runs of white space fold into one; a mark keeps lists and paragraphs visible.
        shown = response.lower().replace("\n", " ¶ ")
        words = _TOKEN.findall(shown)
        grams = {*words, *(f"{one} {two}" for one, two in pairwise(words))}
        runs = [self._runs_of(word) for word in set(shown.split())]
        return np.unique(np.concatenate([self._hash(grams), *runs]))

    def _runs_of(self, word: str) -> Columns:
        known = self._runs.get(word)
        if known is None:
            edged = f" {word[:_LONGEST]} "
            runs = {edged[i : i + n] for n in _CHARACTERS for i in range(len(edged) - n + 1)}
            if len(self._runs) >= _MEMORY:
                self._runs.clear()
            known = self._runs[word] = self._hash(runs) + np.int32(self.n_features)
        return known

    def _hash(self, grams: set[str]) -> Columns:
        from sklearn.utils import murmurhash3_32

        columns = (abs(murmurhash3_32(gram, seed=0)) % self.n_features for gram in grams)
        return np.fromiter(columns, dtype=np.int32, count=len(grams))


@dataclass(frozen=True)
class Differences:
    """Features of b minus features of a, `(n_pairs, n_columns)`, in blocks of rows.

    int8 values in blocks: a product widens one block at a time, so 100,000 pairs of 1,200 characters stay near
    1 GB instead of 3. Only columns in which some pair differs are kept: the weights of all others are 0.

    Attributes:
        blocks: CSR matrices, one under the other.
        columns: `(n_columns,)` rising numbers of the kept columns among the hashed ones.
    """

    blocks: tuple[Sparse, ...]
    columns: NDArray[np.intp]

    @classmethod
    def of(cls, pairs: Pairs, text: HashedText) -> Differences:
        blocks = []
        for a, b in _chunks(pairs, _ROWS // 2):
            rows = text.transform([*a, *b])
            block = rows[len(a) :] - rows[: len(a)]
            block.eliminate_zeros()  # what both responses hold says nothing
            blocks.append(block)
        used = np.zeros(2 * text.n_features, dtype=np.bool_)
        for block in blocks:
            used[block.indices] = True
        columns = np.flatnonzero(used)
        return cls(tuple(block[:, columns] for block in blocks), columns)

    @property
    def n_columns(self) -> int:
        return len(self.columns)

    def __len__(self) -> int:
        return sum(block.shape[0] for block in self.blocks)

    def dot(self, weights: FloatArray) -> FloatArray:
        """`(n_pairs,)`: the differences times `(n_columns,)` weights."""
        return np.concatenate([np.empty(0), *(block @ weights for block in self.blocks)])

    def transposed_dot(self, residuals: FloatArray) -> FloatArray:
        """`(n_columns,)`: the sum of rows, each times its residual."""
        total, start = np.zeros(self.n_columns), 0
        for block in self.blocks:
            end = start + block.shape[0]
            total += block.T @ residuals[start:end]
            start = end
        return total

    def squared_norms(self, within: NDArray[np.bool_]) -> FloatArray:
        """`(n_pairs,)`: squared length of each row within some of the columns, `within` `(n_columns,)`."""
        # Entries are -1, 0 and 1, so that their squares are their sizes.
        return np.concatenate(
            [np.empty(0), *(abs(block) @ within.astype(np.float64) for block in self.blocks)]
        )


def _chunks(pairs: Pairs, size: int) -> Iterator[tuple[list[str], list[str]]]:
    for batch in pairs.table.select(["response_a", "response_b"]).to_batches(max_chunksize=size):
        yield batch["response_a"].to_pylist(), batch["response_b"].to_pylist()


def score_in_chunks(text: HashedText, responses: Sequence[str], weights: FloatArray) -> FloatArray:
    """`(n,)` float64: features times weights. A response's score does not depend on its neighbours."""
    parts: list[NDArray[np.float64]] = [np.empty(0)]
    for start in range(0, len(responses), _ROWS):
        parts.append(text.transform(responses[start : start + _ROWS]) @ weights)
    return np.concatenate(parts)
