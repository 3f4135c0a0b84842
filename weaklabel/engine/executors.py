"""Where shard tasks run: the protocol that every executor keeps, and the one in this process.

An executor is asked to `submit` while it has room, and for `next_done` otherwise; outcomes come back in any
order. It reports a task that ran too long or took its process down, and decides nothing: the driver knows what
to try next. The same protocol fits a process pool, Ray tasks, or a job array.
"""

from __future__ import annotations

import logging
import signal
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Protocol

from weaklabel.engine.shards import Outcome, ShardTask, Unfinished, run_task
from weaklabel.engine.store import VoteStore
from weaklabel.errors import LabelingFunctionError
from weaklabel.lf.core import LabelingFunction
from weaklabel.lf.discovery import locate

_log = logging.getLogger("weaklabel")


class Executor(Protocol):
    """Runs shard tasks."""

    @property
    def capacity(self) -> int:
        """How many tasks it takes before one must be waited for."""

    def submit(self, task: ShardTask) -> None: ...

    def next_done(self) -> Outcome:
        """Wait for one of the submitted tasks."""

    def close(self) -> None:
        """End whatever still runs. Nothing that was filed is lost."""


def choose_executor(
    lfs: Sequence[LabelingFunction],
    fingerprints: Sequence[str | None],
    workers: int,
    time_limit: float | None,
    store: VoteStore | None,
    *,
    memory_limit: float | None = None,
) -> tuple[Executor, tuple[str, ...]]:
    """Where tasks shall run, and what that cannot do, in words.

    Args:
        lfs, fingerprints: the functions and their versions.
        workers: processes; with 1 and no limits everything runs in this one.
        time_limit: seconds per task.
        store: where votes are kept.
        memory_limit: gigabytes that a worker process may hold.

    Raises:
        LabelingFunctionError: several workers, and a function that lives only in this process.
    """
    from weaklabel.engine.pool import WorkerPool  # which needs this module

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
    limited = time_limit is not None or memory_limit is not None
    if homeless and limited:
        notes.append(
            f"{_some(homeless)} live only in this process: the time limit cannot end a call into a C library, "
            "and no memory limit holds."
        )
    for note in notes:
        _log.info(note)
    if homeless or not (workers > 1 or limited):
        return InProcess(lfs, time_limit, store), tuple(notes)
    pool = WorkerPool(
        located,
        fingerprints,
        workers=workers,
        time_limit=time_limit,
        store=store,
        memory_limit=memory_limit,
    )
    return pool, tuple(notes)


class InProcess:
    """Runs each task here, when it is waited for.

    A time limit is an alarm that interrupts Python code in the main thread. It cannot end a single call into
    a C library that never looks up, which a worker process can.
    """

    capacity = 1

    def __init__(
        self, lfs: Sequence[LabelingFunction], time_limit: float | None, store: VoteStore | None
    ) -> None:
        if time_limit is not None and threading.current_thread() is not threading.main_thread():
            raise LabelingFunctionError(
                f"a time limit outside the main thread needs a worker process, and {lfs[0].name!r} cannot be "
                "found by one. Move the labeling functions into a file and load them with load_lfs."
            )
        self.lfs = lfs
        self.time_limit = time_limit
        self.store = store
        self._waiting: deque[ShardTask] = deque()

    def submit(self, task: ShardTask) -> None:
        self._waiting.append(task)

    def next_done(self) -> Outcome:
        task = self._waiting.popleft()
        try:
            with alarm(self.time_limit):
                answers, feature_seconds = run_task(task, self.lfs, self.store)
                return Outcome(task, answers, feature_seconds=feature_seconds)
        except OutOfTime:
            return Outcome(task, failure=over_limit(self.time_limit))

    def close(self) -> None:
        self._waiting.clear()


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"


def over_limit(time_limit: float | None) -> Unfinished:
    return Unfinished("timed_out", f"exceeded the time limit of {time_limit:g} s")


class OutOfTime(BaseException):
    """The alarm rang. Not an Exception: a labeling function that catches those shall not catch this."""


@contextmanager
def alarm(seconds: float | None) -> Iterator[None]:
    """Raise `OutOfTime` in the block when it takes longer. For the main thread; it cannot end a call into C."""
    if seconds is None:
        yield
        return

    def ring(signum: int, frame: FrameType | None) -> None:
        raise OutOfTime

    before = signal.signal(signal.SIGALRM, ring)
    # Rings again and again: a bare `except:` in a function would swallow the first.
    old = signal.setitimer(signal.ITIMER_REAL, seconds, 0.1)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if old[0]:
            signal.setitimer(signal.ITIMER_REAL, *old)
