"""How a run votes: where the settings say, what came of it is counted, and what failed gets another try."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa

from weaklabel._terminal import logger
from weaklabel.config import LfsSettings
from weaklabel.data import PairsFile
from weaklabel.engine import VoteStore, fingerprint
from weaklabel.engine.executors import Executor
from weaklabel.engine.sources import FileShard
from weaklabel.engine.stream import AppliedFile, StoredVotes, apply_file
from weaklabel.errors import FaultShareError
from weaklabel.lf.columns import DerivedFunction
from weaklabel.lf.core import LabelingFunction
from weaklabel.lf.discovery import locate
from weaklabel.lf.snorkel import SnorkelFunction, position_dependent_share
from weaklabel.pipeline.tables import iter_faults
from weaklabel.types import Pairs

_ASKED_IN_BOTH_ORDERS: Final = 1000
_log = logger()


def vote(
    settings: LfsSettings,
    lfs: Sequence[LabelingFunction],
    file: PairsFile,
    store: VoteStore,
    *,
    on_plan: Callable[[StoredVotes], None],
    beside: Path | None,
    part: tuple[int, int],
) -> AppliedFile:
    """`apply_file` as `[lfs]` wants it."""
    return apply_file(
        lfs,
        file,
        store,
        workers=_workers(settings, lfs, file),
        time_limit=settings.time_limit,
        memory_limit=settings.memory_limit,
        on_fault=settings.on_fault,
        on_plan=on_plan,
        beside=beside,
        part=part,
        executor=None if settings.executor == "local" else _on_ray(settings, lfs, store),
    )


def remark_on(lfs: Sequence[LabelingFunction], file: PairsFile) -> None:
    """Log what a person should know of how tables beside the pairs fit them: annotations of no pair, for one."""
    derived = [lf for lf in lfs if isinstance(lf, DerivedFunction)]
    if all(type(lf).remark is DerivedFunction.remark for lf in derived):
        return
    # Whoever has such a table has it in memory already; the ids of the pairs are no more than that.
    ids = pa.concat_tables([file.read(shard, ["id"]) for shard in range(len(file))])
    for remark in dict.fromkeys(lf.remark(ids) for lf in derived):
        if remark is not None:
            _log.log(remark.level, "%s", remark.text)


def vote_counts(
    applied: AppliedFile, lfs: Sequence[LabelingFunction], file: PairsFile, beside: Path | None, seed: int
) -> dict[str, Any]:
    """What the step's manifest keeps: votes and faults per function, and who looked at the position."""
    tallies = dict(zip(applied.votes.lf_names, applied.tallies, strict=True))
    faults = sum(tally.n_faults for tally in tallies.values())
    return {
        "lfs": len(lfs),
        "pairs": file.n_pairs,
        "faults": faults,
        "fault_share": faults / max(1, file.n_pairs * len(lfs)),
        "tallies": {name: asdict(tally) for name, tally in tallies.items()},
        # Functions that failed are left out: they may hang here too.
        "position_dependent": _position_dependent(
            [lf for lf in lfs if not tallies[lf.name].n_faults], file, beside, seed
        ),
    }


def check_faults(counts: Mapping[str, Any], allowed: float, folder: Path) -> None:
    """Raises FaultShareError where more than an `allowed` share of a function's votes failed."""
    for name, tally in counts["tallies"].items():
        count, n = tally["n_faults"], max(1, tally["n_pairs"])
        if count / n > allowed:
            first = next((fault for fault in iter_faults(folder) if fault.lf == name), None)
            shown = "" if first is None else f"First: {first}. "
            raise FaultShareError(
                f"{name!r} failed on {count} of {n} pairs ({count / n:.2%}), more than lfs.max_fault_share = {allowed:g}. "
                f"{shown}Repair it, or raise the share; every failure is "
                f"in {folder / 'faults.jsonl'}."
            )


def discard_faulty(votes: StoredVotes, file: PairsFile) -> None:
    """Remove the votes of functions on shards on which they failed, so that the next run tries these again."""
    for lf in range(len(votes.lf_names)):
        for shard in range(len(file)):
            cell = votes.cell(shard, lf)
            tally = votes.store.tally(cell, file.n_rows(shard))
            if tally is not None and tally.n_faults:
                votes.store.file_of(cell).unlink(missing_ok=True)


def _workers(settings: LfsSettings, lfs: Sequence[LabelingFunction], file: PairsFile) -> int:
    """What the settings say; else a process per core and shard, where processes can find the functions."""
    if settings.workers is not None:
        return settings.workers
    if any(locate(lf).spec is None for lf in lfs):
        return 1
    return max(1, min(len(os.sched_getaffinity(0)), len(file)))


def _on_ray(settings: LfsSettings, lfs: Sequence[LabelingFunction], store: VoteStore) -> Executor:
    from weaklabel.engine.on_ray import RayExecutor  # which needs the extra

    return RayExecutor(
        lfs,
        [fingerprint(lf) for lf in lfs],
        address=settings.address,
        workers=settings.workers,
        time_limit=settings.time_limit,
        memory_limit=settings.memory_limit,
        store=store,
    )


def _position_dependent(
    lfs: Sequence[LabelingFunction], file: PairsFile, beside: Path | None, seed: int
) -> dict[str, float]:
    """`position_dependent_share` on pairs of one shard."""
    if not len(file) or not any(isinstance(lf, SnorkelFunction) for lf in lfs):
        return {}
    rng = np.random.default_rng(seed)
    shard = int(rng.integers(len(file)))
    rows = rng.permutation(file.n_rows(shard))[:_ASKED_IN_BOTH_ORDERS]
    return position_dependent_share(lfs, Pairs(FileShard(file.path, shard, beside).whole(lfs)).take(rows))
