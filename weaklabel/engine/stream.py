"""Labeling functions on a file of pairs, to votes in the store: nothing in memory grows with the number of pairs.

`apply_file` does the work; what it leaves behind is a `StoredVotes`, the list of addresses under which the votes
stand, which reads them back shard by shard or at a few rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from weaklabel._arguments import checked
from weaklabel._shown import Shown
from weaklabel._validation import saved_texts
from weaklabel.data.pairs_file import PairsFile
from weaklabel.engine.apply import OnFault, check_limits, check_names
from weaklabel.engine.choosing import drive
from weaklabel.engine.driver import Driver, Progress
from weaklabel.engine.executors import Executor
from weaklabel.engine.shards import Answer
from weaklabel.engine.sources import FileSource
from weaklabel.engine.store import Cell, Tally, VoteStore
from weaklabel.errors import ArtifactError, ConfigError, LabelingFunctionError, VoteError
from weaklabel.lf.core import LabelingFunction
from weaklabel.types import Fault, Votes


@dataclass(frozen=True, repr=False)
class StoredVotes(Shown):
    """Votes of some labeling functions on a file of pairs, as addresses in a store.

    Attributes:
        lf_names: distinct names, in column order.
        fingerprints: the version of each function.
        addresses: per function, the hash of what it sees of each shard. Functions that see the same columns
            share one tuple.
        mend: computes what is missing; None where nobody here can.
    """

    store: VoteStore = field(repr=False)
    lf_names: tuple[str, ...]
    fingerprints: tuple[str, ...]
    addresses: tuple[tuple[str, ...], ...] = field(repr=False)
    mend: Callable[[], object] | None = field(default=None, repr=False, compare=False)

    def cell(self, shard: int, lf: int) -> Cell:
        return Cell(self.lf_names[lf], self.fingerprints[lf], self.addresses[lf][shard])

    def are_there(self) -> bool:
        """Whether every file is there; what is in it is looked at when it is read."""
        return all(
            self.store.is_there(self.cell(shard, lf))
            for lf, sees in enumerate(self.addresses)
            for shard in range(len(sees))
        )

    def shard(self, file: PairsFile, number: int) -> Votes:
        """The votes on one shard. What is missing or damaged is mended where that can be done.

        Raises:
            ArtifactError: some are missing or cannot be trusted; says what to run.
        """
        ids = tuple(file.read(number, ["id"])["id"].to_pylist())
        L = np.empty((len(ids), len(self.lf_names)), dtype=np.int8)
        margins = np.empty(L.shape, dtype=np.float32)
        faults: list[Fault] = []
        for j, name in enumerate(self.lf_names):
            found = self.store.load_or_given_up(self.cell(number, j), len(ids))
            if found is None and self.mend is not None:
                self.mend()
                found = self.store.load_or_given_up(self.cell(number, j), len(ids))
            if found is None:
                raise ArtifactError(
                    f"{self.store.folder}: the votes of {name!r} on shard {number} are missing or damaged. "
                    "What was damaged is removed: run the same command again, and it computes what is missing and nothing else."
                )
            L[:, j], margins[:, j] = found.votes, found.margins
            faults += found.faults
        return Votes(L, margins, self.lf_names, ids, tuple(faults))

    def take(self, file: PairsFile, rows: NDArray[np.int64]) -> Votes:
        """The votes at some rows of the file, rising; only their shards are read."""
        starts = np.array([file.start(shard) for shard in range(len(file))], dtype=np.int64)
        of_row = np.searchsorted(starts, rows, side="right") - 1
        parts = [
            self.shard(file, int(shard)).take(rows[of_row == shard] - starts[shard])
            for shard in np.unique(of_row)
        ]
        m = len(self.lf_names)
        return Votes(
            np.concatenate([np.empty((0, m), np.int8), *(part.L for part in parts)]),
            np.concatenate([np.empty((0, m), np.float32), *(part.margins for part in parts)]),
            self.lf_names,
            tuple(i for part in parts for i in part.ids),
            tuple(fault for part in parts for fault in part.faults),
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON values: names, fingerprints, and each distinct list of addresses once."""
        kinds = {sees: f"columns {i}" for i, sees in enumerate(dict.fromkeys(self.addresses))}
        return {
            "lfs": [
                {"name": name, "fingerprint": version, "sees": kinds[sees]}
                for name, version, sees in zip(self.lf_names, self.fingerprints, self.addresses, strict=True)
            ],
            "shards": {kind: list(sees) for sees, kind in kinds.items()},
        }

    @classmethod
    def from_dict(cls, state: Mapping[str, Any], store: VoteStore) -> Self:
        """What `to_dict` gave.

        Raises:
            ArtifactError: it was edited.
        """
        try:
            shards = {kind: saved_texts(sees) for kind, sees in state["shards"].items()}
            lfs = state["lfs"]
            return cls(
                store,
                saved_texts([lf["name"] for lf in lfs]),
                saved_texts([lf["fingerprint"] for lf in lfs]),
                tuple(shards[lf["sees"]] for lf in lfs),
            )
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            raise ArtifactError(
                f"votes.json of a run does not say where its votes stand ({reason}). Apply again."
            ) from error


