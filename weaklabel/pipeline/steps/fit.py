"""The step `fit`: label model and calibrator, fitted on everything but the locked test prompts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from weaklabel.artifacts.steps import Made
from weaklabel.labeler import Labeler, fit, refit_of
from weaklabel.pipeline.answered import counts_before, said_of_fit
from weaklabel.pipeline.steps.apply import Apply
from weaklabel.pipeline.steps.base import Functions, Place, RunStep
from weaklabel.pipeline.steps.gather import Gather
from weaklabel.pipeline.steps.read import Read
from weaklabel.types import Refit, Votes
from weaklabel.types.result import json_values


class Fit(RunStep[Labeler]):
    """Fits the labeler that `[labeler]` describes."""

    name: ClassVar[str] = "fit"
    table: ClassVar[str] = "labeler"
    outputs: ClassVar[Sequence[str]] = ("labeler",)

    def __init__(self, place: Place, functions: Functions, read: Read, apply: Apply, gather: Gather) -> None:
        super().__init__(place)
        self._functions, self._read, self._apply, self._gather = functions, read, apply, gather

    @property
    def inputs(self) -> Mapping[str, str | None]:
        votes = self._apply.hashes("votes.json", "faults.jsonl")
        # A function may change without changing a vote; the labeler names the versions it was fitted on.
        return self._read.hashes("pairs.parquet") | votes | self._functions.versions

    def make(self) -> Made[Labeler]:
        settings, pairs = self.config.labeler, self._read.value
        before = counts_before(self.folder, self.key)
        labeler = fit(
            self._functions.lfs,
            pairs.held,
            model=settings.model,
            settings=settings.settings,
            calibration=settings.calibration,
            votes=self._gather.value,
            all_votes=self._visible_votes if pairs.is_sample else None,
            seed=self.config.data.seed,
        )
        labeler.save(self.folder / "labeler")
        figures = json_values(labeler.out_of_fold)
        counts = {
            "model": labeler.model.name,
            "calibrated": labeler.calibrated,
            "calibrator": None if labeler.calibrator is None else labeler.calibrator.name,
            "out_of_fold": figures,
            "checks_shift": labeler.checks_shift,
            "notes": list(labeler.notes),
        }
        if answers := self._read.counts.get("answers", 0):
            counts["answers"] = answers
        if said := said_of_fit(before, counts):
            self.place.on_note(said)
        return Made(counts, labeler)

    def load(self, counts: Mapping[str, Any]) -> Labeler:
        return Labeler.load(self.folder / "labeler", self._functions.lfs)

    @cached_property
    def refit(self) -> Refit | None:
        """Labels of the pairs in memory without a part of the gold. Fits nothing before it is called."""
        settings, labeler = self.config.labeler, self.value
        if labeler.refit is not None:
            return labeler.refit
        return refit_of(
            labeler.lfs,
            self._read.value.held,
            self._gather.value,
            model=settings.model,
            settings=settings.settings,
            calibration=settings.calibration,
            seed=self.config.data.seed,
            fitted=labeler.model,
        )

    def _visible_votes(self) -> Iterator[Votes]:
        """The votes on all pairs outside locked test prompts, a shard at a time."""
        file, stored = self._read.value.file, self._apply.value.stored
        for shard in range(len(file)):
            part = file.read(shard, ["part"])["part"].to_numpy(zero_copy_only=False)
            yield stored.shard(file, shard).take(np.asarray(part != "test", dtype=np.bool_))
