"""One run, `runs/<name>/`: pairs, votes, labeler, labels, exports, reward model and figures, as a list of steps.

Whatever is asked for is made, with the steps before it, and what has not changed is skipped. So the single commands and
`weaklabel run` are the same code, and a run that was killed continues where it was.

    pairs.parquet  set_aside.jsonl     read
    sample.parquet                     of these, all with gold and `data.sample` others, where there are more
    verdicts.parquet  judges.json      judge (where the settings have one; the answers are in .weaklabel/judges)
    votes.json  faults.jsonl           apply: where in .weaklabel/votes, which other runs share, the votes stand
    votes.parquet                      of the sample
    labeler/                           fit
    labels.parquet                     label
    export/<format>/                   export
    reward/  training/                 reward train (training/ only while a transformer is being trained)
    report.json                        figures on held-out prompts
    second_opinion.parquet             where `weaklabel next` needs one: reward models taught by other prompts' labels
    questions.jsonl                    what `weaklabel next` asked; the answers are in the project's file

What needs every pair (read, apply, label, export) works shard by shard; what needs rows in memory (label models that
learn from rows, reward models, figures, the workbench) sees the sample. Where there are few pairs it is all of them.

A further step is a file in `steps/` and a line in `Plan`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weaklabel import artifacts
from weaklabel._shown import Shown
from weaklabel.artifacts.hash_memo import HashMemo
from weaklabel.artifacts.locks import PATIENCE, FolderLock
from weaklabel.artifacts.steps import OnStep, Step, StepKeeper
from weaklabel.config import LoadedConfig
from weaklabel.data import PairsFile
from weaklabel.engine.stream import AppliedFile, StoredVotes
from weaklabel.errors import ArtifactError, DataError, UnknownNameError
from weaklabel.labeler import Labeler
from weaklabel.lf.core import LabelingFunction
from weaklabel.pipeline.run_figures import RunFigures
from weaklabel.pipeline.steps import (
    Apply,
    AskJudges,
    Export,
    Figures,
    Fit,
    Functions,
    Gather,
    Label,
    Opinion,
    Place,
    Read,
    Reward,
)
from weaklabel.pipeline.steps.export import Formats, export_settings
from weaklabel.reward import RewardModel
from weaklabel.types import Explanation, FloatArray, Labels, LabelsFile, Pairs, Votes


class Plan:
    """The steps of a run, in the order in which `weaklabel run` makes them; the figures come last."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.functions = functions = Functions(place.loaded)
        self.read = read = Read(place)
        self.judge = judge = AskJudges(place, functions, read)
        self.apply = apply = Apply(place, functions, read, judge)
        self.gather = gather = Gather(place, read, apply)
        self.fit = fit = Fit(place, functions, read, apply, gather)
        self.label = label = Label(place, read, apply, gather, fit)
        self.export = Export(place, label)
        self.reward = Reward(place, read, fit, label)

    def __iter__(self) -> Iterator[Step[Any]]:
        yield from (
            self.read,
            self.judge,
            self.apply,
            self.gather,
            self.fit,
            self.label,
            self.export,
            self.reward,
        )

    def figures(self, unwritten: Sequence[str] = ()) -> Figures:
        """The last step; `unwritten` is what exports that had nothing to write said."""
        made_of = (self.read, self.apply, self.gather, self.fit, self.label, self.reward)
        return Figures(self.place, self.functions, *made_of, unwritten)


