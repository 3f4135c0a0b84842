"""Where shard tasks run: the protocol that every executor keeps, and the one in this process.

An executor is asked to `submit` while it has room, and for `next_done` otherwise; outcomes come back in any
order. It reports a task that ran too long or took its process down, and decides nothing: the driver knows what
to try next. The same protocol fits a process pool, Ray tasks, or a job array.
"""

from __future__ import annotations

import signal
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Final, Protocol

from weaklabel._guard import OutOfTime as OutOfTime
from weaklabel._terminal import logger
from weaklabel.engine.shards import Outcome, ShardTask, Unfinished, run_task
from weaklabel.engine.store import VoteStore
from weaklabel.errors import LabelingFunctionError
from weaklabel.lf.core import LabelingFunction

LONGEST: Final = 1e9
"""Seconds that a time limit can have: some thirty years, and what timers of every system take."""

_log = logger()


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


def over_limit(time_limit: float | None) -> Unfinished:
    return Unfinished("timed_out", f"exceeded the time limit of {time_limit:g} s")


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
    old = signal.setitimer(signal.ITIMER_REAL, min(seconds, LONGEST), 0.1)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if old[0]:
            signal.setitimer(signal.ITIMER_REAL, *old)
