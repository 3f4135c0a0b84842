"""Shard tasks on a Ray cluster: one Ray Core task per shard task. Needs the `ray` extra.

A Ray worker runs no labeling function itself. It keeps a `WorkerPool` of one process and hands its task to that,
so a hang, a crash, a changed file and a function that lives nowhere are dealt with by the same code and in the same
words as on one machine. What remains for this file is what only a cluster has: work that vanishes with its node.
Such work goes to another node, and no function is blamed before it was lost several times.

Why not Ray Data: it loses the order of rows, and all that is done when one task fails. Why tasks and not actors: a
cluster that shrinks has fewer places than actors, and those left over would wait for ever with their tasks.

Every node must have weaklabel (of one version), and the folder that the run was started in with the files, the
pairs and the vote store under the same paths. Two nodes may work on one task, where one was wrongly taken for
dead: both file the same bytes under the same name.
"""

from __future__ import annotations

import logging
import math
import os
import socket
import sys
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import pyarrow as pa

from weaklabel.engine.pool import WorkerPool
from weaklabel.engine.shards import Answer, Outcome, ShardTask
from weaklabel.engine.store import VoteStore
from weaklabel.engine.worker import _sendable
from weaklabel.errors import ConfigError, LabelingFunctionError, MissingExtraError
from weaklabel.lf.core import LabelingFunction

_MAX_LOSSES: Final = 5
_LOOK_AGAIN_SECONDS: Final = 5.0
_log = logging.getLogger("weaklabel")


@dataclass(frozen=True)
class _Run:
    """What a Ray worker must know of a run.

    Attributes:
        key: tells runs apart.
        folder: the driver's working folder; paths of labeling functions and of the store count from it.
        path: the driver's `sys.path`, for the modules of the user's project.
        pool: a pool that has started nothing; every Ray worker gets a copy of its own.
    """

    key: str
    folder: str
    path: tuple[str, ...]
    pool: WorkerPool


class RayExecutor:
    """An executor on the CPUs of a Ray cluster.

    Args:
        lfs: labeling functions that all have a `spec`.
        fingerprints: one per function; a worker that finds other sources refuses. None is not checked.
        address: of the cluster, as `ray.init` takes it ("10.0.0.1:6379", "auto"). None uses the cluster that this
            process is connected to, and else starts one on this machine that ends with the run.
        workers: how many tasks run at once at most; None for as many as the cluster has CPUs, now and later.
        time_limit: seconds per task, counted from when it begins, not from when it is submitted.
        store: where the workers file votes: a folder that every node sees.

    Raises:
        MissingExtraError: Ray is not installed.
        LabelingFunctionError: a function without a `spec`.
        ConfigError: no cluster answers at `address`, or it refuses.
    """

    def __init__(
        self,
        lfs: Sequence[LabelingFunction],
        fingerprints: Sequence[str | None],
        *,
        address: str | None = None,
        workers: int | None = None,
        time_limit: float | None = None,
        store: VoteStore | None = None,
    ) -> None:
        for lf in lfs:
            if lf.spec is None:
                raise LabelingFunctionError(
                    f"{lf.name!r} lives only in this process, so the workers of a cluster cannot find it. "
                    "Move it into a file and load that with load_lfs, or use workers=1."
                )
        self._ray = _import_ray()
        self._workers = workers
        pool = WorkerPool(lfs, fingerprints, workers=1, time_limit=time_limit, store=store)
        path = tuple(os.path.abspath(entry) for entry in sys.path)
        self._run = _Run(uuid.uuid4().hex, os.getcwd(), path, pool)
        self._owns_connection = _connect(self._ray, address, workers)
        # No tries of Ray's own: they would run a poisonous task again without telling us.
        self._work = self._ray.remote(num_cpus=1, max_retries=0)(_work)
        self._running: dict[Any, tuple[ShardTask, int]] = {}
        self._capacity = 1
        self._look_again = 0.0

    @property
    def capacity(self) -> int:
        """A task for every CPU that the cluster has now, and some in waiting so that none of them idles."""
        if time.monotonic() >= self._look_again:
            cpus = int(self._ray.cluster_resources().get("CPU", 0))
            if not cpus:
                _log.warning("the Ray cluster has no CPU at present: tasks wait until a node joins.")
            self._capacity = min(cpus + math.ceil(cpus / 4), self._workers or sys.maxsize) or 1
            self._look_again = time.monotonic() + _LOOK_AGAIN_SECONDS
        return self._capacity

    def submit(self, task: ShardTask) -> None:
        self._start(task, losses=0)

    def next_done(self) -> Outcome:
        while True:
            done, _ = self._ray.wait(list(self._running))
            task, losses = self._running.pop(done[0])
            try:
                result = self._ray.get(done[0])
            except (
                self._ray.exceptions.RayTaskError
            ) as error:  # before a line of ours ran: no weaklabel there
                raise ConfigError(
                    f"a Ray worker could not begin: {_last_line(error)}. Install the same weaklabel on every node."
                ) from error
            except self._ray.exceptions.RayError as error:
                if losses + 1 < _MAX_LOSSES:
                    _log.info("shard %d was lost (%s) and goes to another worker", task.number, _name(error))
                    self._start(task, losses + 1)
                    continue
                failure = f"was lost with its Ray worker {_MAX_LOSSES} times (last: {_name(error)})"
                return Outcome(task, failure=failure, died=True)
            if isinstance(result, Exception):
                raise result
            answers, failure, died = result
            return Outcome(task, answers, failure, died)

    def close(self) -> None:
        for reference in self._running:
            self._ray.cancel(reference, force=True)  # the process of the pool dies with the Ray worker
        self._running.clear()
        if self._owns_connection:
            self._ray.shutdown()

    def _start(self, task: ShardTask, losses: int) -> None:
        sink = pa.BufferOutputStream()  # IPC, because a pickled slice drags the whole table along
        with pa.ipc.new_stream(sink, task.table.schema) as writer:
            writer.write_table(task.table)
        bare = replace(task, table=task.table.slice(0, 0))
        reference = self._work.remote(self._run, bare, sink.getvalue().to_pybytes())
        self._running[reference] = (task, losses)


