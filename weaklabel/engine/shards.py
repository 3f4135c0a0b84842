"""A shard task: some labeling functions on a slice of the pairs. The unit of every executor.

Tasks do not depend on each other and may run twice, in any process, in any order: what a task computes is
decided by its shard and its functions alone, and where it is kept by their hashes.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from weaklabel.engine.sources import Shard
from weaklabel.engine.store import Cell, Tally, VoteStore
from weaklabel.lf.batch import PairBatch, pieces
from weaklabel.lf.core import Column, LabelingFunction
from weaklabel.text.timings import LEDGER
from weaklabel.types import ABSTAIN, Fault

SHARD_SIZE: Final = 8192


@dataclass(frozen=True)
class ShardTask:
    """Labeling functions `lfs` (indices into the run's list) on one shard.

    Attributes:
        number: the shard's position in row order.
        shard: how to come by its rows.
        lfs: which functions.
        cells: where each function's votes are kept, in the order of `lfs`; None for those that are not.
        send_votes: whether the answers carry the votes; without, only those that could not be kept.
        tries: how often it was started and its worker died.
    """

    number: int
    shard: Shard
    lfs: tuple[int, ...]
    cells: tuple[Cell | None, ...]
    send_votes: bool = True
    tries: int = 0


@dataclass(frozen=True)
class Answer:
    """What one labeling function said of one shard.

    Attributes:
        lf: its index in the run's list.
        tally: its votes, counted.
        seconds: how long it took.
        column: its votes; None where they are in the store and nobody asked for them.
        given_up: it never came to an end, and the column holds faults in place of votes.
    """

    lf: int
    tally: Tally
    seconds: float
    column: Column | None
    given_up: bool = False


@dataclass(frozen=True)
class Outcome:
    """How a task ended: answers, or the words that say why there are none.

    Attributes:
        feature_seconds: what each feature that functions share took.
        failure: "" when it ended well, else what became of it, e.g. "exceeded the time limit of 5 s".
        died: whether it took its worker process with it.
    """

    task: ShardTask
    answers: tuple[Answer, ...] = ()
    failure: str = ""
    died: bool = False
    feature_seconds: Mapping[str, float] = field(default_factory=dict)


def run_task(
    task: ShardTask, lfs: Sequence[LabelingFunction], store: VoteStore | None
) -> tuple[tuple[Answer, ...], dict[str, float]]:
    """Compute a task's votes, and file them. The answers, and the seconds of every feature that functions share."""
    chosen = [lfs[i] for i in task.lfs]
    found: list[list[Column]] = [[] for _ in chosen]
    seconds = [0.0] * len(chosen)
    LEDGER.taken()
    table = task.shard.table(chosen)
    for lf, cell in zip(chosen, task.cells, strict=True):
        if cell is not None:
            task.shard.check(table, lf, cell.shard)
    for piece in pieces(table):
        batch = PairBatch(piece)
        for position, lf in enumerate(chosen):
            start, shared = time.perf_counter(), LEDGER.total
            found[position].append(_vote(lf, batch))
            seconds[position] += time.perf_counter() - start - (LEDGER.total - shared)
    answers = []
    for position, (index, cell) in enumerate(zip(task.lfs, task.cells, strict=True)):
        column = Column.concat(found[position])
        kept = store is not None and cell is not None
        if store is not None and cell is not None:
            store.save(cell, column)
        sent = column if task.send_votes or not kept else None
        answers.append(Answer(index, Tally.of(column), seconds[position], sent))
    return tuple(answers), LEDGER.taken()


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
