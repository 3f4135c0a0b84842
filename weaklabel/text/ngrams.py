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
from weaklabel.text.symbols import Columns, Numbers
from weaklabel.types import FloatArray, Pairs
from weaklabel.types.features import PairFeatures, RowDifferences, Sparse

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
        known, rows = numbered(texts)
        width = self.n_features * len(self.kinds)
        starts = self.n_features * np.arange(len(self.kinds), dtype=np.int32)
        found = _Rows(width)
        for n_texts, kinds in self._read(known, width):
            keys = [
                row * width + (start + column) for start, (row, column) in zip(starts, kinds, strict=True)
            ]
            found.add(n_texts, np.concatenate(keys))
        return found.sparse() if len(known) == len(texts) else found.sparse()[rows]

    def views(self, texts: Sequence[str]) -> list[Sparse]:
        """For each kind `(n, n_features)` int8 CSR of zeros and ones: the parts of `transform`, in less time."""
        found = [_Rows(self.n_features) for _ in self.kinds]
        for n_texts, kinds in self._read(texts, self.n_features):
            for view, (row, column) in zip(found, kinds, strict=True):
                view.add(n_texts, row * self.n_features + column)
        return [view.sparse() for view in found]

    def _read(self, texts: Sequence[str], width: int) -> Iterator[tuple[int, list[tuple[Numbers, Columns]]]]:
        """Blocks of texts, so few that `width` times their number is a number of 32 bits: how many, and what each kind reads in them."""
        for some in _blocks(texts, 2**31 // width):
            with self._lock:
                self._pieces.make_room()
                whole = self._pieces.stream(some)
                long = any(len(text) > _LONGEST_TEXT for text in some)
                begun = self._pieces.stream([text[:_LONGEST_TEXT] for text in some]) if long else whole
                found = [kind.read(whole if kind.whole else begun) for kind in self._pieces.kinds]
            yield len(some), found


class _Rows:
    """Rows of zeros and ones, from keys `row * width + column` of blocks of rows, in any order and any number of times."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._lengths, self._indices = [np.zeros(1, np.int64)], [np.empty(0, np.int32)]

    def add(self, n_rows: int, keys: Numbers) -> None:
        """The keys of the next `n_rows` rows, all below 2**31."""
        met = distinct(keys.astype(np.int32))  # half as wide, which sorts in half the time
        edges = np.arange(n_rows + 1, dtype=np.int64) * self._width
        lengths = np.diff(np.searchsorted(met, edges))
        self._lengths.append(lengths)
        self._indices.append(met - np.repeat(edges[:-1].astype(np.int32), lengths))

    def sparse(self) -> Sparse:
        import scipy.sparse as sp

        ends, indices = np.cumsum(np.concatenate(self._lengths)), np.concatenate(self._indices)
        shape = (len(ends) - 1, self._width)
        return sp.csr_matrix((np.ones(len(indices), dtype=np.int8), indices, ends), shape=shape)


def numbered(texts: Sequence[str]) -> tuple[list[str], NDArray[np.intp]]:
    """The distinct texts, and where each of `texts` `(n,)` stands among them."""
    number: dict[str, int] = {}
    rows = [number.setdefault(text, len(number)) for text in texts]
    return list(number), np.array(rows, dtype=np.intp)


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
    """RowDifferences of the responses in each kind of n-gram, and the words of the prompt, for a label model.

    Views are named as in `KINDS` and have `VIEW_COLUMNS` columns each, with values -1, 0 and 1. The context holds
    the prompt's words but function words, hashed to `CONTEXT_COLUMNS` columns, as logarithms of their counts,
    scaled to length 1.

    Args:
        pairs: any pairs.
        rows: `(n_pairs,)` bool, the rows that are needed; the others are left empty, which saves their cost.
    """
    import scipy.sparse as sp

    wanted = np.arange(len(pairs)) if rows is None else np.flatnonzero(rows)
    blocks = [PairFeatures(dict.fromkeys(KINDS, _none(VIEW_COLUMNS)), _none(CONTEXT_COLUMNS))]
    for start in range(0, len(wanted), _ROWS):
        some = asked_features(pairs.take(wanted[start : start + _ROWS]))
        views = {kind: view.worked_out() for kind, view in some.views.items()}
        blocks.append(PairFeatures(views, some.context))
    views = {kind: sp.vstack([block.views[kind] for block in blocks], format="csr") for kind in KINDS}
    context = sp.vstack([block.context for block in blocks], format="csr")
    places = {kind: _spread_out(view, wanted, len(pairs)) for kind, view in views.items()}
    return PairFeatures(places, _spread_out(context, wanted, len(pairs)))


def asked_features(pairs: Pairs) -> PairFeatures:
    """The features of `pair_features` for a model that only multiplies them: the differences are not worked out."""
    responses, rows = numbered(
        [text for name in ("response_a", "response_b") for text in pairs.table[name].to_pylist()]
    )
    a, b = rows[: len(pairs)], rows[len(pairs) :]
    read = zip(KINDS, _views().views(responses), strict=True)
    prompts, rows = numbered(pairs.table["prompt"].to_pylist())
    return PairFeatures(
        {kind: RowDifferences(view, a, b) for kind, view in read}, prompt_words(prompts)[rows]
    )


def _none(width: int) -> Sparse:
    import scipy.sparse as sp

    return sp.csr_matrix((0, width))


def response_features(prompts: Sequence[str], responses: Sequence[str]) -> tuple[Sparse, Sparse]:
    """What `pair_features` sees, of single responses: pairs have the difference of two such rows, and their context.

    Returns:
        `(n, len(KINDS) * VIEW_COLUMNS)` int8 CSR, the views of each response side by side in the order of `KINDS`; and
        `(n, CONTEXT_COLUMNS)` CSR, the words of each prompt.
    """
    return _views().transform(responses), prompt_words(prompts)


def prompt_words(prompts: Sequence[str]) -> Sparse:
    """`(n, CONTEXT_COLUMNS)` CSR float64 >= 0, rows of length 1: the words of each prompt, as in `pair_features`."""
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
