"""The step `figures`: our labels, and everything that they must beat, on held-out prompts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from weaklabel.artifacts.steps import Made
from weaklabel.pipeline.figures import Outcome, make_figures
from weaklabel.pipeline.run_figures import RunFigures
from weaklabel.pipeline.steps.apply import Apply
from weaklabel.pipeline.steps.base import Functions, Place, RunStep
from weaklabel.pipeline.steps.fit import Fit
from weaklabel.pipeline.steps.gather import Gather
from weaklabel.pipeline.steps.label import Label
from weaklabel.pipeline.steps.read import Read
from weaklabel.pipeline.steps.reward import Reward


class Figures(RunStep[RunFigures]):
    """The table that ends a run.

    Args:
        place, functions, read, apply, gather, fit, label, reward: of the run.
        unwritten: what exports that had nothing to write said; the table repeats it.
    """

    name: ClassVar[str] = "figures"
    table: ClassVar[str] = "reward"
    outputs: ClassVar[Sequence[str]] = ("report.json",)

    def __init__(
        self,
        place: Place,
        functions: Functions,
        read: Read,
        apply: Apply,
        gather: Gather,
        fit: Fit,
        label: Label,
        reward: Reward,
        unwritten: Sequence[str] = (),
    ) -> None:
        super().__init__(place)
        self._functions, self._read, self._apply, self._gather = functions, read, apply, gather
        self._fit, self._label, self._reward, self._unwritten = fit, label, reward, unwritten

    @property
    def inputs(self) -> Mapping[str, str | None]:
        trained = self._reward.hashes("reward") if self._reward.applies else {}
        return self._label.hashes("labels.parquet") | self._fit.hashes("labeler") | trained

    def make(self) -> Made[RunFigures]:
        pairs = self._read.value.held
        needed = self._reward.applies and len(pairs.test) > 0
        report = make_figures(
            Outcome(
                folder=self.folder,
                config=self.config,
                read=self._read.counts,
                applied=self._apply.counts,
                lfs=self._functions.lfs,
                pairs=pairs,
                votes=self._gather.value,
                labels=self._label.beliefs,
                labeler=self._fit.value,
                reward=self._reward.value if needed else None,
                unwritten=self._unwritten,
            )
        )
        report.save(self.folder)
        return Made({"arms": len(report.arms)}, report)

    def load(self, counts: Mapping[str, Any]) -> RunFigures:
        return RunFigures.load(self.folder)
