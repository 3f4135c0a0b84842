"""Texts as sparse rows of hashed n-grams, of four kinds: words, characters, layout and style.

Hashed to a fixed number of columns: no vocabulary to learn, to store or to leak. Source: feature hashing,
Weinberger et al. (2009); we leave out its random signs, because presence is enough for a difference and the sum
of few collisions is small at this width.

- `words`: 1- and 2-grams of lower-case words and punctuation.
- `characters`: 2- to 4-grams inside lower-case words, edges marked.
- `layout`: 2- to 6-grams of characters after every run of capitals became `X`, of other letters `x`, of digits
  `9`, and every line break a mark: how a text is set, whatever it says.
- `style`: 1- to 3-grams of function words, punctuation and line breaks in place, all other words masked: how
  somebody writes, whatever about. Function words are English; in other languages it sees capitals and punctuation.

The first two are those of scikit-learn's `HashingVectorizer` to the bit (binary, without signs and norm; line breaks
as marks, runs cut at 64 characters); it is not used, for it looks at every n-gram of every text in Python. How they are
read: `pieces.py`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from weaklabel._validation import lookup
from weaklabel.text.pieces import KINDS, Pieces, Topics, distinct
from weaklabel.types import FloatArray, Pairs
from weaklabel.types.features import PairFeatures, Sparse

Columns = NDArray[np.int32]

_ROWS: Final = 1024  # pairs hashed at a time
_LONGEST_TEXT: Final = (
    100_000  # characters that layout and style read: behind them they have seen how it goes on
)
_AT_ONCE: Final = 2**19  # characters read at a time, or one text


class HashedText:
    """Texts -> sparse 0/1 rows, `n_features` columns for each kind of n-gram.

    Args:
        n_features: columns per kind; a row has `n_features * len(kinds)`.
        kinds: of `KINDS`, in the order of their columns.
    """

    def __init__(self, n_features: int, kinds: Sequence[str] = ("words", "characters")) -> None:
        self.n_features = n_features
        self.kinds = tuple(kinds)
        self._pieces = Pieces([lookup("kind of n-gram", KINDS, kind) for kind in self.kinds], n_features)
        self._lock = threading.Lock()

    def transform(self, texts: Sequence[str]) -> Sparse:
        """`(n, n_features * len(kinds))` int8 CSR of zeros and ones. Each row depends on its text alone."""
        import scipy.sparse as sp

        number: dict[str, int] = {}
        rows = [number.setdefault(text, len(number)) for text in texts]
        lengths, indices = [np.zeros(1, np.int64)], [np.empty(0, np.int32)]
        with self._lock:
            for some in _blocks(list(number), 2**31 // (self.n_features * len(self.kinds))):
                length, columns = self._columns(some)
                lengths.append(length)
                indices.append(columns)
        found = np.concatenate(indices)
        ends = np.cumsum(np.concatenate(lengths))
        shape = (len(number), self.n_features * len(self.kinds))
        hashed = sp.csr_matrix((np.ones(len(found), dtype=np.int8), found, ends), shape=shape)
        return hashed if len(number) == len(texts) else hashed[rows]

    def _columns(self, texts: Sequence[str]) -> tuple[NDArray[np.int64], Columns]:
        """How many columns each text has, and which, rising."""
        self._pieces.make_room()
        whole = self._pieces.stream(texts)
        long = any(len(text) > _LONGEST_TEXT for text in texts)
        begun = self._pieces.stream([text[:_LONGEST_TEXT] for text in texts]) if long else whole
        width = self.n_features * len(self.kinds)
        keys = []
        for i, kind in enumerate(self._pieces.kinds):
            rows, columns = kind.read(whole if kind.whole else begun)
            keys.append((rows * width + (i * self.n_features)).astype(np.int32) + columns)
        met = distinct(np.concatenate(keys))
        edges = np.arange(len(texts) + 1, dtype=np.int64) * width
        length = np.diff(np.searchsorted(met, edges))
        return length, met - np.repeat(edges[:-1].astype(np.int32), length)


def _blocks(texts: Sequence[str], most: int) -> Iterator[Sequence[str]]:
    """Texts in blocks of some characters, and of at most `most`."""
    begin, held = 0, 0
    for i, text in enumerate(texts):
        if i > begin and (held + len(text) > _AT_ONCE or i - begin >= most):
            yield texts[begin:i]
            begin, held = i, 0
        held += len(text)
    if begin < len(texts):
        yield texts[begin:]


VIEW_COLUMNS: Final = 2**15
CONTEXT_COLUMNS: Final = 2**8


@lru_cache(maxsize=1)
def _views() -> HashedText:
    """What reads the views of all pairs in this process: block after block, they use the same words."""
    return HashedText(VIEW_COLUMNS, tuple(KINDS))


@lru_cache(maxsize=1)
def _topics() -> tuple[Pieces, threading.Lock]:
    """What reads the prompts of all pairs in this process."""
    return Pieces([Topics], CONTEXT_COLUMNS), threading.Lock()


def pair_features(pairs: Pairs, rows: NDArray[np.bool_] | None = None) -> PairFeatures:
    """Differences of the responses in each kind of n-gram, and the words of the prompt, for a label model.

    Views are named as in `KINDS` and have `VIEW_COLUMNS` columns each, with values -1, 0 and 1. The context holds
    the prompt's words but function words, hashed to `CONTEXT_COLUMNS` columns, as logarithms of their counts,
    scaled to length 1.

    Args:
        pairs: any pairs.
        rows: `(n_pairs,)` bool, the rows that are needed; the others are left empty, which saves their cost.
    """
    import scipy.sparse as sp

    wanted = np.arange(len(pairs)) if rows is None else np.flatnonzero(rows)
    hashed = _views()
    blocks = [sp.csr_matrix((0, VIEW_COLUMNS * len(KINDS)), dtype=np.int8)]
    contexts = [sp.csr_matrix((0, CONTEXT_COLUMNS))]
    for start in range(0, len(wanted), _ROWS):
        part = pairs.table.select(["prompt", "response_a", "response_b"]).take(wanted[start : start + _ROWS])
        a, b = part["response_a"].to_pylist(), part["response_b"].to_pylist()
        hashes = hashed.transform([*a, *b])
        block = (hashes[len(a) :] - hashes[: len(a)]).tocsr()
        block.eliminate_zeros()  # what both responses hold says nothing
        blocks.append(block)
        contexts.append(_context(part["prompt"].to_pylist()))
    both = _spread_out(sp.vstack(blocks, format="csr"), wanted, len(pairs))
    views = {
        kind: both[:, i * VIEW_COLUMNS : (i + 1) * VIEW_COLUMNS].astype(np.float64)
        for i, kind in enumerate(KINDS)
    }
    return PairFeatures(views, _spread_out(sp.vstack(contexts, format="csr"), wanted, len(pairs)))


def response_features(prompts: Sequence[str], responses: Sequence[str]) -> tuple[Sparse, Sparse]:
    """What `pair_features` sees, of single responses: pairs have the difference of two such rows, and their context.

    Returns:
        `(n, len(KINDS) * VIEW_COLUMNS)` int8 CSR, the views of each response side by side in the order of `KINDS`; and
        `(n, CONTEXT_COLUMNS)` CSR, the words of each prompt.
    """
    return _views().transform(responses), _context(prompts)


def _context(prompts: Sequence[str]) -> Sparse:
    import scipy.sparse as sp

    topics, lock = _topics()
    with lock:
        topics.make_room()
        row, columns = topics.kinds[0].read(topics.stream(prompts))
    counts = np.bincount(row * CONTEXT_COLUMNS + columns, minlength=len(prompts) * CONTEXT_COLUMNS)
    rows = np.log1p(counts.reshape(len(prompts), CONTEXT_COLUMNS))
    length: FloatArray = np.sqrt((rows**2).sum(axis=1, keepdims=True))
    return sp.csr_matrix(rows / np.where(length > 0, length, 1.0))


def _spread_out(rows: Sparse, where: NDArray[np.intp], n: int) -> Sparse:
    """The rows at their places among `n`, the others empty."""
    import scipy.sparse as sp

    lengths = np.zeros(n, dtype=np.int64)
    lengths[where] = np.diff(rows.indptr)
    ends = np.concatenate([[0], np.cumsum(lengths)])
    return sp.csr_matrix((rows.data, rows.indices, ends), shape=(n, rows.shape[1]))