@dataclass(frozen=True, repr=False)
class AppliedFile(Shown):
    """A finished run over a file.

    Attributes:
        votes: where the votes are.
        tallies: per function, in their order, its votes counted over all shards.
        faulty: (shard, function) cells that hold faults.
        progress: what was reused, what was computed, and what each function cost.
        notes: what the run could not do, in words.
    """

    votes: StoredVotes
    tallies: tuple[Tally, ...]
    faulty: tuple[tuple[int, int], ...]
    progress: Progress
    notes: tuple[str, ...] = ()

    def faults(self, file: PairsFile) -> Iterator[Fault]:
        """Every fault, function by function and in row order, read from the store one shard at a time."""
        for shard, lf in sorted(self.faulty, key=lambda cell: (cell[1], cell[0])):
            found = self.votes.store.load_or_given_up(self.votes.cell(shard, lf), file.n_rows(shard))
            yield from () if found is None else found.faults


@checked
def apply_file(
    lfs: Sequence[LabelingFunction],
    file: PairsFile,
    store: VoteStore,
    *,
    workers: int = 1,
    time_limit: float | None = None,
    memory_limit: float | None = None,
    on_fault: OnFault = "record",
    on_plan: Callable[[StoredVotes], None] = lambda votes: None,
    beside: Path | None = None,
    part: tuple[int, int] = (1, 1),
    executor: Executor | None = None,
) -> AppliedFile:
    """Votes of every labeling function on every pair of a file, kept in `store`.

    Args:
        lfs: labeling functions with distinct names, each of which can be found again (it has a `spec`).
        file: the pairs.
        store: where votes are kept and found again. A run that was killed continues.
        workers: processes. With 1 and no limits everything runs in this one.
        time_limit: seconds per shard. A function that takes longer is ended, and its votes there are faults.
        memory_limit: gigabytes that a worker process may hold, with the same consequence.
        on_fault: "record" failures as abstains with a `Fault`, or "raise" the first.
        on_plan: told, before anything is computed, where the votes will stand.
        beside: a Parquet file with the same row groups and further columns.
        part: `(i, n)`: work on every n-th shard alone, beginning with the i-th, 1 <= i <= n. How a job array
            shares the work.
        executor: where the tasks run, in place of `workers` and the limits; closed at the end.

    Raises:
        LabelingFunctionError: no functions, two of one name, or one whose votes could not be found again.
        DataError: a function declares a column that the file does not have.
        VoteError: a function failed and `on_fault` is "raise".
    """
    check_limits(workers, time_limit, on_fault, None)
    check_names(lfs)
    i, n = part
    if not 1 <= i <= n:
        raise ConfigError(f"the part is {i}/{n}. Allowed: 1/n to n/n.")
    source = FileSource(file, lfs, beside)
    sink = _Counts(lfs, store, on_fault)
    driver = Driver(
        lfs,
        source,
        store,
        sink,
        send_votes=False,
        shards=range(i - 1, len(source), n),
    )
    votes = _planned(lfs, driver.fingerprints, source, store)
    on_plan(votes)
    notes = drive(driver, lfs, store, executor, workers, time_limit, memory_limit=memory_limit)
    tallies = tuple(Tally(*counts) for counts in sink.counts.tolist())
    return AppliedFile(votes, tallies, tuple(sink.faulty), driver.progress, notes)


def _planned(
    lfs: Sequence[LabelingFunction], versions: Sequence[str | None], source: FileSource, store: VoteStore
) -> StoredVotes:
    """Where the votes will stand."""
    known = tuple(version for version in versions if version is not None)
    if len(known) < len(lfs):
        raise LabelingFunctionError(
            f"{lfs[versions.index(None)].name!r} lives only in this process, so votes on a file could not be found "
            "again. Move it into a file and load that with load_lfs."
        )
    sees = {
        lf.columns: tuple(source.address(shard, lf) for shard in range(len(source)))
        for lf in {lf.columns: lf for lf in lfs}.values()
    }
    return StoredVotes(store, tuple(lf.name for lf in lfs), known, tuple(sees[lf.columns] for lf in lfs))


class _Counts:
    """A sink that counts what stands in the store."""

    def __init__(self, lfs: Sequence[LabelingFunction], store: VoteStore, on_fault: OnFault) -> None:
        self.counts = np.zeros((len(lfs), 4), dtype=np.int64)
        self.faulty: list[tuple[int, int]] = []
        self._names = [lf.name for lf in lfs]
        self._store, self._on_fault = store, on_fault

    def find(self, number: int, lf: int, cell: Cell, n_pairs: int) -> Tally | None:
        tally = self._store.tally(cell, n_pairs)
        if tally is not None:
            self._add(number, lf, tally, cell)
        return tally

    def take(self, number: int, answer: Answer, cell: Cell | None) -> None:
        assert cell is not None  # every function of this run has a version
        if answer.votes is not None and not answer.given_up:
            raise LabelingFunctionError(
                f"{self._names[answer.lf]!r} holds other values in each process (a list made from a set, or a "
                "number drawn at import), so its votes could not be found again. Sort the list, or fix the seed."
            )
        if answer.votes is not None:
            self._store.save(cell, answer.votes, given_up=True)
        self._add(number, answer.lf, answer.tally, cell)

    def _add(self, number: int, lf: int, tally: Tally, cell: Cell) -> None:
        self.counts[lf] += (tally.n_pairs, tally.n_a, tally.n_b, tally.n_faults)
        if not tally.n_faults:
            return
        self.faulty.append((number, lf))
        if self._on_fault == "raise":
            found = self._store.load_or_given_up(cell, tally.n_pairs)
            raise VoteError(str(found.faults[0]) if found else f"{self._names[lf]!r} failed.")
