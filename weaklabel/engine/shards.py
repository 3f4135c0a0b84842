"""A shard task: some labeling functions on a slice of the pairs. The unit of every executor.

Tasks do not depend on each other and may run twice, in any process, in any order: what a task computes is
decided by its shard and its functions alone, and where it is kept by their hashes.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from weaklabel._guard import guarded, is_own
from weaklabel.engine.sources import Shard
from weaklabel.engine.store import Cell, Tally, VoteStore
from weaklabel.lf.batch import PairBatch, pieces
from weaklabel.lf.core import LabelingFunction
from weaklabel.lf.votes import BatchVotes, fault_of
from weaklabel.text.timings import TIMINGS
from weaklabel.types import FaultKind

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
        votes: what it said; None where that is in the store and was not asked for.
        given_up: it never came to an end, and there are faults in place of votes.
    """

    lf: int
    tally: Tally
    seconds: float
    votes: BatchVotes | None
    given_up: bool = False


@dataclass(frozen=True)
class Unfinished:
    """Why a task has no answers.

    Attributes:
        kind: "timed_out", "out_of_memory", or "killed" with its worker process.
        message: what it did, to be read after the name of a function: "exceeded the time limit of 5 s".
    """

    kind: FaultKind
    message: str


@dataclass(frozen=True)
class Outcome:
    """How a task ended: answers, or why there are none.

    Attributes:
        feature_seconds: what each feature that functions share took.
        failure: None when it ended well.
    """

    task: ShardTask
    answers: tuple[Answer, ...] = ()
    failure: Unfinished | None = None
    feature_seconds: Mapping[str, float] = field(default_factory=dict)


def run_task(
    task: ShardTask, lfs: Sequence[LabelingFunction], store: VoteStore | None
) -> tuple[tuple[Answer, ...], dict[str, float]]:
    """Compute a task's votes, and file them. The answers, and the seconds of every feature that functions share."""
    chosen = [lfs[i] for i in task.lfs]
    found: list[list[BatchVotes]] = [[] for _ in chosen]
    seconds = [0.0] * len(chosen)
    TIMINGS.taken()
    table = task.shard.table(chosen)
    for lf, cell in zip(chosen, task.cells, strict=True):
        if cell is not None:
            task.shard.check(table, lf, cell.shard)
    with guarded() as look:
        for piece in pieces(table):
            batch = PairBatch(piece)
            for position, lf in enumerate(chosen):
                start, shared = time.perf_counter(), TIMINGS.total
                votes = _vote(lf, batch)
                seconds[position] += time.perf_counter() - start - (TIMINGS.total - shared)
                if (overstepped := look(f"labeling function {lf.name!r}")) is not None:
                    # What it read by relative paths meanwhile is not known, so none of these votes counts.
                    votes = _failed(lf, batch, overstepped)
                found[position].append(votes)
    answers = []
    for position, (index, cell) in enumerate(zip(task.lfs, task.cells, strict=True)):
        votes = BatchVotes.concat(found[position])
        kept = store is not None and cell is not None
        if store is not None and cell is not None:
            store.save(cell, votes)
        sent = votes if task.send_votes or not kept else None
        answers.append(Answer(index, Tally.of(votes), seconds[position], sent))
    return tuple(answers), TIMINGS.taken()


def _vote(lf: LabelingFunction, batch: PairBatch) -> BatchVotes:
    try:
        return lf.vote_batch(batch)
    except BaseException as error:
        if not is_own(error):
            raise
        # Kinds of labeling functions that come from elsewhere may fail as a whole.
        return _failed(lf, batch, error)


def _failed(lf: LabelingFunction, batch: PairBatch, error: BaseException) -> BatchVotes:
    return BatchVotes.failed([fault_of(lf.name, pair_id, error) for pair_id in batch.ids])
