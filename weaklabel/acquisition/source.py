"""`Source`: labelled pairs from which questions are chosen, read column by column, so that no text is read in vain."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from weaklabel.types import CANONICAL, FloatArray, Int8Array, Labels, LabelsFile, Pairs
from weaklabel.types.labels import VOTE_PREFIX

Rows = NDArray[np.int64]
Opinion = Callable[[Rows], FloatArray]
"""From rows, rising, to the log-odds `(n,)` of a second opinion on them."""


@dataclass(frozen=True)
class Facts:
    """What is known of some pairs before a response is read.

    Attributes:
        ids, prompts: of the `n` pairs.
        logit, w: `(n,)` of their labels.
        L: `(n, n_lfs)` their votes.
    """

    ids: tuple[str, ...]
    prompts: tuple[str, ...]
    logit: FloatArray
    w: FloatArray
    L: Int8Array


class Source:
    """Labelled pairs, in memory or in a file.

    Args:
        columns: names in the table of labels.
        tables: from some names to the tables of these columns, one part after the other, all rows.
        opinion: a second opinion; None where there is none.
    """

    def __init__(
        self,
        columns: Sequence[str],
        tables: Callable[[list[str]], Iterator[pa.Table]],
        opinion: Opinion | None = None,
    ) -> None:
        self._columns, self._tables, self.opinion = tuple(columns), tables, opinion

    @classmethod
    def of(cls, labels: Labels | LabelsFile, opinion: Opinion | None = None) -> Source:
        """Labels in memory, or as `weaklabel label` wrote them."""
        if isinstance(labels, LabelsFile):
            return cls(labels.column_names, labels.tables, opinion)
        table = labels.to_table()
        return cls(table.column_names, lambda names: iter([table.select(names)]), opinion)

    def places(self, skip: Collection[str] = ()) -> tuple[Rows, Rows]:
        """Rows that may be asked, and rows with gold that may be looked at; of locked prompts neither.

        Args:
            skip: ids that may not be asked.
        """
        free, known, start = [np.empty(0, np.int64)], [np.empty(0, np.int64)], 0
        for table in self._tables(["gold", "part", *(["id"] if skip else [])]):
            gold = np.asarray(pc.is_valid(table["gold"]), dtype=np.bool_)
            locked = np.asarray(pc.fill_null(pc.equal(table["part"], "test"), False), dtype=np.bool_)
            skipped = np.asarray(_is_in(table["id"], skip), dtype=np.bool_) if skip else locked
            free.append(np.flatnonzero(~gold & ~locked & ~skipped) + start)
            known.append(np.flatnonzero(gold & ~locked) + start)
            start += len(table)
        return np.concatenate(free), np.concatenate(known)

    def facts(self, rows: Rows) -> Facts:
        """Of rows, rising."""
        names = [name for name in self._columns if name.startswith(VOTE_PREFIX)]
        table = self._take(rows, ["id", "prompt", "logit", "w", *names])
        L = np.empty((len(rows), len(names)), dtype=np.int8)
        for j, name in enumerate(names):
            L[:, j] = table[name].to_numpy()
        ids, prompts = (tuple(table[name].to_pylist()) for name in ("id", "prompt"))
        return Facts(ids, prompts, table["logit"].to_numpy(), table["w"].to_numpy(), L)

    def prompts(self, rows: Rows) -> list[str]:
        """Of rows, rising."""
        found: list[str] = self._take(rows, ["prompt"])["prompt"].to_pylist()
        return found

    def pairs(self, rows: Rows) -> Pairs:
        """The pairs at rows, rising, with their texts and without what is behind the canonical columns."""
        return Pairs(self._take(rows, CANONICAL.names))

    def _take(self, rows: Rows, names: list[str]) -> pa.Table:
        parts, start = [], 0
        for table in self._tables(names):
            first, last = np.searchsorted(rows, [start, start + len(table)])
            parts.append(table.take(pa.array(rows[first:last] - start)))
            start += len(table)
        return pa.concat_tables(parts)


def _is_in(ids: pa.ChunkedArray, some: Collection[str]) -> pa.ChunkedArray:
    return pc.is_in(ids, pa.array(list(some), pa.string()))
