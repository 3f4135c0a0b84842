"""What a training run can be told, checked before anything is loaded, without torch.

Settings are called as in transformers and TRL wherever they mean the same. `TrainingSettings` are those of every
trainer; one that takes more has a subclass, decorated alike.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import numbers
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Final, TypeVar

from weaklabel._validation import check_settings, lookup
from weaklabel.errors import ConfigError, warn
from weaklabel.training.losses import named_loss

T = TypeVar("T")

SCHEDULES: Final = dict.fromkeys(("constant", "constant_with_warmup", "cosine", "linear"))
REPORTERS: Final = dict.fromkeys(("none", "mlflow", "tensorboard", "trackio", "wandb"))
TOKENS_PER_BATCH: Final = 8192
WARMUP: Final = 0.05

_COUNTS: Final = (
    "max_steps", "tokens_per_batch", "groups_per_batch", "gradient_accumulation_steps", "lora_r", "lora_alpha",
    "eval_steps", "early_stopping_patience", "logging_steps",
)  # fmt: skip
# Earlier names of ours, and names of transformers' for what is done otherwise here -> what to write.
_GONE: Final = {
    "epochs": "num_train_epochs",
    "accumulation": "gradient_accumulation_steps",
    "schedule": "lr_scheduler_type",
    "warmup_share": "warmup_steps",
    "loss": "loss_type",
    "centring": "center_rewards_coefficient",
    "check_every": "save_steps, and eval_steps where they differ",
    "patience": "early_stopping_patience",
    "log_every": "logging_steps",
    "tensorboard": "report_to = 'tensorboard'",
    "lora": "lora_r",
    "per_device_train_batch_size": "tokens_per_batch (padding included) or groups_per_batch (prompts), of one process",
    "per_device_eval_batch_size": "tokens_per_batch or groups_per_batch: evaluation uses the batches of training",
}
# Names that many configurations still have, and the ones that transformers replaced them by.
_REPLACED: Final = {"gradient_checkpointing": "activation_checkpointing", "warmup_ratio": "warmup_steps"}


def current_names(given: Mapping[str, Any], owner: str = "training") -> dict[str, Any]:
    """Settings of training by their names of today; `gradient_checkpointing` and `warmup_ratio` get theirs.

    Args:
        given: name -> value.
        owner: whose settings, for messages.

    Raises:
        ConfigError: an earlier name, with what to write; or both names of one setting.

    >>> current_names({"max_steps": 3})
    {'max_steps': 3}
    """
    names: dict[str, Any] = {}
    for name, value in given.items():
        if name in _GONE:
            raise ConfigError(f"{owner}: there is no setting {name!r}. Write {_GONE[name]}.")
        new = _REPLACED.get(name, name)
        if new != name:
            if new in given:
                raise ConfigError(f"{owner}: {name} and {new} are one setting. Give {new} alone.")
            warn(f"{name} is called {new} in transformers 5, and here. It is read as {new}; write that name.")
        # As a share: the whole number 1 would be one step.
        names[new] = float(value) if name == "warmup_ratio" and isinstance(value, int | float) else value
    return names


def checked(cls: type[T]) -> type[T]:
    """A class decorator behind `dataclass`: settings are checked by name and kind, and old names are answered."""
    made: Callable[..., None] = cls.__dict__["__init__"]

    @functools.wraps(made)
    def __init__(self: T, **given: Any) -> None:
        owner = getattr(cls, "OWNER", "training")
        names = {name: as_text(value) for name, value in current_names(given, owner).items()}
        check_settings(owner, names, kinds_of(cls))
        made(self, **names)

    setattr(cls, "__init__", __init__)  # noqa: B010  # a type checker sees the dataclass's
    return cls


def as_text(value: Any) -> Any:
    """A setting with paths as their text, in tables and lists too.

    >>> as_text({"model": Path("models/base"), "seeds": [0, 1]})
    {'model': 'models/base', 'seeds': [0, 1]}
    """
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Mapping):
        return {name: as_text(each) for name, each in value.items()}
    return type(value)(map(as_text, value)) if type(value) in (list, tuple) else value


def kinds_of(cls: type[Any]) -> dict[str, str]:
    """The settings of a class and their kinds, as `check_settings` takes them."""
    return {setting.name: str(setting.type) for setting in dataclasses.fields(cls)}


@checked
@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """Settings of every training run, of transformers' names and meaning unless said otherwise.

    Attributes:
        num_train_epochs: passes over the data, above 0.
        max_steps: optimiser steps after which to stop; None (not -1) stops after `num_train_epochs`.
        tokens_per_batch: what the padded tensor of one batch may hold, on one process; 8192 where neither this
            nor `groups_per_batch` is given. Stands for transformers' per_device_train_batch_size.
        groups_per_batch: groups of one batch on one process, instead of `tokens_per_batch`.
        gradient_accumulation_steps: batches per process that make one optimiser step.
        max_length: tokens of prompt and response together; longer ones are cut and counted.
        learning_rate: the highest; about 2e-5 for a whole pretrained model, 2e-4 for LoRA, 1e-3 from scratch.
        lr_scheduler_type: "linear" or "cosine" down to zero, "constant", or "constant_with_warmup".
        warmup_steps: steps in which the learning rate rises (a whole number), or their share of all (below 1);
            None is .05, and 0 with "constant", which has no warm-up.
        weight_decay: of AdamW.
        lora_r: rank of LoRA adapters that train instead of all weights; None trains all.
        lora_alpha, lora_dropout: of the adapters, which count lora_alpha / lora_r.
        layout: "auto" or a name of `layout.LAYOUTS`.
        bf16: compute in bfloat16 under autocast; weights stay as they are.
        activation_checkpointing: recompute activations in the backward pass: less memory, about a third more time.
        save_steps, eval_steps: steps between checkpoints, and between evaluations where there is gold; the first is a
            multiple of the second, or a share of all steps (below 1). One that is None is as the other, both None once an
            epoch. An evaluation that is the best so far is followed by a checkpoint in any case.
        early_stopping_patience: evaluations without a better figure after which training stops; None never does.
        logging_steps: steps between lines of the log.
        report_to: where the log goes beside log.jsonl: "none", or one or several of tensorboard, trackio, wandb and
            mlflow, each with its own settings from its own environment.
        resume_from_checkpoint: True (ours; transformers' is None) goes on from the newest whole checkpoint in the
            run's folder where there is one, False starts over, a path goes on from that checkpoint.
            Checkpoints that come after the starting point are removed.
        seed: of the batches and of dropout.

    Raises:
        ConfigError: a value of another kind or out of range, two that exclude each other, or a name of old.
        UnknownNameError: no such schedule or reporter.
    """

    num_train_epochs: float = 1.0
    max_steps: int | None = None
    tokens_per_batch: int | None = None
    groups_per_batch: int | None = None
    gradient_accumulation_steps: int = 1
    max_length: int = 1024
    learning_rate: float = 2e-5
    lr_scheduler_type: str = "linear"
    warmup_steps: float | None = None
    weight_decay: float = 0.0
    lora_r: int | None = None
    lora_alpha: int = 32
    lora_dropout: float = 0.0
    layout: str = "auto"
    bf16: bool = False
    activation_checkpointing: bool = False
    save_steps: float | None = None
    eval_steps: int | None = None
    early_stopping_patience: int | None = None
    logging_steps: int = 10
    report_to: str | Sequence[str] = "none"
    resume_from_checkpoint: bool | str | Path = True
    seed: int = 0

    # For whoever validates a table with pydantic instead of calling the class: an unknown name is an error there too.
    __pydantic_config__: ClassVar[Mapping[str, str]] = {"extra": "forbid"}
    # (lowest, highest), both included; None, where it is the default, is always allowed.
    RANGES: ClassVar[Mapping[str, tuple[float, float]]] = {
        **dict.fromkeys(_COUNTS, (1, math.inf)),
        "max_length": (8, math.inf),
        "lora_r": (1, 1 << 16),
        "learning_rate": (0, 10),
        "warmup_steps": (0, math.inf),
        "save_steps": (0, math.inf),
        "weight_decay": (0, 10),
        "lora_dropout": (0, 0.99),
        "seed": (0, 2**32 - 1),
    }
    # Settings that leave the path of the weights as it is, up to rounding: a run may continue with others.
    FREE: ClassVar[frozenset[str]] = frozenset(
        {"activation_checkpointing", "logging_steps", "report_to", "resume_from_checkpoint"}
    )

    def __post_init__(self) -> None:
        for name, (low, high) in self.RANGES.items():
            value = getattr(self, name)
            if value is not None and (not low <= value <= high or value == math.inf):
                raise ConfigError(f"{name} is {value}. Allowed: {_between(low, high)}.")
        lookup("lr_scheduler_type", SCHEDULES, self.lr_scheduler_type)
        self._check_reporters()
        if not isinstance(self.resume_from_checkpoint, bool | str | Path):
            raise ConfigError(
                f"resume_from_checkpoint is {self.resume_from_checkpoint!r}. Allowed: true, false, or a checkpoint's path."
            )
        self._check_steps()

    def _check_reporters(self) -> None:
        given = self.report_to
        if not isinstance(given, str | list | tuple) or not all(isinstance(name, str) for name in given):
            raise ConfigError(f"report_to is {given!r}. Allowed: {', '.join(REPORTERS)}, or a list of them.")
        for name in self.reporters:
            lookup("report_to", REPORTERS, name)

    def _check_steps(self) -> None:
        if not 0 < self.num_train_epochs < math.inf:
            raise ConfigError(f"num_train_epochs is {self.num_train_epochs}. Allowed: above 0.")
        if self.tokens_per_batch is not None and self.groups_per_batch is not None:
            raise ConfigError(
                "tokens_per_batch and groups_per_batch are both given. Give the one that limits a batch."
            )
        warmup = self.warmup_steps
        if warmup is not None and warmup >= 1 and not isinstance(warmup, numbers.Integral):
            raise ConfigError(
                f"warmup_steps is {warmup}. Allowed: a whole number of steps, or a share of them below 1."
            )
        if warmup and self.lr_scheduler_type == "constant":
            raise ConfigError(
                f"warmup_steps is {warmup}, but lr_scheduler_type 'constant' has no warm-up. Write "
                "'constant_with_warmup', or leave warmup_steps out."
            )
        save, evaluate = self.save_steps, self.eval_steps
        if save is not None and not 0 < save < 1 and not (save and float(save).is_integer()):
            raise ConfigError(
                f"save_steps is {save}. Allowed: a whole number of steps from 1, or a share of them above 0 and below 1."
            )
        if save is not None and evaluate is not None and save % evaluate:
            raise ConfigError(
                f"save_steps is {save}. Allowed: a multiple of eval_steps, which is {evaluate}."
            )

    # ------------------------------------------------------------------------------------ what is in force
    @property
    def batch_limit(self) -> tuple[str, int]:
        """Which setting limits a batch, and to how much."""
        if self.groups_per_batch is not None:
            return "groups_per_batch", self.groups_per_batch
        return "tokens_per_batch", self.tokens_per_batch or TOKENS_PER_BATCH

    @property
    def warmup(self) -> float:
        """`warmup_steps`, by default as long as the schedule asks for."""
        if self.warmup_steps is not None:
            return self.warmup_steps
        return 0 if self.lr_scheduler_type == "constant" else WARMUP

    @property
    def reporters(self) -> tuple[str, ...]:
        """What `report_to` names."""
        names = [self.report_to] if isinstance(self.report_to, str) else self.report_to
        return tuple(name for name in names if name != "none")

    def fingerprint(self) -> dict[str, Any]:
        """The settings that decide which weights come out, for the manifest of a run."""
        in_force = {**dataclasses.asdict(self), "warmup_steps": self.warmup, **dict([self.batch_limit])}
        return {name: value for name, value in in_force.items() if name not in self.FREE}


@checked
@dataclass(frozen=True, kw_only=True)
class RewardTrainingSettings(TrainingSettings):
    """Settings of a reward model's training.

    Attributes:
        loss_type, loss_options: a name of `losses.LOSSES`, and what it takes.
        center_rewards_coefficient: weight of the penalty on the squared sum of two compared rewards.
        l2: weight of the penalty on the squares of the rewards; see `losses` for both.

    Raises:
        ConfigError, UnknownNameError: as for all training, and for a loss or an option of it that does not exist.
    """

    loss_type: str = "sigmoid"
    loss_options: Mapping[str, float] = field(default_factory=dict)
    center_rewards_coefficient: float = 0.0
    l2: float = 0.0

    RANGES: ClassVar[Mapping[str, tuple[float, float]]] = {
        **TrainingSettings.RANGES,
        "center_rewards_coefficient": (0, math.inf),
        "l2": (0, math.inf),
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        named_loss(self.loss_type, **self.loss_options)


def _between(low: float, high: float) -> str:
    return f"{low:g} or more, and finite" if math.isinf(high) else f"{low:g} to {high:g}"
