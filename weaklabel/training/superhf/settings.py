"""What a run of SuperHF can be told, checked without torch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

from weaklabel.errors import ConfigError
from weaklabel.training.settings import TrainingSettings, checked

Direction = Literal["forward", "reverse"]
"""KL(prior || policy), or KL(policy || prior)."""
Estimate = Literal["exact", "sampled"]
"""Over the whole vocabulary, or from the tokens that were drawn."""


@checked
@dataclass(frozen=True, kw_only=True)
class SuperHFTrainingSettings(TrainingSettings):
    """Settings of SuperHF's update.

    Attributes:
        lr_scheduler_type: by default "cosine"; it goes by superbatches, not by optimiser steps.
        save_steps: superbatches between checkpoints, by default a tenth of them all.
        minibatch_size: kept texts that make one optimiser step.
        beta: >= 0, nats of loss per nat of KL to the prior, both per token; 0 asks no prior. The published coefficient times
            the published minibatch.
        kl_direction: "forward" is KL(prior || policy), as in the published code; "reverse" is KL(policy || prior).
        kl_estimate: "exact" sums over the vocabulary, "sampled" looks at the tokens that were kept alone.
        inverse_loss_penalty: c >= 0 of the penalty c / NLL, against texts that are too likely.

    Raises:
        ConfigError, UnknownNameError: as for all training; for batches that are accumulated, because a step is `minibatch_size`
            texts however they fit into memory; and for patience.
    """

    lr_scheduler_type: str = "cosine"
    save_steps: float | None = 0.1
    minibatch_size: int = 2
    beta: float = 0.7
    kl_direction: str = "forward"
    kl_estimate: str = "exact"
    inverse_loss_penalty: float = 0.0

    RANGES: ClassVar[Mapping[str, tuple[float, float]]] = {
        **TrainingSettings.RANGES,
        "minibatch_size": (1, math.inf),
        "beta": (0, math.inf),
        "inverse_loss_penalty": (0, math.inf),
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, kind in (("kl_direction", Direction), ("kl_estimate", Estimate)):
            if (value := getattr(self, name)) not in get_args(kind):
                allowed = " or ".join(f'"{word}"' for word in get_args(kind))
                raise ConfigError(f"{name} is {value!r}. Allowed: {allowed}.")
        if self.early_stopping_patience is not None:
            raise ConfigError(
                f"early_stopping_patience is {self.early_stopping_patience}, and SuperHF has no figure to wait for: its data are new in "
                "each step. Lower max_steps, or name warnings of the audit in stop_on."
            )
        if self.gradient_accumulation_steps != 1:
            raise ConfigError(
                f"gradient_accumulation_steps is {self.gradient_accumulation_steps}, but a step of SuperHF is minibatch_size texts, "
                "cut into as many batches as tokens_per_batch asks for. Raise minibatch_size instead."
            )
