"""The step `apply`: every labeling function votes on every pair, in the store that all runs share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

from weaklabel import artifacts
from weaklabel.artifacts.hash_memo import HashMemo
from weaklabel.artifacts.steps import Made
from weaklabel.engine import VoteStore
from weaklabel.engine.driver import Progress
from weaklabel.engine.stream import AppliedFile, StoredVotes
from weaklabel.errors import ConfigError, FaultShareError
from weaklabel.judges.crowd import CrowdFunction
from weaklabel.lf.core import LabelingFunction
from weaklabel.lf.gold_columns import reads_columns, refuse_gold_columns
from weaklabel.pipeline.steps.base import Functions, Place, RunStep
from weaklabel.pipeline.steps.judge import AskJudges
from weaklabel.pipeline.steps.read import Read
from weaklabel.pipeline.tables import write_faults
from weaklabel.pipeline.voting import check_faults, discard_faulty, remark_on, vote, vote_counts


class RunVotes(NamedTuple):
    """Where the votes of a run stand, and what they cost: None where they were there already."""

    stored: StoredVotes
    cost: Progress | None


class Apply(RunStep[RunVotes]):
    """Votes on all pairs; its file says where in the store they stand."""

    name: ClassVar[str] = "apply"
    outputs: ClassVar[Sequence[str]] = ("votes.json", "faults.jsonl")

    def __init__(self, place: Place, functions: Functions, read: Read, judge: AskJudges) -> None:
        super().__init__(place)
        self._functions, self._read, self._judge = functions, read, judge

    @property
    def inputs(self) -> Mapping[str, str | None]:
        verdicts = self._judge.hashes("verdicts.parquet") if self._judge.applies else {}
        annotations = annotation_files(self._functions.lfs, self.keeper.hashes)
        return self._read.hashes("pairs.parquet") | self._functions.versions | verdicts | annotations

    @property
    def settings(self) -> Mapping[str, Any]:
        # Workers change nothing in the votes, so they are no setting of the step.
        return self.config.lfs.model_dump(mode="json", include={"time_limit", "memory_limit", "on_fault"})

    def make(self) -> Made[RunVotes]:
        lfs, file = self._functions.lfs, self._read.value.file
        self._refuse_gold()
        remark_on(lfs, file)
        applied = self._vote()
        # Votes that cost an hour are kept even when too many of them failed.
        write_faults(self.folder, applied.faults(file))
        counts = vote_counts(applied, lfs, file, self._judge.verdicts, self.config.data.seed)
        return Made(counts, RunVotes(replace(applied.votes, mend=self._vote), applied.progress))

    def load(self, counts: Mapping[str, Any]) -> RunVotes:
        return RunVotes(self._planned(), None)

    def stands(self) -> bool:
        # Where the store was emptied, the step's own files cannot tell.
        return self._planned().are_there()

    def settle(self, counts: Mapping[str, Any]) -> bool:
        self._refuse_gold()  # what is allowed changes no vote, and so may change where the votes are there
        try:
            check_faults(counts, self.config.lfs.max_fault_share, self.folder)
        except FaultShareError:
            # What failed may be mended outside the code, a missing file for one: it gets another try next time.
            discard_faulty(self._planned(), self._read.value.file)
            raise
        return True

    def part(self, number: int, of: int) -> AppliedFile:
        """Votes on every `of`-th shard alone, beginning with the `number`-th: what one job of an array does.

        The step is not made by it; the next plain `apply` finds these votes in the store.

        Raises:
            ConfigError: judges have to be asked first, which is one process's work.
        """
        if self._judge.applies and not (self.folder / "verdicts.parquet").exists():
            raise ConfigError(
                "the jobs of an array cannot ask judges, whose budget is one. Run weaklabel apply once without --shards, "
                "or leave [[lfs.judge]] out."
            )
        self._refuse_gold()
        return self._vote((number, of))

    def _refuse_gold(self) -> None:
        lfs = self._functions.lfs
        if any(reads_columns(lf) for lf in lfs):
            refuse_gold_columns(lfs, self._read.value.held)

    def _vote(self, part: tuple[int, int] = (1, 1)) -> AppliedFile:
        return vote(
            self.config.lfs,
            self._functions.lfs,
            self._read.value.file,
            self._store,
            # Before anything is computed: `weaklabel gc` leaves alone what stands in it, also after a kill.
            on_plan=lambda votes: artifacts.write_json(self.folder / "votes.json", votes.to_dict()),
            beside=self._judge.verdicts,
            part=part,
        )

    def _planned(self) -> StoredVotes:
        found = StoredVotes.from_dict(artifacts.read_json(self.folder / "votes.json"), self._store)
        return replace(found, mend=self._vote)

    @cached_property
    def _store(self) -> VoteStore:
        return VoteStore(self.place.loaded.store_folder)


def annotation_files(lfs: Sequence[LabelingFunction], hashes: HashMemo) -> dict[str, str | None]:
    """Content hashes of the annotations behind crowds: votes are made anew when people have voted."""
    files = dict.fromkeys(lf.file for lf in lfs if isinstance(lf, CrowdFunction))
    return {f"annotations:{i}": hashes.of(file) or None for i, file in enumerate(files)}
