"""The step `judge`: LLM judges are asked, once, before anything is voted on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from weaklabel import artifacts
from weaklabel.artifacts.steps import Made
from weaklabel.data import PairsFile
from weaklabel.engine import fingerprint
from weaklabel.judges.prompted import Judge
from weaklabel.lf.core import LabelingFunction
from weaklabel.pipeline.steps.base import Functions, Place, RunStep
from weaklabel.pipeline.steps.read import Read
from weaklabel.types import Pairs


def judges_of(lfs: Sequence[LabelingFunction]) -> list[Judge]:
    """The LLM judges among labeling functions."""
    return [lf for lf in lfs if isinstance(lf, Judge)]


class AskJudges(RunStep[Path]):
    """A file beside the pairs with what the judges say, asked as far as they have not been and the budget reaches.

    Judges cost money: they are asked about the pairs in memory, and abstain on all others. Where requests failed in
    part, the next command tries these again.
    """

    name: ClassVar[str] = "judge"
    outputs: ClassVar[Sequence[str]] = ("verdicts.parquet", "judges.json")

    def __init__(self, place: Place, functions: Functions, read: Read) -> None:
        super().__init__(place)
        self._functions, self._read = functions, read

    @cached_property
    def judges(self) -> list[Judge]:
        return judges_of(self._functions.lfs)

    @property
    def applies(self) -> bool:
        """Whether there are judges."""
        return bool(self.judges)

    @property
    def verdicts(self) -> Path | None:
        """What they say; None without judges."""
        return self.value if self.applies else None

    @property
    def inputs(self) -> Mapping[str, str | None]:
        asked = {f"lf:{judge.name}": fingerprint(judge) for judge in self.judges}
        return self._read.hashes("pairs.parquet") | asked

    @property
    def settings(self) -> Mapping[str, Any]:
        budgets = {
            j.name: {"max_pairs": j.settings.max_pairs, "max_cost": j.settings.max_cost} for j in self.judges
        }
        return {"asked about": artifacts.content_hash(self._read.value.rows.tobytes())} | budgets

    def make(self) -> Made[Path]:
        """Ask.

        Raises:
            EndpointError: a server that cannot be used. What was answered until then is kept.
        """
        pairs = self._read.value
        self._say_beforehand()
        table = pairs.held.table
        for judge in self.judges:
            table = judge.judged(table)
        names = [name for judge in self.judges for name in judge.columns]
        _write_beside(self.folder / "verdicts.parquet", table.select(names), pairs.rows, pairs.file)
        seed = self.config.data.seed
        reports = {judge.name: judge.summary(Pairs(table), seed=seed) for judge in self.judges}
        told = {name: found.to_dict() for name, found in reports.items()}
        artifacts.write_json(self.folder / "judges.json", told)
        failed = sum(found.bias.counts.get("failed", 0) for found in reports.values())
        return Made({"judges": {name: str(found) for name, found in reports.items()}, "failed": failed})

    def load(self, counts: Mapping[str, Any]) -> Path:
        return self.folder / "verdicts.parquet"

    def settle(self, counts: Mapping[str, Any]) -> bool:
        return not counts["failed"]

    def _say_beforehand(self) -> None:
        """Who is asked about how many pairs, and what it will cost."""
        pairs = self._read.value
        if pairs.is_sample:
            self.place.on_note(
                f"judges are asked about {len(pairs.held):,} of {pairs.file.n_pairs:,} pairs, all with gold among them, "
                "and abstain on the others. To have more judged, raise data.sample."
            )
        for judge in self.judges:
            self.place.on_note(str(judge.estimate(pairs.held)))


def _write_beside(path: Path, said: pa.Table, rows: NDArray[np.int64], file: PairsFile) -> None:
    """The columns of `said`, which belong to some `rows`, in row groups like those of `file`, null elsewhere."""
    with artifacts.atomic_file(path) as temporary, pq.ParquetWriter(temporary, said.schema) as writer:
        for shard in range(len(file)):
            # Row i of the shard stands at `at[i]` in `said`; null where nobody was asked.
            here = np.arange(file.start(shard), file.start(shard) + file.n_rows(shard))
            at = np.searchsorted(rows, here)
            known = np.isin(here, rows, assume_unique=True)
            writer.write_table(said.take(pa.array(at, mask=~known)), row_group_size=max(1, len(here)))
