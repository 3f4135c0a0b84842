"""The step `judge` of a run: LLM judges are asked, once, before anything is voted on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from weaklabel import artifacts
from weaklabel.artifacts.steps import HashMemo, StepKeeper
from weaklabel.data import PairsFile
from weaklabel.judges.crowd import CrowdFunction
from weaklabel.judges.prompted import Judge
from weaklabel.lf.core import LabelingFunction
from weaklabel.types import Pairs


def judges_of(lfs: Sequence[LabelingFunction]) -> list[Judge]:
    """The LLM judges among labeling functions."""
    return [lf for lf in lfs if isinstance(lf, Judge)]


def annotation_files(lfs: Sequence[LabelingFunction], hashes: HashMemo) -> dict[str, str]:
    """Content hashes of the annotations behind crowds: votes are made anew when people have voted."""
    files = dict.fromkeys(lf.file for lf in lfs if isinstance(lf, CrowdFunction))
    return {f"annotations:{i}": hashes.of(file) for i, file in enumerate(files)}


def judge_pairs(
    judges: Sequence[Judge],
    pairs: Pairs,
    rows: NDArray[np.int64],
    file: PairsFile,
    steps: StepKeeper,
    inputs: Mapping[str, str],
    *,
    on_note: Callable[[str], None],
    seed: int,
) -> Path:
    """A file beside the pairs with what the judges say, asked as far as they have not been and the budget reaches.

    A step whose requests failed in part is made again by the next command: what failed then gets another try.

    Args:
        judges: who is asked.
        pairs: those that they are asked about.
        rows: where in the file these stand.
        file: all pairs; about the others the judges say nothing.
        steps, inputs: of the run.
        on_note: told what it will cost, before it does.
        seed: of the report's intervals.

    Raises:
        EndpointError: a server that cannot be used. What was answered until then is kept.
    """
    folder = steps.folder

    def make() -> dict[str, Any]:
        for judge in judges:
            on_note(str(judge.estimate(pairs)))
        table = pairs.table
        for judge in judges:
            table = judge.judged(table)
        names = [name for judge in judges for name in judge.columns]
        _write_beside(folder / "verdicts.parquet", table.select(names), rows, file)
        reports = {judge.name: judge.report(Pairs(table), seed=seed) for judge in judges}
        artifacts.write_json(
            folder / "judges.json", {name: found.to_dict() for name, found in reports.items()}
        )
        failed = sum(found.bias.counts.get("failed", 0) for found in reports.values())
        return {"judges": {name: str(found) for name, found in reports.items()}, "failed": failed}

    made = steps.run(
        "judge",
        inputs=inputs,
        settings={
            "asked about": artifacts.content_hash(rows.tobytes()),
            **{j.name: {"max_pairs": j.settings.max_pairs, "max_cost": j.settings.max_cost} for j in judges},
        },
        outputs=["verdicts.parquet", "judges.json"],
        make=make,
    )
    if made["counts"]["failed"]:
        (folder / "judge.json").unlink(missing_ok=True)
    return folder / "verdicts.parquet"


def _write_beside(path: Path, said: pa.Table, rows: NDArray[np.int64], file: PairsFile) -> None:
    """The columns of `said`, which belong to some `rows`, in row groups like those of `file`, null elsewhere."""
    with artifacts.atomic_file(path) as temporary, pq.ParquetWriter(temporary, said.schema) as writer:
        for shard in range(len(file)):
            # Row i of the shard stands at `at[i]` in `said`; null where nobody was asked.
            here = np.arange(file.start(shard), file.start(shard) + file.n_rows(shard))
            at = np.searchsorted(rows, here)
            known = np.isin(here, rows, assume_unique=True)
            writer.write_table(said.take(pa.array(at, mask=~known)), row_group_size=max(1, len(here)))
