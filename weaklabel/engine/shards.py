"""A shard task: some labeling functions on a slice of the pairs. The unit of every executor.

Tasks do not depend on each other and may run twice, in any process, in any order: what a task computes is
decided by its table and its functions alone, and where it is kept by their hashes.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

import numpy as np
import pyarrow as pa

from weaklabel.artifacts import table_hash
from weaklabel.engine.store import Cell, VoteStore
from weaklabel.errors import DataError
from weaklabel.lf.columns import with_derived_columns
from weaklabel.lf.core import Column, LabelingFunction
from weaklabel.types import ABSTAIN, CANONICAL, Fault, Pair, Pairs

SHARD_SIZE: Final = 8192
_ALWAYS_SEEN: Final = ("id", "prompt", "response_a", "response_b", "messages")
_NEVER_SEEN: Final = ("gold", "part", "swapped")


@dataclass(frozen=True)
class ShardTask:
    """Labeling functions `lfs` (indices into the run's list) on one shard.

    Attributes:
        number: the shard's position in row order.
        table: the shard, with the columns that the functions may see and no others.
        cells: where each function's votes are kept, in the order of `lfs`; None for those that are not.
        tries: how often it was started and its worker died.
    """

    number: int
    table: pa.Table
    lfs: tuple[int, ...]
    cells: tuple[Cell | None, ...] = ()
    tries: int = 0


@dataclass(frozen=True)
class Answer:
    """What one labeling function said of one shard, and how many seconds that took."""

    lf: int
    column: Column
    seconds: float


@dataclass(frozen=True)
class Outcome:
    """How a task ended: answers, or the words that say why there are none.

    Attributes:
        failure: "" when it ended well, else what became of it, e.g. "exceeded the time limit of 5 s".
        died: whether it took its worker process with it.
    """

    task: ShardTask
    answers: tuple[Answer, ...] = ()
    failure: str = ""
    died: bool = field(default=False)


def run_task(task: ShardTask, lfs: Sequence[LabelingFunction], store: VoteStore | None) -> tuple[Answer, ...]:
    """Compute a task's votes, and file each function's as soon as it is done."""
    chosen = [lfs[i] for i in task.lfs]
    views = _views(task.table, chosen)
    answers = []
    for position, (index, lf) in enumerate(zip(task.lfs, chosen, strict=True)):
        start = time.perf_counter()
        column = _vote_all(lf, views[lf.columns])
        answers.append(Answer(index, column, time.perf_counter() - start))
        cell = task.cells[position] if task.cells else None
        if store is not None and cell is not None:
            store.save(cell, column)
    return tuple(answers)


def visible_table(pairs: Pairs, lfs: Sequence[LabelingFunction]) -> pa.Table:
    """The columns that `lfs` may see: id, texts, messages, and what they declare.

    Raises:
        DataError: a declared column does not exist, or would give the answer away.
    """
    for lf in lfs:
        leaks = [name for name in lf.columns if name in _NEVER_SEEN]
        if leaks:
            raise DataError(
                f"{lf.name!r} declares column {leaks[0]!r}, which can hold the answer. "
                f"Labeling functions may not see {', '.join(_NEVER_SEEN)}."
            )
    table = with_derived_columns(lfs, pairs).table
    for lf in lfs:
        missing = [name for name in lf.columns if name not in table.column_names]
        if missing:
            raise DataError(
                f"{lf.name!r} declares column {missing[0]!r}. The pairs have: {', '.join(pairs.table.column_names)}."
            )
    return table.select(list(dict.fromkeys([*_ALWAYS_SEEN, *(name for lf in lfs for name in lf.columns)])))


def shard_hash(table: pa.Table, lf: LabelingFunction) -> str:
    """Hash of the part of a shard that `lf` can see."""
    return table_hash(table.select(list(dict.fromkeys([*_ALWAYS_SEEN, *lf.columns]))))


def failed_column(name: str, ids: Sequence[str], error: str) -> Column:
    """A column of faults: what stands for votes that could not be had."""
    faults = tuple(Fault(name, pair_id, error) for pair_id in ids)
    nothing = np.full(len(ids), np.nan, dtype=np.float32)
    return Column(np.full(len(ids), ABSTAIN, dtype=np.int8), nothing, faults)


def _vote_all(lf: LabelingFunction, pairs: Sequence[Pair]) -> Column:
    try:
        return lf.vote_all(pairs)
    except (Exception, SystemExit) as error:
        # Kinds of LF that come from elsewhere may fail as a whole.
        text = f"{lf.name!r} raised {type(error).__name__}: {error}"[:500]
        return failed_column(lf.name, [pair.id for pair in pairs], text)


def _views(table: pa.Table, lfs: Sequence[LabelingFunction]) -> dict[tuple[str, ...], list[Pair]]:
    """The shard's pairs once per set of declared columns. The views share their texts, and what those remember."""
    absent = [(f.name, f.type) for f in CANONICAL if f.name not in table.column_names]
    for name, kind in absent:
        table = table.append_column(name, pa.nulls(len(table), kind))
    union = tuple(dict.fromkeys(name for lf in lfs for name in lf.columns))
    pairs = list(Pairs(table).iter_pairs(union))
    views: dict[tuple[str, ...], list[Pair]] = {union: pairs}
    for lf in lfs:
        if lf.columns not in views:
            views[lf.columns] = [_view(pair, lf.columns) for pair in pairs]
    return views


def _view(pair: Pair, columns: tuple[str, ...]) -> Pair:
    own = MappingProxyType({name: pair.columns[name] for name in columns})
    return Pair(pair.id, pair.prompt, pair.response_a, pair.response_b, pair.messages, own)
