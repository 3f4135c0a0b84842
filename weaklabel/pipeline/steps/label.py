"""The step `label`: a belief, an importance and a verdict for every pair."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Final

import pyarrow as pa

from weaklabel import artifacts
from weaklabel._progress import tracked
from weaklabel.artifacts.steps import Made
from weaklabel.data import PairsFile
from weaklabel.engine.stream import StoredVotes
from weaklabel.export.selection import parts_of
from weaklabel.export.tabular import write_tables
from weaklabel.labeler import Labeler
from weaklabel.pipeline.answered import LabelsBefore, counts_before
from weaklabel.pipeline.steps.apply import Apply
from weaklabel.pipeline.steps.base import Place, RunStep
from weaklabel.pipeline.steps.fit import Fit
from weaklabel.pipeline.steps.gather import Gather
from weaklabel.pipeline.steps.read import Read
from weaklabel.types import Labels, LabelsFile

CONFIDENCES: Final = (0.5, 0.6, 0.7, 0.8, 0.9)


class Label(RunStep[LabelsFile]):
    """Labels of every pair, without the reasons for them, in a file."""

    name: ClassVar[str] = "label"
    outputs: ClassVar[Sequence[str]] = ("labels.parquet",)

    def __init__(self, place: Place, read: Read, apply: Apply, gather: Gather, fit: Fit) -> None:
        super().__init__(place)
        self._read, self._apply, self._gather, self._fit = read, apply, gather, fit

    @cached_property
    def held(self) -> Labels:
        """The pairs in memory with p, w, label, confidence, calibrated and the votes behind it. Writes no file."""
        labeler, pairs, votes = self._fit.value, self._read.value.held, self._gather.value
        if self.is_fresh:  # whether they have shifted was asked when the file was written
            labels = labeler.label_known(pairs, votes, shares=True)
        else:
            labels = labeler.label(pairs, votes=votes)
        return replace(labels, refit=self._fit.refit)

    @cached_property
    def beliefs(self) -> Labels:
        """`held` without the share of each function, read from the file where this process has not made it."""
        file, read = self.value, self._read.value
        if "held" in vars(self):
            return self.held
        labels = file.beliefs(read.held, self._gather.value, read.rows)
        return replace(labels, refit=self._fit.refit)

    @property
    def inputs(self) -> Mapping[str, str | None]:
        votes = self._apply.hashes("votes.json", "faults.jsonl")
        return self._read.hashes("pairs.parquet") | votes | self._fit.hashes("labeler")

    @property
    def settings(self) -> Mapping[str, Any]:
        return {}

    def make(self) -> Made[LabelsFile]:
        path, answers = self.folder / "labels.parquet", self._fit.counts.get("answers", 0)
        # Read before it is replaced: what stood there is said once, and kept nowhere.
        news = answers != counts_before(self.folder, self.key).get("answers", 0)
        before = LabelsBefore.of(path) if news else None
        counts = self._write(path)
        if before is not None and (said := before.said(LabelsBefore.of(path))):
            self.place.on_note(said)
        return Made(counts | ({"answers": answers} if answers else {}))

    def _write(self, path: Path) -> dict[str, Any]:
        labeler, pairs = self._fit.value, self._read.value
        if not pairs.is_sample:
            return write_labels(path, parts_of(self.held))
        # The pairs in memory speak for all, and a warning that they have shifted should come before hours of work.
        labeler.warn_of_shift(pairs.held, self._gather.value)
        parts = labels_by_shard(labeler, pairs.file, self._apply.value.stored)
        return write_labels(path, parts)

    def load(self, counts: Mapping[str, Any]) -> LabelsFile:
        return LabelsFile(self.folder / "labels.parquet")


def labels_by_shard(labeler: Labeler, file: PairsFile, votes: StoredVotes) -> Iterator[Labels]:
    """Labels of every pair, a shard at a time, without the share of each function in them."""
    for shard in tracked(range(len(file)), "label"):
        yield labeler.label_known(file.pairs(shard), votes.shard(file, shard))


def write_labels(path: Path, parts: Iterable[Labels]) -> dict[str, Any]:
    """Labels as one Parquet file with the columns of `Labels.to_table()`; counts."""
    counts = {"a": 0, "b": 0, "tie": 0, "without_votes": 0}
    confident = dict.fromkeys((str(c) for c in CONFIDENCES), 0)
    calibrated = False

    def counted() -> Iterator[pa.Table]:
        nonlocal calibrated
        for part in parts:
            for verdict in ("a", "b", "tie"):
                counts[verdict] += int((part.label == verdict).sum())
            counts["without_votes"] += int((part.w == 0).sum())
            for at_least in CONFIDENCES:
                confident[str(at_least)] += int((part.confidence >= at_least).sum())
            calibrated = part.calibrated
            yield part.to_table()

    with artifacts.atomic_file(path) as temporary:
        write_tables(temporary, counted())
    return {**counts, "confidence": confident, "calibrated": calibrated}