# In a Ray worker: the run that it serves, with the pool of one process that it keeps from task to task.
_serving: _Run | None = None


def _work(run: _Run, task: ShardTask, table: bytes) -> tuple[tuple[Answer, ...], str, bool] | Exception:
    """Run one task; the parts of its outcome, or the error that ends the run."""
    try:
        pool = _pool_of(run)
        with pa.ipc.open_stream(table) as reader:
            pool.submit(replace(task, table=reader.read_all()))
        outcome = pool.next_done()
    except Exception as error:
        return _sendable(error)
    return outcome.answers, outcome.failure, outcome.died


def _pool_of(run: _Run) -> WorkerPool:
    global _serving
    if _serving is not None and _serving.key == run.key:
        return _serving.pool
    if _serving is not None:
        _serving.pool.close()
    try:
        os.chdir(run.folder)
    except OSError as error:
        raise ConfigError(
            f"node {socket.gethostname()} cannot enter {run.folder}: {error.strerror}. "
            "Start the run in a folder that every node of the cluster shares."
        ) from error
    sys.path[:] = dict.fromkeys([*run.path, *sys.path])
    _serving = run
    return run.pool


def _import_ray() -> Any:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # read when Ray starts its daemons
    try:
        import ray
        import ray.exceptions
    except ImportError as error:
        raise MissingExtraError.for_extra("the Ray executor", "ray") from error
    return ray


def _connect(ray: Any, address: str | None, workers: int | None) -> bool:
    """Connect where this process is not connected yet; whether the connection is ours to end."""
    if ray.is_initialized():
        if address is not None:
            raise ConfigError(
                f"this process is connected to a Ray cluster already, and address is {address!r}. "
                "Leave the address out to use that cluster, or call ray.shutdown() first."
            )
        return False
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    try:
        if address is None:
            ray.init(address="local", num_cpus=workers, include_dashboard=False, **quiet)
        else:
            ray.init(address=address, **quiet)
    except Exception as error:  # Ray raises its own, ConnectionError, ValueError and RuntimeError here
        raise ConfigError(
            f"no connection to Ray at {address or 'this machine'}: {_last_line(error)}. Check that the cluster runs, "
            "that it has this Python and Ray, and that RAY_AUTH_MODE=token and RAY_AUTH_TOKEN are those it was "
            "started with."
        ) from error
    return True


def _last_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[-1] if lines else type(error).__name__).rstrip(".")[:300]


def _name(error: BaseException) -> str:
    return type(error).__name__
