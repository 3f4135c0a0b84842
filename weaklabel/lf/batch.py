"""`PairBatch`: the pairs of a shard, in the forms in which labeling functions want them.

A pair function wants `Pair` objects, a response scorer each distinct response once, a batch scorer a column of them.
Each form is made when a labeling function first asks for it, and all of them share the same texts, so that what one
function has computed the next one finds. What is shared cannot be changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any, Final, NamedTuple

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from weaklabel.text.column import TextColumn
from weaklabel.text.tokens import Ints, numbers_of, strings_of
from weaklabel.types import Pair, Text
from weaklabel.types.frozen import frozen
from weaklabel.types.messages import Message, copied
from weaklabel.types.pair import declared_columns

_TEXTS: Final = ("prompt", "response_a", "response_b")


PIECE_BYTES: Final = 4 << 20
"""About so much text is voted on at a time: more would cost memory, less would look at every word more often."""


class Asked(NamedTuple):
    """Distinct responses, each with its prompt, and where those of every pair stand.

    Attributes:
        response, prompt: columns of equal length.
        rows: `(n_pairs, 2)` int64; `rows[i, 0]` is where response a of pair i stands, `rows[i, 1]` response b.
    """

    response: TextColumn
    prompt: TextColumn
    rows: NDArray[np.int64]


class PairBatch:
    """Pairs to vote on together.

    Attributes:
        responses: every distinct response.
        response_rows: `(n_pairs, 2)` int64, where the two responses of each pair stand in `responses`.
        prompts: every distinct prompt.
        prompt_rows: `(n_pairs,)` int64, where the prompt of each pair stands in `prompts`.
    """

    def __init__(self, table: pa.Table) -> None:
        """Take a shard's table: texts, and whatever columns its labeling functions declare."""
        self._table: pa.Table | None = table
        columns = [_arrow(table[name]) for name in _TEXTS]
        n = table.num_rows
        self.prompts, self.prompt_rows = _distinct(columns[0])
        self.responses, rows = _distinct(pa.concat_arrays(columns[1:]))
        self.response_rows = np.column_stack([rows[:n], rows[n:]])

    @classmethod
    def of(cls, pairs: Sequence[Pair]) -> PairBatch:
        """Take pairs that exist already, with what their texts remember."""
        batch = cls.__new__(cls)
        batch._table = None
        batch._pairs = pairs
        index: dict[Text, int] = {}
        rows = [
            (index.setdefault(p.response_a, len(index)), index.setdefault(p.response_b, len(index)))
            for p in pairs
        ]
        batch.response_rows = np.array(rows, np.int64).reshape(len(pairs), 2)
        batch.responses = TextColumn.of(list(index))
        index = {}
        batch.prompt_rows = np.array([index.setdefault(p.prompt, len(index)) for p in pairs], np.int64)
        batch.prompts = TextColumn.of(list(index))
        return batch

    _pairs: Sequence[Pair] = ()

    def __len__(self) -> int:
        return len(self.prompt_rows)

    @cached_property
    def ids(self) -> Sequence[str]:
        """The pairs' ids."""
        return [pair.id for pair in self._pairs] if self._table is None else self._table["id"].to_pylist()

    @cached_property
    def asked(self) -> Asked:
        """Every distinct response with its prompt: what a scorer that sees the prompt scores."""
        keys = self.response_rows * max(1, len(self.prompts)) + self.prompt_rows[:, None]
        distinct, rows = np.unique(keys.ravel(), return_inverse=True)
        response, prompt = np.divmod(distinct, max(1, len(self.prompts)))
        return Asked(self.responses.take(response), self.prompts.take(prompt), rows.reshape(-1, 2))

    def pairs(self, columns: tuple[str, ...] = ()) -> Sequence[Pair]:
        """The pairs one by one, each with the given columns and nothing else of the source."""
        if self._table is None:
            return self._pairs
        if columns not in self._views:
            shown = [_shown(self._table[name]) for name in columns]
            rows = zip(*shown, strict=True) if shown else [()] * len(self)
            self._views[columns] = [
                Pair(*parts, declared_columns(dict(zip(columns, row, strict=True))))
                for parts, row in zip(self._parts, rows, strict=True)
            ]
        return self._views[columns]

    @cached_property
    def _views(self) -> dict[tuple[str, ...], list[Pair]]:
        return {}

    @cached_property
    def _parts(self) -> list[tuple[str, Text, Text, Text, tuple[Message, ...]]]:
        assert self._table is not None
        prompts, responses = self.prompts.texts, self.responses.texts
        messages = _messages(self._table)
        return [
            (pair_id, prompts[p], responses[a], responses[b], turns)
            for pair_id, p, (a, b), turns in zip(
                self.ids, self.prompt_rows.tolist(), self.response_rows.tolist(), messages, strict=True
            )
        ]


def _shown(column: pa.ChunkedArray) -> list[Any]:
    """The values of a column, of which none can be changed."""
    values: list[Any] = column.to_pylist()
    return [frozen(value) for value in values] if pa.types.is_nested(column.type) else values


def _messages(table: pa.Table) -> list[tuple[Message, ...]]:
    if "messages" not in table.column_names or table["messages"].null_count == table.num_rows:
        return [()] * table.num_rows
    return [frozen(copied(turns)) for turns in table["messages"].to_pylist()]


def _arrow(column: pa.ChunkedArray) -> pa.LargeStringArray:
    return (
        pa.concat_arrays([chunk.cast(pa.large_string()) for chunk in column.chunks])
        if column.chunks
        else strings_of([])
    )


def _distinct(texts: pa.LargeStringArray) -> tuple[TextColumn, Ints]:
    """Every distinct text, and where each of `texts` stands among them."""
    hashes = pl.Series(texts).hash()
    if hashes.n_unique() == len(texts):  # texts with different hashes are different: nothing to compare
        return TextColumn(texts), np.arange(len(texts))
    encoded = texts.dictionary_encode()
    return TextColumn(encoded.dictionary), numbers_of(encoded.indices).astype(np.int64)


def pieces(table: pa.Table) -> Iterator[pa.Table]:
    """A shard in pieces of consecutive rows with about `PIECE_BYTES` of text each, one pair at least."""
    sizes = np.zeros(len(table), np.int64)
    for name in _TEXTS:
        parts = [numbers_of(pc.binary_length(part)) for part in table[name].chunks]
        sizes += np.concatenate([sizes[:0], *parts])
    piece = np.cumsum(sizes) // PIECE_BYTES
    starts = [0, *(np.flatnonzero(np.diff(piece)) + 1).tolist(), len(table)]
    for start, end in pairwise(starts):
        yield table.slice(start, end - start)
