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
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from weaklabel._terminal import logger
from weaklabel.engine.pool import WorkerPool
from weaklabel.engine.shards import Answer, Outcome, ShardTask, Unfinished
from weaklabel.engine.store import VoteStore
from weaklabel.engine.worker import sendable
from weaklabel.errors import ConfigError, LabelingFunctionError, MissingExtraError
from weaklabel.lf.core import LabelingFunction

_MAX_LOSSES: Final = 5
_LOOK_SECONDS: Final = 5.0
_log = logger()

_Ending = tuple[tuple[Answer, ...], Unfinished | None, Mapping[str, float]]
"""An `Outcome` without its task, which stays where it was submitted."""


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


@dataclass(eq=False)
class _Attempt:
    """A task under way, on which node (none before it began), and whether that may be one that is gone."""

    task: ShardTask
    losses: int
    node: str = ""
    doubtful: bool = False


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
        memory_limit: gigabytes that the process which votes may hold.

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
        memory_limit: float | None = None,
    ) -> None:
        for lf in lfs:
            if lf.spec is None:
                raise LabelingFunctionError(
                    f"{lf.name!r} lives only in this process, so the workers of a cluster cannot find it. "
                    "Move it into a file and load that with load_lfs, or use workers=1."
                )
        self._ray = _import_ray()
        self._workers = workers
        pool = WorkerPool(
            lfs, fingerprints, workers=1, time_limit=time_limit, store=store, memory_limit=memory_limit
        )
        path = tuple(os.path.abspath(entry) for entry in sys.path)
        self._run = _Run(uuid.uuid4().hex, os.getcwd(), path, pool)
        self._owns_connection = _connect(self._ray, address, workers)
        # No tries of Ray's own: they would run a poisonous task again without telling us.
        self._work = self._ray.remote(num_cpus=1, max_retries=0, num_returns="streaming")(_work)
        self._attempts: dict[Any, _Attempt] = {}
        self._outcomes: deque[Outcome] = deque()
        self._nodes: dict[str, float] = {}
        self._next_look = 0.0

    @property
    def capacity(self) -> int:
        """A task for every CPU that the cluster has now, and some in waiting so that none of them idles."""
        self._look()
        cpus = int(sum(self._nodes.values()))
        return min(cpus + math.ceil(cpus / 4), self._workers or sys.maxsize) or 1

    def submit(self, task: ShardTask) -> None:
        self._start(task, losses=0)

    def next_done(self) -> Outcome:
        while not self._outcomes:
            self._look()
            if self._attempts:
                heard, _ = self._ray.wait(list(self._attempts), timeout=_LOOK_SECONDS)
                for stream in heard:
                    self._hear(stream)
        return self._outcomes.popleft()

    def close(self) -> None:
        for stream in self._attempts:
            self._ray.cancel(stream, force=True)  # the process of the pool dies with the Ray worker
        self._attempts.clear()
        if self._owns_connection:
            self._ray.shutdown()

    def _start(self, task: ShardTask, losses: int) -> None:
        stream = self._work.remote(self._run, task)
        self._attempts[stream] = _Attempt(task, losses)

    def _hear(self, stream: Any) -> None:
        """Take the next thing that an attempt says: where it began, how it ended, or that it is lost."""
        attempt = self._attempts[stream]
        try:
            said = self._ray.get(next(stream))
        except self._ray.exceptions.RayTaskError as error:  # before a line of ours ran: no weaklabel there
            raise ConfigError(
                f"a Ray worker could not begin: {_last_line(error)}. Install the same weaklabel on every node."
            ) from error
        except self._ray.exceptions.RayError as error:
            self._lose(stream, type(error).__name__)
            return
        if isinstance(said, str):
            attempt.node, attempt.doubtful = said, False
            return
        del self._attempts[stream]
        if isinstance(said, Exception):
            raise said
        self._outcomes.append(Outcome(attempt.task, *said))

    def _lose(self, stream: Any, how: str) -> None:
        attempt = self._attempts.pop(stream)
        losses = attempt.losses + 1
        if losses < _MAX_LOSSES:
            _log.info("shard %d was lost (%s) and goes to another worker", attempt.task.number, how)
            self._start(attempt.task, losses)
            return
        failure = Unfinished("killed", f"was lost with its Ray worker {losses} times (last: {how})")
        self._outcomes.append(Outcome(attempt.task, failure=failure))

    def _look(self) -> None:
        """See which nodes there are, and take back what was given to one that is gone.

        Ray reports by itself what a killed node held. Of a node that lost its power or its cable it says that it
        is dead after a minute, and of what it held for another six nothing: those calls wait for their connection.
        """
        if time.monotonic() < self._next_look:
            return
        self._next_look = time.monotonic() + _LOOK_SECONDS
        now = {
            node["NodeID"]: node["Resources"].get("CPU", 0.0) for node in self._ray.nodes() if node["Alive"]
        }
        for stream, attempt in list(self._attempts.items()):
            if attempt.doubtful or (attempt.node and attempt.node not in now):
                self._ray.cancel(stream, force=True)
                self._lose(stream, "its node is gone")
        if self._nodes.keys() - now.keys():
            # What had not begun may wait for a free CPU, or be on its way to the node that is gone.
            for attempt in self._attempts.values():
                attempt.doubtful = not attempt.node
        if not sum(now.values()):
            _log.warning("the Ray cluster has no CPU at present: tasks wait until a node joins.")
        self._nodes = now


# In a Ray worker: the run that it serves, with the pool of one process that it keeps from task to task.
_serving: _Run | None = None


def _work(run: _Run, task: ShardTask) -> Iterator[str | _Ending | Exception]:
    """Run one task. Says on which node; then the parts of its outcome, or the error that ends the run."""
    yield _import_ray().get_runtime_context().get_node_id()
    try:
        pool = _pool_of(run)
        pool.submit(task)
        outcome = pool.next_done()
    except Exception as error:
        yield sendable(error)
    else:
        yield outcome.answers, outcome.failure, outcome.feature_seconds


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
    if address is not None:
        _probe(address)
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


def _probe(address: str) -> None:
    """Knock at `host:port` first: where nobody listens, Ray goes on trying for a quarter of an hour."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or "/" in host:
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()
    except OSError as error:
        raise ConfigError(
            f"no Ray cluster answers at {address}: {error.strerror or error}. Give the address that `ray start --head` "
            "printed, or leave it out to start Ray on this machine."
        ) from error


def _last_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[-1] if lines else type(error).__name__).rstrip(".")[:300]
