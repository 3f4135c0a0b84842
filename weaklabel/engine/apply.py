"""`apply`: labeling functions on pairs, to votes.

The pairs are cut into shards of rows. Per shard, what the store holds fresh is read; the rest becomes a task
for an executor. A task that runs over its time limit, or takes its worker process down, is tried again function
by function, so that only the guilty one's votes on that shard become faults.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal

import numpy as np
import pyarrow as pa

from weaklabel.engine.executors import Executor, InProcess
from weaklabel.engine.pool import WorkerPool
from weaklabel.engine.shards import (
    SHARD_SIZE,
    Answer,
    Outcome,
    ShardTask,
    failed_column,
    shard_hash,
    visible_table,
)
from weaklabel.engine.store import Cell, VoteStore
from weaklabel.errors import (
    ConfigError,
    DataError,
    FaultShareError,
    LabelingFunctionError,
    UnknownNameError,
    VoteError,
)
from weaklabel.lf.core import Column, LabelingFunction
from weaklabel.lf.discovery import fingerprint, locate
from weaklabel.types import ABSTAIN, Fault, Pairs, Votes

OnFault = Literal["record", "raise"]
Progress = Callable[[int, int], None]

_MAX_TRIES: Final = 2
_log = logging.getLogger("weaklabel")


@dataclass(frozen=True)
class Applied:
    """A finished run.

    Attributes:
        votes: one row per pair, one column per labeling function.
        reused, computed: how many (function, shard) cells came from the store and how many were worked out.
        seconds: computing time per function, 0 where everything was reused.
        notes: what the run could not do, in words.
    """

    votes: Votes
    reused: int
    computed: int
    seconds: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def apply(
    lfs: Sequence[LabelingFunction],
    pairs: Pairs,
    *,
    workers: int = 1,
    time_limit: float | None = None,
    on_fault: OnFault = "record",
    max_fault_share: float | None = None,
    store: VoteStore | None = None,
    progress: Progress | None = None,
    shard_size: int = SHARD_SIZE,
) -> Votes:
    """Votes and margins of every labeling function on every pair, rows in the order of the pairs.

    Args:
        lfs: labeling functions with distinct names.
        pairs: what they vote on. Each function sees the texts and the columns it declared, nothing else.
        workers: processes. With 1 and no time limit everything runs in this one.
        time_limit: seconds per shard. A function that takes longer is ended, and its votes there are faults.
        on_fault: "record" failures in `Votes.faults` as abstains, or "raise" the first.
        max_fault_share: the largest share of a function's votes that may fail, in [0, 1]; None allows any.
        store: where votes are kept and found again. A run that was killed continues.
        progress: called as `progress(done_pairs, total_pairs)`.
        shard_size: pairs per shard.

    Raises:
        LabelingFunctionError: no functions, two of one name, or one that other processes cannot find.
        DataError: a function declares a column that the pairs do not have.
        VoteError: a function failed and `on_fault` is "raise".
        FaultShareError: more than `max_fault_share` of a function's votes failed.
    """
    return apply_with_report(
        lfs,
        pairs,
        workers=workers,
        time_limit=time_limit,
        on_fault=on_fault,
        max_fault_share=max_fault_share,
        store=store,
        progress=progress,
        shard_size=shard_size,
    ).votes


def apply_with_report(
    lfs: Sequence[LabelingFunction],
    pairs: Pairs,
    *,
    workers: int = 1,
    time_limit: float | None = None,
    on_fault: OnFault = "record",
    max_fault_share: float | None = None,
    store: VoteStore | None = None,
    progress: Progress | None = None,
    shard_size: int = SHARD_SIZE,
) -> Applied:
    """`apply`, with what was reused and what each function cost."""
    _check_settings(workers, time_limit, on_fault, max_fault_share, shard_size)
    _check_lfs(lfs, pairs)
    run = _Run(lfs, pairs, store, on_fault, progress, shard_size)
    if store is not None:
        store.sweep()
        store.describe(lfs)
    executor, notes = _choose_executor(lfs, run.fingerprints, workers, time_limit, store)
    for note in notes:
        _log.info(note)
    try:
        run.drive(executor)
    finally:
        executor.close()
    applied = run.result(notes)
    _check_fault_share(applied.votes, max_fault_share)
    return applied


class _Run:
    """One call of `apply`: plans shards, takes answers, and fills the matrices."""

    def __init__(
        self,
        lfs: Sequence[LabelingFunction],
        pairs: Pairs,
        store: VoteStore | None,
        on_fault: OnFault,
        progress: Progress | None,
        shard_size: int,
    ) -> None:
        self.lfs, self.store, self.on_fault, self.progress = lfs, store, on_fault, progress
        self.shard_size = shard_size
        self.fingerprints = [fingerprint(lf) for lf in lfs]
        self.table = visible_table(pairs, lfs)
        self.ids = pairs.ids
        self.L = np.full((len(pairs), len(lfs)), ABSTAIN, dtype=np.int8)
        self.margins = np.full(self.L.shape, np.nan, dtype=np.float32)
        self.faults: dict[tuple[int, int], tuple[Fault, ...]] = {}
        self.seconds = dict.fromkeys((lf.name for lf in lfs), 0.0)
        self.reused = self.computed = self.done_pairs = 0
        self.missing: dict[int, int] = {}
        # Functions that ran over or died: on later shards they get tasks of their own from the start.
        self.suspects: set[int] = set()
        self.again: deque[ShardTask] = deque()

    def drive(self, executor: Executor) -> None:
        planned = self._plan()
        running = 0
        while True:
            while running < executor.capacity:
                task = self.again.popleft() if self.again else next(planned, None)
                if task is None:
                    break
                executor.submit(task)
                running += 1
            if not running:
                return
            outcome = executor.next_done()
            running -= 1
            if outcome.failure:
                self._try_again(outcome)
            else:
                for answer in outcome.answers:
                    self._take(outcome.task.number, answer)

    def result(self, notes: tuple[str, ...]) -> Applied:
        faults = tuple(
            fault
            for column in range(len(self.lfs))
            for key in sorted(key for key in self.faults if key[1] == column)
            for fault in self.faults[key]
        )
        names = tuple(lf.name for lf in self.lfs)
        votes = Votes(self.L, self.margins, names, self.ids, faults)
        return Applied(votes, self.reused, self.computed, self.seconds, notes)

    def _plan(self) -> Iterator[ShardTask]:
        for number, start in enumerate(range(0, len(self.ids), self.shard_size)):
            table = self.table.slice(start, self.shard_size)
            cells = self._cells(table)
            self.missing[number] = len(self.lfs)
            todo = [i for i in range(len(self.lfs)) if not self._reuse(number, i, cells[i], len(table))]
            groups = [[i for i in todo if i not in self.suspects], *([i] for i in todo if i in self.suspects)]
            for group in groups:
                if group:
                    yield ShardTask(number, table, tuple(group), tuple(cells[i] for i in group))

    def _cells(self, table: pa.Table) -> list[Cell | None]:
        if self.store is None:
            return [None] * len(self.lfs)
        hashes: dict[tuple[str, ...], str] = {}
        for lf in self.lfs:
            if lf.columns not in hashes:
                hashes[lf.columns] = shard_hash(table, lf)
        return [
            Cell(lf.name, version, hashes[lf.columns]) if version else None
            for lf, version in zip(self.lfs, self.fingerprints, strict=True)
        ]

    def _reuse(self, number: int, lf: int, cell: Cell | None, n_pairs: int) -> bool:
        column = self.store.load(cell, n_pairs) if self.store is not None and cell is not None else None
        if column is None:
            return False
        self.reused += 1
        self._place(number, lf, column)
        return True

    def _take(self, number: int, answer: Answer) -> None:
        self.computed += 1
        self.seconds[self.lfs[answer.lf].name] += answer.seconds
        self._place(number, answer.lf, answer.column)

    def _place(self, number: int, lf: int, column: Column) -> None:
        if column.faults and self.on_fault == "raise":
            raise VoteError(_with_pair(column.faults[0]))
        start = number * self.shard_size
        rows = slice(start, start + len(column.votes))
        self.L[rows, lf] = column.votes
        self.margins[rows, lf] = column.margins
        if column.faults:
            self.faults[number, lf] = column.faults
        self.missing[number] -= 1
        if not self.missing[number]:
            self.done_pairs += len(column.votes)
            if self.progress is not None:
                self.progress(self.done_pairs, len(self.ids))

    def _try_again(self, outcome: Outcome) -> None:
        """Once more after a death, then function by function, then give this function up on this shard."""
        task = outcome.task
        if outcome.died and task.tries + 1 < _MAX_TRIES:
            self.again.append(replace(task, tries=task.tries + 1))
        elif len(task.lfs) > 1:
            cells = task.cells or (None,) * len(task.lfs)
            for lf, cell in zip(task.lfs, cells, strict=True):
                self.again.append(ShardTask(task.number, task.table, (lf,), (cell,)))
        else:
            (lf,) = task.lfs
            self.suspects.add(lf)
            ids = task.table["id"].to_pylist()
            name = self.lfs[lf].name
            error = f"{name!r} {outcome.failure} on {len(ids)} pairs, first {ids[0]!r}"
            self._take(task.number, Answer(lf, failed_column(name, ids, error), 0.0))


def _choose_executor(
    lfs: Sequence[LabelingFunction],
    fingerprints: Sequence[str | None],
    workers: int,
    time_limit: float | None,
    store: VoteStore | None,
) -> tuple[Executor, tuple[str, ...]]:
    located = [locate(lf) for lf in lfs]
    homeless = [lf.name for lf in located if lf.spec is None]
    if workers > 1 and homeless:
        raise LabelingFunctionError(
            f"{homeless[0]!r} lives only in this process, so {workers} workers cannot find it. "
            "Move it into a file and load that with load_lfs, or use workers=1."
        )
    notes = []
    unkept = [lf.name for lf, version in zip(lfs, fingerprints, strict=True) if version is None]
    if unkept and store is not None:
        notes.append(
            f"votes of {_some(unkept)} are not kept: load labeling functions from a file with load_lfs."
        )
    if homeless and time_limit is not None:
        notes.append(
            f"{_some(homeless)} live only in this process: the time limit cannot end a call into a C library."
        )
    if not homeless and (workers > 1 or time_limit is not None):
        pool = WorkerPool(located, fingerprints, workers=workers, time_limit=time_limit, store=store)
        return pool, tuple(notes)
    return InProcess(lfs, time_limit, store), tuple(notes)


def _check_settings(
    workers: int, time_limit: float | None, on_fault: str, max_fault_share: float | None, shard_size: int
) -> None:
    for name, value in (("workers", workers), ("shard_size", shard_size)):
        if not isinstance(value, int) or value < 1:
            raise ConfigError(f"{name} is {value!r}. Allowed: a whole number of at least 1.")
    if time_limit is not None and not (
        isinstance(time_limit, (int, float)) and 0 < time_limit < float("inf")
    ):
        raise ConfigError(f"time_limit is {time_limit!r}. Allowed: seconds above 0, or None for no limit.")
    if on_fault not in ("record", "raise"):
        raise UnknownNameError.for_name("on_fault rule", on_fault, ["record", "raise"])
    if max_fault_share is not None and not 0 <= max_fault_share <= 1:
        raise ConfigError(f"max_fault_share is {max_fault_share}. Allowed: a share between 0 and 1, or None.")


def _check_lfs(lfs: Sequence[LabelingFunction], pairs: Pairs) -> None:
    if not isinstance(pairs, Pairs):
        raise DataError(f"apply takes Pairs, not {type(pairs).__name__}. Make them with read_pairs(...).")
    if isinstance(lfs, LabelingFunction):
        raise LabelingFunctionError(f"apply takes a list of labeling functions. Write [{lfs.name}].")
    if not lfs:
        raise LabelingFunctionError("no labeling functions were given. Load some with load_lfs('lfs/').")
    names = set()
    for lf in lfs:
        if not isinstance(lf, LabelingFunction):
            name = getattr(lf, "__name__", repr(lf))
            raise LabelingFunctionError(
                f"{name!r} is no labeling function. Decorate it with @labeling_function or @response_scorer."
            )
        if lf.name in names:
            raise LabelingFunctionError(f"two labeling functions are named {lf.name!r}. Rename one of them.")
        names.add(lf.name)


def _check_fault_share(votes: Votes, limit: float | None) -> None:
    if limit is None or not votes.faults:
        return
    for name in votes.lf_names:
        faults = [fault for fault in votes.faults if fault.lf == name]
        share = len(faults) / len(votes)
        if share > limit:
            raise FaultShareError(
                f"{name!r} failed on {len(faults)} of {len(votes)} pairs ({share:.1%}); {limit:.1%} is allowed. "
                f"First: {_with_pair(faults[0])}. Repair it, or allow more with --max-fault-share."
            )


def _with_pair(fault: Fault) -> str:
    shown = repr(fault.pair_id)
    return fault.error if shown in fault.error else f"{fault.error} (pair {shown})"


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"
