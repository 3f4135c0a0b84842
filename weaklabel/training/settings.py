"""What a training run can be told, checked before anything is loaded."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from weaklabel._validation import lookup
from weaklabel.errors import ConfigError
from weaklabel.training.losses import named_loss

SCHEDULES: Final = {"constant": "constant_with_warmup", "cosine": "cosine", "linear": "linear"}

# (lowest, highest), both included; None, where it is the default, is always allowed.
_RANGES: Final[Mapping[str, tuple[float, float]]] = {
    "epochs": (1, math.inf),
    "max_steps": (1, math.inf),
    "tokens_per_batch": (1, math.inf),
    "groups_per_batch": (1, math.inf),
    "accumulation": (1, math.inf),
    "max_length": (8, math.inf),
    "learning_rate": (0, 10),
    "warmup_share": (0, 0.99),
    "weight_decay": (0, 10),
    "centring": (0, math.inf),
    "l2": (0, math.inf),
    "check_every": (1, math.inf),
    "patience": (1, math.inf),
    "log_every": (1, math.inf),
    "seed": (0, 2**32 - 1),
}
# Settings that leave the path of the weights as it is, up to rounding: a run may continue with others.
_FREE: Final = ("activation_checkpointing", "log_every", "tensorboard")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSettings:
    """Settings of one training run.

    Attributes:
        epochs: passes over the groups.
        max_steps: optimiser steps after which to stop; None stops after `epochs`.
        tokens_per_batch: what the padded tensor of one batch may hold, on one process; 8192 where neither this
            nor `groups_per_batch` is given.
        groups_per_batch: groups of one batch on one process, instead of `tokens_per_batch`.
        accumulation: batches per process that make one optimiser step.
        max_length: tokens of prompt and response together; longer ones are cut and counted.
        learning_rate: the highest; about 2e-5 for a whole pretrained model, 2e-4 for LoRA, 1e-3 from scratch.
        schedule: "linear" or "cosine" down to zero, or "constant".
        warmup_share: the part of the steps in which the learning rate rises.
        weight_decay: of AdamW.
        loss, loss_options: a name of `losses.LOSSES`, and what it takes.
        centring, l2: weights of the penalties on rewards; see `losses`.
        layout: "auto" or a name of `layout.LAYOUTS`.
        bf16: compute in bfloat16 under autocast; weights stay as they are.
        activation_checkpointing: recompute activations in the backward pass: less memory, about a third more time.
        check_every: steps between checkpoints, each with an evaluation where there is gold; None, once an epoch.
        patience: evaluations without a better gold NLL after which training stops; None never stops early.
        log_every: steps between lines of the log.
        seed: of the batches and of dropout.
        tensorboard: also log for TensorBoard, in the run's folder.

    Raises:
        ConfigError: a value out of range, or two that exclude each other.
        UnknownNameError: no such loss or schedule.
    """

    epochs: int = 1
    max_steps: int | None = None
    tokens_per_batch: int | None = None
    groups_per_batch: int | None = None
    accumulation: int = 1
    max_length: int = 1024
    learning_rate: float = 2e-5
    schedule: str = "linear"
    warmup_share: float = 0.05
    weight_decay: float = 0.0
    loss: str = "bradley_terry"
    loss_options: Mapping[str, float] = field(default_factory=dict)
    centring: float = 0.0
    l2: float = 0.0
    layout: str = "auto"
    bf16: bool = False
    activation_checkpointing: bool = False
    check_every: int | None = None
    patience: int | None = None
    log_every: int = 10
    seed: int = 0
    tensorboard: bool = False

    def __post_init__(self) -> None:
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise ConfigError(f"{name} is {value}. Allowed: {_between(low, high)}.")
        if self.tokens_per_batch is not None and self.groups_per_batch is not None:
            raise ConfigError(
                "tokens_per_batch and groups_per_batch are both given. Give the one that limits a batch."
            )
        if self.tokens_per_batch is None and self.groups_per_batch is None:
            object.__setattr__(self, "tokens_per_batch", 8192)
        lookup("schedule", SCHEDULES, self.schedule)
        named_loss(self.loss, **self.loss_options)

    def fingerprint(self) -> dict[str, Any]:
        """The settings that decide which weights come out, for the manifest of a run."""
        every = dataclasses.asdict(self)
        return {name: value for name, value in every.items() if name not in _FREE}


def _between(low: float, high: float) -> str:
    return f"{low:g} or more" if math.isinf(high) else f"{low:g} to {high:g}"
