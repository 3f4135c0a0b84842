"""The step `judge` of a run: LLM judges are asked, once, before anything is voted on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from weaklabel import artifacts
from weaklabel.lf.core import LabelingFunction
from weaklabel.lf.crowd import CrowdFunction
from weaklabel.lf.prompted import Judge
from weaklabel.pipeline.steps import StepKeeper, path_hash
from weaklabel.types import Pairs


def judges_of(lfs: Sequence[LabelingFunction]) -> list[Judge]:
    """The LLM judges among labeling functions."""
    return [lf for lf in lfs if isinstance(lf, Judge)]


def annotation_files(lfs: Sequence[LabelingFunction]) -> dict[str, str]:
    """Content hashes of the annotations behind crowds: votes are made anew when people have voted."""
    paths = dict.fromkeys(lf.layout.path for lf in lfs if isinstance(lf, CrowdFunction))
    return {f"annotations:{i}": path_hash(Path(path)) for i, path in enumerate(paths)}


def judge_pairs(
    lfs: Sequence[LabelingFunction],
    pairs: Pairs,
    steps: StepKeeper,
    inputs: Mapping[str, str],
    *,
    on_note: Callable[[str], None],
    seed: int,
) -> Pairs:
    """`pairs` with the columns of the judges among `lfs`, asked as far as they have not been and the budget reaches.

    A step whose requests failed in part is made again by the next command: what failed then gets another try.

    Raises:
        EndpointError: a server that cannot be used. What was answered until then is kept.
    """
    judges = judges_of(lfs)
    if not judges:
        return pairs
    folder = steps.folder

    def make() -> dict[str, Any]:
        for judge in judges:
            on_note(str(judge.estimate(pairs)))
        table = pairs.table
        for judge in judges:
            table = judge.judged(table)
        names = [name for judge in judges for name in judge.columns]
        artifacts.write_parquet(folder / "verdicts.parquet", table.select(["id", *names]))
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
            j.name: {"max_pairs": j.settings.max_pairs, "max_cost": j.settings.max_cost} for j in judges
        },
        outputs=["verdicts.parquet", "judges.json"],
        make=make,
    )
    if made["counts"]["failed"]:
        (folder / "judge.json").unlink(missing_ok=True)
    return _joined(pairs, pq.read_table(folder / "verdicts.parquet"))


def _joined(pairs: Pairs, verdicts: pa.Table) -> Pairs:
    table = pairs.table
    for name in verdicts.column_names:
        if name != "id":
            table = table.append_column(name, verdicts[name])
    return Pairs(table, pairs.set_aside)
