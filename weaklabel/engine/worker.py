"""The worker process of the pool: loads the labeling functions by `spec`, then votes on one shard after another.

Started by `weaklabel.engine.pool` with the number of its socket and its parent's process id.
"""

from __future__ import annotations

import ctypes
import gc
import os
import pickle
import signal
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from typing import Any, Final

from weaklabel._guard import stdout_for_results
from weaklabel.engine.shards import Answer, ShardTask, run_task
from weaklabel.engine.store import VoteStore
from weaklabel.errors import DiscoveryError, WeaklabelError
from weaklabel.lf.core import LabelingFunction
from weaklabel.lf.discovery import fingerprint, load_spec, source_hash

_PR_SET_PDEATHSIG: Final = 1


@dataclass(frozen=True)
class Setup:
    """What a worker needs before its first task.

    Attributes:
        lfs: the labeling functions.
        store: folder of the vote store.
    """

    lfs: tuple[Wanted, ...]
    store: str | None


@dataclass(frozen=True)
class Wanted:
    """A labeling function by its spec, its settings in this run, and the hashes that it had when the run began.

    The hashes are None for a function that is not kept and not checked.
    """

    spec: str
    settings: dict[str, Any]
    source_hash: str | None
    fingerprint: str | None


@dataclass(frozen=True)
class Reply:
    """What a worker sends: that it is ready (no answers), answers and what shared features took, or its last error."""

    answers: tuple[Answer, ...] | None = None
    feature_seconds: dict[str, float] = field(default_factory=dict)
    error: BaseException | None = None


def serve(connection: Connection) -> None:
    """Answer tasks until the other side closes the connection."""
    try:
        setup: Setup = connection.recv()
        lfs, kept, store = load_setup(setup)
        # What was imported lives as long as the process: the collector need not look through it again and again.
        gc.collect()
        gc.freeze()
        gc.enable()
        connection.send(Reply())
        while True:
            connection.send(Reply(*answer(connection.recv(), lfs, kept, store)))
    except EOFError:
        return
    except Exception as error:
        connection.send(Reply(error=sendable(error)))


def load_setup(setup: Setup) -> tuple[list[LabelingFunction], list[bool], VoteStore | None]:
    """The functions, whether the votes of each may be kept, and the store.

    Raises:
        DiscoveryError: a function is not what it was when the run began.
    """
    lfs = [_load(wanted) for wanted in setup.lfs]
    # A list made from a set, say, has another order here: such votes are good, and not for keeping.
    kept = [fingerprint(lf) == wanted.fingerprint for lf, wanted in zip(lfs, setup.lfs, strict=True)]
    return lfs, kept, VoteStore(setup.store) if setup.store else None


def answer(
    task: ShardTask, lfs: Sequence[LabelingFunction], kept: Sequence[bool], store: VoteStore | None
) -> tuple[tuple[Answer, ...], dict[str, float]]:
    """What `run_task` gives; votes of functions that are not as they were in the run's process are not filed."""
    cells = tuple(cell if kept[lf] else None for lf, cell in zip(task.lfs, task.cells, strict=True))
    return run_task(replace(task, cells=cells), lfs, store)


def _load(wanted: Wanted) -> LabelingFunction:
    lf = replace(load_spec(wanted.spec), **wanted.settings)
    if wanted.source_hash is not None and source_hash(lf) != wanted.source_hash:
        raise DiscoveryError(
            f"{wanted.spec} is not what it was when this run loaded it: its file, one that it imports, or weaklabel changed. "
            "Load the labeling functions again, then apply."
        )
    return lf


def sendable(error: Exception) -> Exception:
    """An error that can travel between processes: a user's mistake as it is, of our own bugs the trace."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError("".join(traceback.format_exception(error)))
    # A user's mistake travels as it is; of our own bugs the trace is what counts.
    return error if isinstance(error, WeaklabelError) else RuntimeError(traceback.format_exc())


def _die_with(parent: int) -> None:
    """End when the parent does, even inside one endless call that never looks up. Linux only."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def main() -> None:
    descriptor, parent = int(sys.argv[1]), int(sys.argv[2])
    _die_with(parent)
    os.set_inheritable(descriptor, False)  # else a program that an LF starts would keep the line open
    sys.stdout = sys.stderr  # what functions print, as in the process of the command
    with Connection(descriptor) as connection, stdout_for_results():
        serve(connection)
