"""The driver of a run: plans shard tasks, hands them to an executor, and decides what to try again.

What it learns goes to a `Sink`: matrices in memory (`weaklabel.engine.apply`), or counts of what stands in the
store (`weaklabel.engine.stream`). A task that runs over its limits, or takes its worker process down, is tried
again function by function, so that only the guilty one's votes on that shard become faults.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from weaklabel._progress import bar
from weaklabel.engine.executors import Executor
from weaklabel.engine.shards import Answer, ShardTask, Unfinished
from weaklabel.engine.sources import Source
from weaklabel.engine.store import Cell, Tally, VoteStore
from weaklabel.lf.core import LabelingFunction
from weaklabel.lf.discovery import fingerprint
from weaklabel.lf.votes import BatchVotes, faults_of_all

_MAX_TRIES: Final = 2


@dataclass
class Progress:
    """How far a run has come.

    Attributes:
        done_pairs: pairs whose every vote is there, of `n_pairs`.
        reused, computed: how many (function, shard) cells came from the store and how many were worked out.
        faults: votes that failed so far.
        seconds: computing time per function, over all workers, without the features that functions share.
        feature_seconds: computing time per shared feature, likewise.
        computed_pairs: pairs of shards on which something was worked out: the others cost nothing.
    """

    n_pairs: int
    seconds: dict[str, float]
    done_pairs: int = 0
    reused: int = 0
    computed: int = 0
    faults: int = 0
    computed_pairs: int = 0
    feature_seconds: dict[str, float] = field(default_factory=dict)

    @property
    def told(self) -> str:
        """Faults so far, and the two functions that cost most, in a line."""
        parts = [f"{self.faults:,} faults"] if self.faults else []
        total = sum(self.seconds.values())
        if total:
            first = sorted(self.seconds.items(), key=lambda item: -item[1])[:2]
            parts.append(", ".join(f"{name} {seconds / total:.0%}" for name, seconds in first))
        return "; ".join(parts)


OnProgress = Callable[[Progress], None]


class Sink(Protocol):
    """Where votes end up."""

    def find(self, number: int, lf: int, cell: Cell, n_pairs: int) -> Tally | None:
        """Take the votes that stand at `cell`; None where there are none that can be trusted."""

    def take(self, number: int, answer: Answer, cell: Cell | None) -> None:
        """Take votes that were just computed."""


class Driver:
    """One run of labeling functions over a source.

    Args:
        lfs: labeling functions with distinct names.
        source: the pairs.
        store: where votes are kept; None keeps none.
        sink: where votes go.
        send_votes: whether workers send votes back although they are in the store.
        on_progress: told after every shard.
        shards: the shards to work on, all by default.
    """

    def __init__(
        self,
        lfs: Sequence[LabelingFunction],
        source: Source,
        store: VoteStore | None,
        sink: Sink,
        *,
        send_votes: bool,
        on_progress: OnProgress | None = None,
        shards: Sequence[int] | None = None,
    ) -> None:
        self.lfs, self.source, self.store, self.sink = lfs, source, store, sink
        self.fingerprints = [fingerprint(lf) for lf in lfs]
        self._send_votes, self._on_progress = send_votes, on_progress
        self._numbers = range(len(source)) if shards is None else shards
        n_pairs = sum(source.n_rows(number) for number in self._numbers)
        self.progress = Progress(n_pairs, dict.fromkeys((lf.name for lf in lfs), 0.0))
        self._missing: dict[int, int] = {}
        self._costly: set[int] = set()  # shards on which something is worked out
        # Functions that ran over or died: on later shards they get tasks of their own from the start.
        self._suspects: set[int] = set()
        self._again: deque[ShardTask] = deque()

    def drive(self, executor: Executor) -> None:
        """Work until every vote is there."""
        with bar("votes", self.progress.n_pairs) as self._step:
            self._drive(executor)

    def _drive(self, executor: Executor) -> None:
        planned = self._plan()
        running = 0
        while True:
            while running < executor.capacity:
                task = self._again.popleft() if self._again else next(planned, None)
                if task is None:
                    break
                executor.submit(task)
                running += 1
            if not running:
                return
            outcome = executor.next_done()
            running -= 1
            if outcome.failure is not None:
                self._try_again(outcome.task, outcome.failure)
            else:
                for name, seconds in outcome.feature_seconds.items():
                    known = self.progress.feature_seconds
                    known[name] = known.get(name, 0.0) + seconds
                for answer in outcome.answers:
                    self._take(outcome.task, answer)

    def cells(self, number: int) -> list[Cell | None]:
        """Where each function's votes on a shard are kept; None for functions whose votes are not."""
        if self.store is None:
            return [None] * len(self.lfs)
        return [
            Cell(lf.name, version, self.source.address(number, lf)) if version else None
            for lf, version in zip(self.lfs, self.fingerprints, strict=True)
        ]

    def _plan(self) -> Iterator[ShardTask]:
        for number in self._numbers:
            cells = self.cells(number)
            self._missing[number] = len(self.lfs)
            todo = [i for i, cell in enumerate(cells) if not self._find(number, i, cell)]
            groups = [
                [i for i in todo if i not in self._suspects],
                *([i] for i in todo if i in self._suspects),
            ]
            for group in groups:
                if group:
                    self._costly.add(number)
                    where = tuple(cells[i] for i in group)
                    yield ShardTask(number, self.source.shard(number), tuple(group), where, self._send_votes)

    def _find(self, number: int, lf: int, cell: Cell | None) -> bool:
        tally = None if cell is None else self.sink.find(number, lf, cell, self.source.n_rows(number))
        if tally is None:
            return False
        self.progress.reused += 1
        self._count(number, tally)
        return True

    def _take(self, task: ShardTask, answer: Answer) -> None:
        self.progress.computed += 1
        self.progress.seconds[self.lfs[answer.lf].name] += answer.seconds
        self.sink.take(task.number, answer, task.cells[task.lfs.index(answer.lf)])
        self._count(task.number, answer.tally)

    def _count(self, number: int, tally: Tally) -> None:
        self.progress.faults += tally.n_faults
        self._missing[number] -= 1
        if self._missing[number]:
            return
        del self._missing[number]
        n_pairs = self.source.n_rows(number)
        self.progress.done_pairs += n_pairs
        if number in self._costly:
            self._costly.discard(number)
            self.progress.computed_pairs += n_pairs
        self._step(n_pairs, self.progress.told)
        if self._on_progress is not None:
            self._on_progress(self.progress)

    def _try_again(self, task: ShardTask, failure: Unfinished) -> None:
        """Once more after a death, then function by function, then give this function up on this shard."""
        if failure.kind == "killed" and task.tries + 1 < _MAX_TRIES:
            self._again.append(replace(task, tries=task.tries + 1))
        elif len(task.lfs) > 1:
            for lf, cell in zip(task.lfs, task.cells, strict=True):
                self._again.append(replace(task, lfs=(lf,), cells=(cell,), tries=0))
        else:
            self._give_up(task, failure)

    def _give_up(self, task: ShardTask, failure: Unfinished) -> None:
        (lf,) = task.lfs
        self._suspects.add(lf)
        ids = task.shard.table([])["id"].to_pylist()
        message = f"{failure.message} on {len(ids)} pairs"
        votes = BatchVotes.failed(faults_of_all(self.lfs[lf].name, ids, failure.kind, message))
        self._take(task, Answer(lf, Tally.of(votes), 0.0, votes, given_up=True))