class Run(Shown):
    """The run called `name` (default: `run.name`) of a configuration.

    Args:
        loaded: settings in force.
        name: folder below `run.folder`.
        folder: where it is kept instead: a copy to look at.
        on_step: told of every step, made or skipped.
        on_note: told what a person should know before it happens: what judges will cost, who holds the run.
        wait: wait until another process that writes this run has ended, however long that takes; by default
            for some seconds.
        until: once something had to be made, no other process writes this run until this closes. Default: until what
            was asked for is made.

    Raises:
        BusyError: when a step has to be made, and another process is making some.

    Attributes:
        lock: the right to write into its folder.
        plan: the steps, each with its `counts` and its `value`; what follows here are the values by name.
    """

    def __init__(
        self,
        loaded: LoadedConfig,
        name: str | None = None,
        *,
        folder: Path | None = None,
        on_step: OnStep = lambda step: None,
        on_note: Callable[[str], None] = lambda text: None,
        wait: bool = False,
        until: ExitStack | None = None,
    ) -> None:
        self.loaded = loaded
        self.config = loaded.config
        self.folder: Path = loaded.run_folder(name) if folder is None else folder
        self.lock = FolderLock(
            self.folder,
            patience=float("inf") if wait else PATIENCE,
            on_wait=lambda holder: on_note(f"waiting for {holder}, which is writing {self.folder}"),
            on_take_over=lambda holder: on_note(
                f"{holder} ended in the middle of writing {self.folder}; what is whole is kept"
            ),
        )
        memo = HashMemo(loaded.store_folder / "hashes")
        keeper = StepKeeper(self.folder, memo, on_step, lock=self.lock, until=until)
        self.plan = Plan(Place(loaded, keeper, on_note))

    def _values(self) -> list[tuple[str, Any]]:
        return [("folder", str(self.folder))]

    @property
    def lfs(self) -> tuple[LabelingFunction, ...]:
        """The labeling functions that the settings ask for."""
        return self.plan.functions.lfs

    @property
    def file(self) -> PairsFile:
        """All pairs, with their gold and parts."""
        return self.plan.read.value.file

    @property
    def is_read(self) -> bool:
        """Whether the pairs on disk are those that the settings name."""
        return self.plan.read.is_fresh

    @property
    def is_sample(self) -> bool:
        """Whether there are more pairs than are held in memory."""
        return self.plan.read.value.is_sample

    @property
    def pairs(self) -> Pairs:
        """The pairs that are held in memory: all of them, or the sample."""
        return self.plan.read.value.held

    @property
    def rows(self) -> NDArray[np.int64]:
        """Where in the file the pairs in memory stand, rising."""
        return self.plan.read.value.rows

    @property
    def stored(self) -> StoredVotes:
        """Every function's votes on every pair, as they stand in the store that other runs share."""
        return self.plan.apply.value.stored

    def apply_part(self, number: int, of: int) -> AppliedFile:
        """Votes on every `of`-th shard alone; see `Apply.part`."""
        return self.plan.apply.part(number, of)

    @property
    def votes(self) -> Votes:
        """The votes on the pairs in memory."""
        return self.plan.gather.value

    @property
    def labeler(self) -> Labeler:
        """Label model and calibrator, fitted on everything but the locked test prompts."""
        return self.plan.fit.value

    @property
    def labels(self) -> Labels:
        """The pairs in memory with p, w, label, confidence, calibrated and the votes behind it."""
        return self.plan.label.held

    @property
    def beliefs(self) -> Labels:
        """`labels` for whoever has no use for the share of each function: read from the file, and nothing is asked again."""
        return self.plan.label.beliefs

    @property
    def labels_file(self) -> LabelsFile:
        """Labels of every pair, without the reasons for them."""
        return self.plan.label.value

    def explain(self, pair_id: str) -> Explanation:
        """Which functions spoke on one pair, with what weight.

        Raises:
            UnknownNameError: when no pair has that id.
        """
        pairs, votes = self._part_with(pair_id)
        row = [pairs.ids.index(pair_id)]
        return self.labeler.label_known(pairs.take(row), votes.take(row), shares=True).explain(pair_id)

    def _part_with(self, pair_id: str) -> tuple[Pairs, Votes]:
        """Pairs that hold the one of that id, and their votes: those in memory, or else its shard."""
        if pair_id in self.pairs.ids:
            return self.pairs, self.votes
        for shard in range(len(self.file)) if self.is_sample else ():
            if pair_id in self.file.read(shard, ["id"])["id"].to_pylist():
                return self.file.pairs(shard), self.stored.shard(self.file, shard)
        raise UnknownNameError(
            f"no pair {pair_id!r} among the {self.file.n_pairs:,} labelled ones. Look its id up in the labels' id column."
        )

    def export(self, formats: Formats | None = None) -> dict[str, dict[str, Any]]:
        """Write the exports that are configured (or `formats`: name -> settings); per format its report.

        Raises:
            NotCalibratedError: labels without calibration, where `allow_uncalibrated` is not set.
        """
        wanted = self.export_settings() if formats is None else formats
        return Export(self.plan.place, self.plan.label, wanted).value

    def export_settings(self, formats: Sequence[str] | None = None) -> dict[str, dict[str, Any]]:
        """Settings per format: of those that are configured, or of `formats`, with defaults for the rest."""
        return export_settings(self.config, formats)

    @property
    def reward(self) -> RewardModel:
        """The reward model trained on the labels (and on dev gold where there is any).

        Raises:
            NotCalibratedError: labels without calibration, where `reward.allow_uncalibrated` is not set.
        """
        return self.plan.reward.value

    @property
    def second_opinion(self) -> FloatArray:
        """`(n_pairs,)` log-odds of all pairs in the file, by reward models that the labels of other prompts taught."""
        return Opinion(self.plan.place, self.plan.read, self.plan.label).value

    def reward_beside(self) -> tuple[RewardModel, Path]:
        """A reward model as `[reward]` describes it and its folder, `reward-NAME`; the run's own stays as it is."""
        plan = self.plan
        step = Reward(plan.place, plan.read, plan.fit, plan.label, beside=self.config.reward.model)
        return step.value, step.path

    @property
    def has_other_reward(self) -> bool:
        """Whether the run has a reward model, and of other settings than `[reward]` has now."""
        with suppress(ArtifactError, KeyError, TypeError):
            made = artifacts.read_json(self.folder / "reward.json")["settings"]
            return bool(made != dict(self.plan.reward.settings))
        return False

    def figures(self) -> RunFigures:
        """The figures on held-out prompts, of our labels and of everything they must beat."""
        return self.plan.figures().value

    def all(self) -> RunFigures:
        """Every step in order: read, apply, fit, label, export, reward train, figures.

        Without calibration the exports and the reward model are left out, unless the settings allow it: the
        report says so.
        """
        unwritten: list[str] = []
        for step in self.plan:
            if step.quiet or not step.applies:
                continue
            try:
                step.ensure()
            except DataError as error:
                if not step.may_be_empty:
                    raise
                # Nothing left to write is a fact about the labels, and the figures say why.
                unwritten.append(str(error))
        return self.plan.figures(unwritten).value
