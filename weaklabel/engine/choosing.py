"""Which executor a run gets: this process, or a pool of workers."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from weaklabel.engine.driver import Driver
from weaklabel.engine.executors import Executor, InProcess
from weaklabel.engine.pool import WorkerPool
from weaklabel.engine.store import VoteStore
from weaklabel.errors import LabelingFunctionError
from weaklabel.lf.core import LabelingFunction
from weaklabel.lf.discovery import locate

_log = logging.getLogger("weaklabel")


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


def drive(
    driver: Driver,
    lfs: Sequence[LabelingFunction],
    store: VoteStore | None,
    executor: Executor | None,
    workers: int,
    time_limit: float | None,
    *,
    memory_limit: float | None = None,
) -> tuple[str, ...]:
    """Work out what the driver planned, on `executor` or the one that is chosen; what that cannot do, in words."""
    if store is not None:
        store.sweep()
        store.describe(lfs)
    notes: tuple[str, ...] = ()
    if executor is None:
        executor, notes = choose_executor(
            lfs, driver.fingerprints, workers, time_limit, store, memory_limit=memory_limit
        )
    try:
        driver.drive(executor)
    finally:
        executor.close()
    return notes


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"
