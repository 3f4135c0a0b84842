"""The step `reward`: a reward model trained on the labels, and on dev gold where there is any."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from weaklabel import artifacts
from weaklabel.artifacts.folders import clear_torn
from weaklabel.artifacts.steps import Made
from weaklabel.lf.core import LabelingFunction
from weaklabel.pipeline.steps.base import Functions, Place, RunStep
from weaklabel.pipeline.steps.fit import Fit
from weaklabel.pipeline.steps.label import Label
from weaklabel.pipeline.steps.read import Read
from weaklabel.reward import RewardModel, load_reward, train_reward, training_targets
from weaklabel.reward.registry import reward_model_class, written_settings


class Reward(RunStep[RewardModel]):
    """Trains the reward model that `[reward]` describes.

    Args:
        place, read, fit, label: of the run.
        beside: part of the folder's name for a model that stands beside the run's own; "" is the run's own.
    """

    name: ClassVar[str] = "reward"
    table: ClassVar[str] = "reward"

    def __init__(self, place: Place, read: Read, fit: Fit, label: Label, beside: str = "") -> None:
        super().__init__(place)
        self._read, self._fit, self._label = read, fit, label
        self._name = f"reward-{beside}" if beside else "reward"

    @property
    def key(self) -> str:
        return self._name

    @property
    def path(self) -> Path:
        """Where the model is saved."""
        return self.folder / self._name

    @property
    def applies(self) -> bool:
        """Whether the labels may be trained on."""
        return self._label.value.calibrated or self.config.reward.allow_uncalibrated

    @property
    def inputs(self) -> Mapping[str, str | None]:
        # A hub name stands for itself; a folder may be filled anew.
        base = str(self.config.reward.settings.get("base", ""))
        folder = {"base": self.keeper.hashes.of(Path(base))} if base and Path(base).is_dir() else {}
        functions = {} if self._functions is None else self._functions.versions
        # The scale rests on labels that the same fit gives without a part of the gold.
        return self._label.hashes("labels.parquet") | self._fit.hashes("labeler") | folder | functions

    @property
    def outputs(self) -> Sequence[str]:
        return [self._name]

    def make(self) -> Made[RewardModel]:
        settings, labels = self.config.reward, self._label.beliefs
        votes = {} if self._functions is None else {"votes": labels.votes}
        model = train_reward(
            labels,
            model=settings.model,
            lfs=self._lfs,
            allow_uncalibrated=settings.allow_uncalibrated,
            **self._checkpoints() | written_settings(settings.model, settings.settings) | votes,
        )
        from weaklabel.report.card import model_card  # the whole report, which no other step needs

        clear_torn(self.path)
        n_taught = len(training_targets(labels)[0])
        card = model_card(
            model,
            self._read.value.held.test,
            n_given=n_taught,
            seed=self.config.data.seed,
        )
        model.save(self.path, beside=card)
        shutil.rmtree(self.folder / "training", ignore_errors=True)
        return Made({"model": settings.model, "trained_on": n_taught}, model)

    def load(self, counts: Mapping[str, Any]) -> RewardModel:
        return load_reward(self.path, self._lfs)

    @cached_property
    def _functions(self) -> Functions | None:
        """The labeling functions of the settings, where the model reads them."""
        reads = reward_model_class(self.config.reward.model).takes_functions
        return Functions(self.place.loaded) if reads else None

    @property
    def _lfs(self) -> Sequence[LabelingFunction]:
        return () if self._functions is None else self._functions.lfs

    def _checkpoints(self) -> dict[str, Any]:
        """Where a reward model that can go on after a kill keeps its checkpoints: a folder for each thing to train."""
        if not reward_model_class(self.config.reward.model).resumes:
            return {}
        made_of = {"inputs": dict(self.inputs), "settings": dict(self.settings)}
        key = artifacts.content_hash(json.dumps(made_of, sort_keys=True))[:16]
        return {"checkpoints": str(self.folder / "training" / key)}
