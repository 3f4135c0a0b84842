"""The step `gather`: the votes on the pairs in memory, from the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from weaklabel.artifacts.steps import Made
from weaklabel.pipeline.steps.apply import Apply
from weaklabel.pipeline.steps.base import Place, RunStep
from weaklabel.pipeline.steps.read import Read
from weaklabel.pipeline.tables import read_votes_file, write_votes_file
from weaklabel.types import Votes


class Gather(RunStep[Votes]):
    """The votes on the pairs in memory, in one file."""

    name: ClassVar[str] = "gather"
    quiet: ClassVar[bool] = True
    outputs: ClassVar[Sequence[str]] = ("votes.parquet",)

    def __init__(self, place: Place, read: Read, apply: Apply) -> None:
        super().__init__(place)
        self._read, self._apply = read, apply

    @property
    def inputs(self) -> Mapping[str, str]:
        return self._apply.hashes("votes.json", "faults.jsonl") | self._read.hashes("pairs.parquet")

    def make(self) -> Made[Votes]:
        pairs = self._read.value
        write_votes_file(self.folder, self._apply.value.stored.take(pairs.file, pairs.rows))
        return Made({})

    def load(self, counts: Mapping[str, Any]) -> Votes:
        return read_votes_file(self.folder)
