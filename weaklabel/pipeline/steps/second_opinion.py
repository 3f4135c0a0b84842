"""The step `opinion`: what reward models taught by the labels of other prompts say of every pair."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.parquet as pq

from weaklabel import artifacts
from weaklabel._progress import tracked
from weaklabel.artifacts.steps import Made
from weaklabel.comparers.out_of_fold import SecondOpinion
from weaklabel.export.tabular import write_tables
from weaklabel.pipeline.steps.base import Place, RunStep
from weaklabel.pipeline.steps.label import Label
from weaklabel.pipeline.steps.read import Read
from weaklabel.types import FloatArray

_FILE = "second_opinion.parquet"


class Opinion(RunStep[FloatArray]):
    """Log-odds of every pair out of fold, in a file. The linear reward model, whatever `[reward]` says: it is fitted five times."""

    name: ClassVar[str] = "opinion"
    outputs: ClassVar[Sequence[str]] = (_FILE,)

    def __init__(self, place: Place, read: Read, label: Label) -> None:
        super().__init__(place)
        self._read, self._label = read, label

    @property
    def inputs(self) -> Mapping[str, str | None]:
        return self._label.hashes("labels.parquet")

    def make(self) -> Made[FloatArray]:
        second, file = SecondOpinion(self._label.beliefs), self._read.value.file

        def parts() -> Iterator[pa.Table]:
            for shard in tracked(range(len(file)), "opinion"):
                yield pa.table({"logit": second.logit(file.pairs(shard))})

        with artifacts.atomic_file(self.folder / _FILE) as temporary:
            write_tables(temporary, parts())
        return Made({"pairs": file.n_pairs})

    def load(self, counts: Mapping[str, Any]) -> FloatArray:
        """`(n_pairs,)` float64 log-odds that B beats A, rows as in the file of pairs."""
        found: FloatArray = pq.read_table(self.folder / _FILE)["logit"].to_numpy()
        return found
