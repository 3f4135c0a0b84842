"""The difference that a pair makes in the hashed n-grams of its responses, in blocks of rows.

Which words and which short character runs a response holds: see `weaklabel.text.ngrams`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Final

import numpy as np
from numpy.typing import NDArray

from weaklabel.artifacts import content_hash
from weaklabel.text.ngrams import HashedText
from weaklabel.types import FloatArray, Pairs
from weaklabel.types.features import Sparse

_ROWS: Final = 2048  # responses hashed at a time
_MOST_ENTRIES: Final = 2**25  # of differences that are kept, 170 MB: some 30,000 pairs of 1,500 characters
_kept: dict[tuple[int, str], Differences] = {}


@lru_cache(maxsize=1)
def hashed_text(n_features: int) -> HashedText:
    """The hasher that the models of this process share: fitted again and again, they see the same texts."""
    return HashedText(n_features)


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

    @classmethod
    def none(cls, n_pairs: int) -> Differences:
        """No columns at all, of so many pairs."""
        import scipy.sparse as sp

        return cls((sp.csr_matrix((n_pairs, 0), dtype=np.int8),), np.empty(0, dtype=np.intp))

    def __len__(self) -> int:
        return sum(block.shape[0] for block in self.blocks)

    @property
    def n_entries(self) -> int:
        """Differences that are not 0."""
        return sum(block.nnz for block in self.blocks)

    @property
    def shape(self) -> tuple[int, int]:
        return len(self), len(self.columns)

    def __matmul__(self, weights: FloatArray) -> FloatArray:
        """`(n_pairs,)`: the differences times `(n_columns,)` weights."""
        return np.concatenate([np.empty(0), *(block @ weights for block in self.blocks)])

    @property
    def T(self) -> _Transposed:
        return _Transposed(self.blocks, len(self.columns))

    def squared_norms(self, within: NDArray[np.bool_]) -> FloatArray:
        """`(n_pairs,)`: squared length of each row within some of the columns, `within` `(n_columns,)`."""
        # Entries are -1, 0 and 1, so that their squares are their sizes.
        return np.concatenate(
            [np.empty(0), *(abs(block) @ within.astype(np.float64) for block in self.blocks)]
        )


@dataclass(frozen=True)
class _Transposed:
    blocks: tuple[Sparse, ...]
    n_columns: int

    def __matmul__(self, residuals: FloatArray) -> FloatArray:
        """`(n_columns,)`: the sum of rows, each times its residual."""
        total, start = np.zeros(self.n_columns), 0
        for block in self.blocks:
            end = start + block.shape[0]
            total += block.T @ residuals[start:end]
            start = end
        return total


def differences(pairs: Pairs, n_features: int) -> Differences:
    """The differences of these pairs, kept for the next model of the same pairs in this process."""
    texts = chain.from_iterable(pairs.table[name].to_pylist() for name in ("response_a", "response_b"))
    key = (n_features, content_hash(*texts))
    found = _kept.get(key)
    if found is None:
        found = Differences.of(pairs, hashed_text(n_features))
        while _kept and found.n_entries + sum(d.n_entries for d in list(_kept.values())) > _MOST_ENTRIES:
            _kept.pop(next(iter(_kept)), None)
        if found.n_entries <= _MOST_ENTRIES:
            _kept[key] = found
    return found


def size_of_kinds(d: Differences, w: FloatArray, n_features: int) -> FloatArray:
    """`(n_columns,)`: twice the mean square of each kind of n-gram, so that words and characters start with equal say.

    Args:
        d: of `n` pairs.
        w: `(n,)` >= 0, weights of the pairs.
        n_features: hashed columns per kind.
    """
    of_words, of_characters = both_sizes(d, w, n_features)
    return np.where(d.columns < n_features, of_words, of_characters)


def both_sizes(d: Differences, w: FloatArray, n_features: int) -> tuple[float, float]:
    """What `size_of_kinds` says of words and of characters; 1 of a kind that tells no pair apart."""
    words = d.columns < n_features
    means = [float(w @ d.squared_norms(kind) / w.sum()) for kind in (words, ~words)]
    of_words, of_characters = (2.0 * mean if mean > 0 else 1.0 for mean in means)
    return of_words, of_characters


def _chunks(pairs: Pairs, size: int) -> Iterator[tuple[list[str], list[str]]]:
    for batch in pairs.table.select(["response_a", "response_b"]).to_batches(max_chunksize=size):
        yield batch["response_a"].to_pylist(), batch["response_b"].to_pylist()


def score_in_chunks(text: HashedText, responses: Sequence[str], weights: FloatArray) -> FloatArray:
    """`(n,)` float64: features times weights. A response's score does not depend on its neighbours."""
    parts: list[NDArray[np.float64]] = [np.empty(0)]
    for start in range(0, len(responses), _ROWS):
        parts.append(text.transform(responses[start : start + _ROWS]) @ weights)
    return np.concatenate(parts)
