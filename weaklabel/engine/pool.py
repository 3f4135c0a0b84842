"""The process pool: shard tasks in worker processes that can be killed.

Why not the standard library's pool or one built on `multiprocessing`: those import the user's `__main__` in
every worker, so that a script which calls `apply(..., workers=4)` outside `if __name__ == "__main__"` starts
itself again without end. Our workers are programs of their own that load labeling functions by `spec` and
import nothing else of the user's. One loop in the calling thread watches them all:
no threads, no locks that a killed worker could keep.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Final

from weaklabel.engine.executors import over_limit
from weaklabel.engine.shards import Outcome, ShardTask, Unfinished
from weaklabel.engine.store import VoteStore
from weaklabel.engine.worker import Reply, Setup, Wanted
from weaklabel.errors import LabelingFunctionError
from weaklabel.lf.core import LabelingFunction
from weaklabel.lf.discovery import settings_of, source_hash

_MAX_DEATHS_AT_START: Final = 3
_LOOK_UP_SECONDS: Final = 1.0
# Not `-m`: what runs as `__main__` cannot be told apart by name when it travels back.
# The collector starts when all is imported: it would go through it again and again, and find nothing to throw away.
_PROGRAM: Final = "import gc; gc.disable(); from weaklabel.engine.worker import main; main()"


@dataclass
class _Worker:
    process: subprocess.Popen[bytes]
    connection: Connection
    task: ShardTask
    ready: bool = False
    idle: bool = False
    deadline: float = float("inf")


class WorkerPool:
    """An executor on worker processes of this machine.

    Args:
        lfs: labeling functions that all have a `spec`.
        fingerprints: one per function; a worker that finds other sources refuses. None is not checked.
        workers: how many processes, started as tasks come in.
        time_limit: seconds per task, counted from when the worker has it; a worker over it is killed.
        store: where the workers file votes.
        memory_limit: gigabytes that a worker may hold; one that holds more is killed, and its task has failed.
    """

    def __init__(
        self,
        lfs: Sequence[LabelingFunction],
        fingerprints: Sequence[str | None],
        *,
        workers: int,
        time_limit: float | None,
        store: VoteStore | None,
        memory_limit: float | None = None,
    ) -> None:
        self.capacity = workers
        self.time_limit = time_limit
        self.memory_limit = memory_limit
        wanted = tuple(
            Wanted(lf.spec or "", settings_of(lf), source_hash(lf) if version else None, version)
            for lf, version in zip(lfs, fingerprints, strict=True)
        )
        self._setup = Setup(wanted, str(store.folder) if store else None)
        self._workers: list[_Worker] = []
        self._deaths_at_start = 0

    def submit(self, task: ShardTask) -> None:
        for worker in self._workers:
            if worker.idle:
                worker.task, worker.idle = task, False
                self._send(worker)
                return
        self._start(task)

    def next_done(self) -> Outcome:
        while True:
            outcome = self._poll()
            if outcome is not None:
                return outcome

    def close(self) -> None:
        for worker in list(self._workers):
            self._end(worker)

    def _poll(self) -> Outcome | None:
        """Wait for a sign of life, the next deadline, or one second."""
        busy = [worker for worker in self._workers if not worker.idle]
        until = min(worker.deadline for worker in busy) - time.monotonic()
        heard = wait([worker.connection for worker in busy], max(0.0, min(until, _LOOK_UP_SECONDS)))
        for worker in busy:
            if worker.connection in heard:
                return self._receive(worker)
        for worker in busy:
            if time.monotonic() >= worker.deadline:
                self._end(worker)
                return Outcome(worker.task, failure=over_limit(self.time_limit))
            if self.memory_limit is not None and _resident(worker.process.pid) > self.memory_limit:
                self._end(worker)
                words = f"used more than the memory limit of {self.memory_limit:g} GB"
                return Outcome(worker.task, failure=Unfinished("out_of_memory", words))
            if worker.process.poll() is not None:  # a program that it started may still hold the line open
                return self._bury(worker)
        return None

    def _receive(self, worker: _Worker) -> Outcome | None:
        try:
            reply: Reply = worker.connection.recv()
        except (EOFError, OSError):
            return self._bury(worker)
        if reply.error is not None:
            raise reply.error
        if reply.answers is None:
            worker.ready = True
            self._send(worker)
            return None
        worker.idle, worker.deadline = True, float("inf")
        return Outcome(worker.task, reply.answers, feature_seconds=reply.feature_seconds)

    def _bury(self, worker: _Worker) -> Outcome | None:
        """A worker is dead: say so, or start another where it had not begun on its task."""
        how = _describe(self._end(worker))
        if worker.ready:
            return Outcome(worker.task, failure=Unfinished("killed", f"ended its worker process ({how})"))
        self._deaths_at_start += 1
        if self._deaths_at_start >= _MAX_DEATHS_AT_START:
            raise LabelingFunctionError(
                f"worker processes ended ({how}) while they loaded the labeling functions, "
                f"{self._deaths_at_start} times. Load them in one process (workers=1) to see why."
            )
        self._start(worker.task)
        return None

    def _start(self, task: ShardTask) -> None:
        here, there = socket.socketpair()
        with there:
            process = subprocess.Popen(
                [
                    sys.executable,
                    "-P",
                    "-c",
                    _PROGRAM,
                    str(there.fileno()),
                    str(os.getpid()),
                ],
                pass_fds=[there.fileno()],
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=2,  # what an LF prints must not get between the results of the command
                start_new_session=True,  # Ctrl-C reaches this process alone, and a kill reaches its children
            )
        connection = Connection(here.detach())
        self._workers.append(_Worker(process, connection, task))
        with suppress(OSError):  # a worker that is dead already is found by the next look
            connection.send(self._setup)

    def _send(self, worker: _Worker) -> None:
        with suppress(OSError):
            worker.connection.send(worker.task)
        if self.time_limit is not None:
            worker.deadline = time.monotonic() + self.time_limit

    def _end(self, worker: _Worker) -> int:
        """Kill a worker and what it started; its exit code."""
        with suppress(ProcessLookupError):
            os.killpg(worker.process.pid, signal.SIGKILL)
        code = worker.process.wait()
        worker.connection.close()
        self._workers.remove(worker)
        return code


def _environment() -> dict[str, str]:
    path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
    # Arrow's own allocator gives every shard's memory back to the system, and pays for fresh pages at the next.
    memory = {"ARROW_DEFAULT_MEMORY_POOL": "system"}
    one_each = {"POLARS_MAX_THREADS": "1", "OMP_NUM_THREADS": "1"}
    return memory | os.environ | {"PYTHONPATH": path} | one_each


def _resident(pid: int) -> float:
    """Gigabytes that a process holds in memory; 0 where that cannot be told."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e9


def _describe(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
