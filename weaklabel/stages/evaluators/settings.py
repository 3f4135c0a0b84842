"""Settings of the stage `evaluator`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

from weaklabel._arguments import check_value
from weaklabel.errors import ConfigError
from weaklabel.stages.evaluators.data import AnsweringSettings
from weaklabel.stages.policy import PolicySettings
from weaklabel.training.settings import TrainingSettings, checked


@checked
@dataclass(frozen=True, kw_only=True)
class EvaluatorSettings(PolicySettings):
    """Settings of an evaluator, beside those of its training; `model` is its base.

    Attributes:
        num_train_epochs, lr_scheduler_type, early_stopping_patience: as in the paper: 5, "cosine", 1.
        data: demonstrations with reference answers, where there is a `checker`; else pairs with gold or beliefs. None takes
            the labels.
        checker: `module:function` or `file.py:function` of (prompt, response): which answers are right.
        answers: settings of the small model whose checkpoints answer, see `AnsweringSettings`; its model is by default that
            of the evaluator, and so is its seed.
        held_out_share: of the prompts, below .5; they stop the training and choose its checkpoint.
        allow_uncalibrated: learn from beliefs that were never fitted to gold.

    Raises:
        ConfigError: as for every policy; and `eval_data` or `audit`, which an evaluator does not have.
    """

    num_train_epochs: float = 5.0
    lr_scheduler_type: str = "cosine"
    early_stopping_patience: int | None = 1
    checker: str | None = None
    answers: Mapping[str, Any] = field(default_factory=dict)
    held_out_share: float = 0.1
    allow_uncalibrated: bool = False
    audit: bool | Mapping[str, Any] = False

    OWNER: ClassVar[str] = "evaluator"
    RANGES: ClassVar[Mapping[str, tuple[float, float]]] = {
        **PolicySettings.RANGES,
        "held_out_share": (0, 0.5),
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.eval_data is not None or self.audit is not False:
            name = "audit" if self.eval_data is None else "eval_data"
            raise ConfigError(
                f"evaluator: {name} is set, which is for models that write. held_out_share says how many prompts judge an "
                "evaluator."
            )
        if self.answers and self.checker is None:
            raise ConfigError(
                "evaluator: answers is set without checker. Name the function that says which answers are right."
            )
        check_value("evaluator: answers", self.answers, "Mapping[str, Any]")
        _ = self.answering

    @property
    def answering(self) -> AnsweringSettings:
        """Those of the model that answers."""
        own = {"model": self.model, "adapter": self.adapter, "from_scratch": self.from_scratch}
        given = dict(self.answers)
        if {"model", "from_scratch"} & given.keys():
            own = {}
        return AnsweringSettings(**{**own, "dtype": self.dtype, "seed": self.seed, **given})

    @property
    def of_the_evaluator(self) -> dict[str, Any]:
        """What `Evaluator` takes."""
        found = {each.name: getattr(self, each.name) for each in fields(TrainingSettings)}
        if found["max_length"] == TrainingSettings.max_length:
            del found["max_length"]  # or what the model reads, if that is less
        if not self.held_out_share:
            found["early_stopping_patience"] = None
        own = ("adapter", "from_scratch", "dtype", "held_out_share")
        return found | {"base": self.model} | {name: getattr(self, name) for name in own}
