"""A shard task: some labeling functions on a slice of the pairs. The unit of every executor.

Tasks do not depend on each other and may run twice, in any process, in any order: what a task computes is
decided by its table and its functions alone, and where it is kept by their hashes.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pyarrow as pa

from weaklabel.artifacts import table_hash
from weaklabel.engine.store import Cell, VoteStore
from weaklabel.errors import DataError
from weaklabel.lf.batch import PairBatch, pieces
from weaklabel.lf.columns import with_derived_columns
from weaklabel.lf.core import Column, LabelingFunction
from weaklabel.types import ABSTAIN, Fault, Pairs

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
    """Compute a task's votes, and file them."""
    chosen = [lfs[i] for i in task.lfs]
    found: list[list[Column]] = [[] for _ in chosen]
    seconds = [0.0] * len(chosen)
    for piece in pieces(task.table):
        batch = PairBatch(piece)
        for position, lf in enumerate(chosen):
            start = time.perf_counter()
            found[position].append(_vote(lf, batch))
            seconds[position] += time.perf_counter() - start
    answers = []
    for position, index in enumerate(task.lfs):
        column = Column.concat(found[position])
        answers.append(Answer(index, column, seconds[position]))
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


def _vote(lf: LabelingFunction, batch: PairBatch) -> Column:
    try:
        return lf.vote_batch(batch)
    except (Exception, SystemExit) as error:
        # Kinds of LF that come from elsewhere may fail as a whole.
        text = f"{lf.name!r} raised {type(error).__name__}: {error}"[:500]
        return failed_column(lf.name, batch.ids, text)
