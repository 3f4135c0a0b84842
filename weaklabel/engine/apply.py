"""`apply`: labeling functions on pairs in memory, to votes in memory.

The pairs are cut into shards of rows. Per shard, what the store holds fresh is read; the rest becomes a task
for an executor. `weaklabel.engine.stream` does the same for pairs that memory cannot hold.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypedDict

import numpy as np

from weaklabel._arguments import checked
from weaklabel._shown import Shown
from weaklabel._terminal import plain_line
from weaklabel.engine.choosing import drive
from weaklabel.engine.driver import Driver, Progress
from weaklabel.engine.executors import LONGEST, Executor
from weaklabel.engine.shards import SHARD_SIZE, Answer
from weaklabel.engine.sources import TableSource
from weaklabel.engine.store import Cell, Tally, VoteStore
from weaklabel.errors import (
    ConfigError,
    FaultShareError,
    FaultWarning,
    LabelingFunctionError,
    UnknownNameError,
    VoteError,
    warn,
)
from weaklabel.lf.core import LabelingFunction
from weaklabel.lf.gold_columns import refuse_gold_columns
from weaklabel.lf.settings import MAX_FAULT_SHARE
from weaklabel.lf.votes import BatchVotes
from weaklabel.lf.writing import current
from weaklabel.types import ABSTAIN, Fault, Pairs, Votes

OnFault = Literal["record", "raise"]
OnDone = Callable[[int, int], None]


class ApplySettings(TypedDict, total=False):
    """The settings of `apply`, for those who hand them on."""

    workers: int
    time_limit: float | None
    on_fault: OnFault
    max_fault_share: float | None
    store: VoteStore | None
    progress: OnDone | None
    shard_size: int
    executor: Executor | None


@dataclass(frozen=True, repr=False)
class Applied(Shown):
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


@checked
def apply(
    lfs: Sequence[LabelingFunction],
    pairs: Pairs,
    *,
    workers: int = 1,
    time_limit: float | None = None,
    on_fault: OnFault = "record",
    max_fault_share: float | None = MAX_FAULT_SHARE,
    store: VoteStore | None = None,
    progress: OnDone | None = None,
    shard_size: int = SHARD_SIZE,
    executor: Executor | None = None,
) -> Votes:
    """Votes and margins of every labeling function on every pair, rows in the order of the pairs.

    Args:
        lfs: labeling functions with distinct names. One of a notebook's cell that was edited and run again is the new
            one, also where a list holds the earlier; a warning says so.
        pairs: what they vote on. Each function sees the texts and the columns it declared, nothing else.
        workers: processes. With 1 and no time limit everything runs in this one.
        time_limit: seconds per shard. A function that takes longer is ended, and its votes there are faults.
        on_fault: "record" failures in `Votes.faults` as abstains, with a `FaultWarning`, or "raise" the first.
        max_fault_share: the largest share of a function's votes that may fail, in [0, 1], as of the command; None
            allows any.
        store: where votes are kept and found again. A run that was killed continues.
        progress: called as `progress(done_pairs, total_pairs)`.
        shard_size: pairs per shard.
        executor: where the tasks run, in place of `workers` and `time_limit`; closed at the end.

    Raises:
        LabelingFunctionError: no functions, two of one name, or one that other processes cannot find.
        DataError: a function declares a column that the pairs do not have.
        VoteError: a function failed and `on_fault` is "raise".
        FaultShareError: more than `max_fault_share` of a function's votes failed.
    """
    return apply_with_costs(
        current(lfs),
        pairs,
        workers=workers,
        time_limit=time_limit,
        on_fault=on_fault,
        max_fault_share=max_fault_share,
        store=store,
        progress=progress,
        shard_size=shard_size,
        executor=executor,
    ).votes


def apply_with_costs(
    lfs: Sequence[LabelingFunction],
    pairs: Pairs,
    *,
    workers: int = 1,
    time_limit: float | None = None,
    on_fault: OnFault = "record",
    max_fault_share: float | None = MAX_FAULT_SHARE,
    store: VoteStore | None = None,
    progress: OnDone | None = None,
    shard_size: int = SHARD_SIZE,
    executor: Executor | None = None,
) -> Applied:
    """`apply`, with what was reused and what each function cost."""
    check_limits(workers, time_limit, on_fault, max_fault_share, shard_size)
    check_names(lfs)
    refuse_gold_columns(lfs, pairs)
    source = TableSource(pairs, lfs, shard_size)
    sink = _Matrices(lfs, pairs, store, on_fault, shard_size)

    def tell(state: Progress) -> None:
        if progress is not None:
            progress(state.done_pairs, state.n_pairs)

    driver = Driver(lfs, source, store, sink, send_votes=True, on_progress=tell)
    notes = drive(driver, lfs, store, executor, workers, time_limit)
    votes, state = sink.votes(), driver.progress
    _tell_of_faults(votes, max_fault_share)
    return Applied(votes, state.reused, state.computed, state.seconds, notes)


class _Matrices:
    """A sink that fills `L` and `margins`."""

    def __init__(
        self,
        lfs: Sequence[LabelingFunction],
        pairs: Pairs,
        store: VoteStore | None,
        on_fault: OnFault,
        shard_size: int,
    ) -> None:
        self._names = tuple(lf.name for lf in lfs)
        self._ids, self._store, self._on_fault, self._size = pairs.ids, store, on_fault, shard_size
        self._L = np.full((len(pairs), len(lfs)), ABSTAIN, dtype=np.int8)
        self._margins = np.full(self._L.shape, np.nan, dtype=np.float32)
        self._faults: dict[tuple[int, int], tuple[Fault, ...]] = {}

    def find(self, number: int, lf: int, cell: Cell, n_pairs: int) -> Tally | None:
        votes = self._store.load(cell, n_pairs) if self._store is not None else None
        if votes is None:
            return None
        self._place(number, lf, votes)
        return Tally.of(votes)

    def take(self, number: int, answer: Answer, cell: Cell | None) -> None:
        assert answer.votes is not None  # tasks of this run send their votes
        self._place(number, answer.lf, answer.votes)

    def votes(self) -> Votes:
        faults = tuple(
            fault for key in sorted(self._faults, key=lambda k: (k[1], k[0])) for fault in self._faults[key]
        )
        return Votes(self._L, self._margins, self._names, self._ids, faults)

    def _place(self, number: int, lf: int, found: BatchVotes) -> None:
        if found.faults and self._on_fault == "raise":
            raise VoteError(str(found.faults[0]))
        rows = slice(number * self._size, number * self._size + len(found.votes))
        self._L[rows, lf] = found.votes
        self._margins[rows, lf] = found.margins
        if found.faults:
            self._faults[number, lf] = found.faults


def check_limits(
    workers: int, time_limit: float | None, on_fault: str, max_fault_share: float | None, shard_size: int = 1
) -> None:
    """Raises ConfigError or UnknownNameError for a setting out of range."""
    for name, value in (("workers", workers), ("shard_size", shard_size)):
        if not isinstance(value, int) or value < 1:
            raise ConfigError(f"{name} is {value!r}. Allowed: a whole number of at least 1.")
    if time_limit is not None and not (isinstance(time_limit, (int, float)) and 0 < time_limit <= LONGEST):
        raise ConfigError(
            f"time_limit is {time_limit!r}. Allowed: seconds above 0, at most {LONGEST:g}, or None for no limit."
        )
    if on_fault not in ("record", "raise"):
        raise UnknownNameError.for_name("on_fault rule", on_fault, ["record", "raise"])
    if max_fault_share is not None and not 0 <= max_fault_share <= 1:
        raise ConfigError(f"max_fault_share is {max_fault_share}. Allowed: a share between 0 and 1, or None.")


def check_names(lfs: Sequence[LabelingFunction]) -> None:
    """Raises LabelingFunctionError unless these functions have distinct names."""
    names = set()
    for lf in lfs:
        if lf.name in names:
            raise LabelingFunctionError(f"two labeling functions are named {lf.name!r}. Rename one of them.")
        names.add(lf.name)


def _tell_of_faults(votes: Votes, limit: float | None) -> None:
    """Warns of votes that failed. Raises FaultShareError where they are more than the limit."""
    if not votes.faults:
        return
    failed = Counter(fault.lf for fault in votes.faults)
    n = len(votes)
    for name, count in failed.items():
        if limit is not None and count / n > limit:
            first = next(fault for fault in votes.faults if fault.lf == name)
            raise FaultShareError(
                f"{name!r} failed on {count:,} of {n:,} pairs ({count / n:.1%}); {limit:.1%} is allowed. "
                f"First: {_ended(first)} Repair it, or allow more with max_fault_share."
            )
    most = [f"{name!r} on {count:,} of {n:,} pairs" for name, count in failed.most_common(3)]
    others = f" and {len(failed) - 3} more functions" if len(failed) > 3 else ""
    warn(
        f"{len(votes.faults):,} votes failed and count as abstains: {', '.join(most)}{others}. "
        f"First: {_ended(votes.faults[0])} Repair it; all are in votes.faults.",
        FaultWarning,
    )


def _ended(fault: Fault) -> str:
    said = plain_line(str(fault))
    return said if said.endswith((".", "!", "?")) else f"{said}."
