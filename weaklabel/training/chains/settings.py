"""What a run on chains can be told, checked without torch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from weaklabel.training.settings import TrainingSettings, checked


@checked
@dataclass(frozen=True, kw_only=True)
class ChainTrainingSettings(TrainingSettings):
    """Settings of training on chains, beside those of all training.

    Attributes:
        layout: "auto" or a name of `chains.layout.CHAIN_LAYOUTS`.
        link_dropout: the most that is dropped of attention's links. A sequence draws its rate evenly from 0 to this, and each
            link between a token and one that it sees is dropped with that probability; the first token is always seen. In
            training alone.
        token_dropout: the same for whole tokens: one that is dropped is seen by itself alone.
        pretrain_weight: of the loss on general text, where there is any: loss of the chains + weight * loss of the text.
        pretrain_batch_size: rows of `max_length` tokens of that text in every step.

    Raises:
        ConfigError: as for all training, or a rate or weight out of range.
    """

    link_dropout: float = 0.0
    token_dropout: float = 0.0
    pretrain_weight: float = 1.5
    pretrain_batch_size: int = 8

    RANGES: ClassVar[Mapping[str, tuple[float, float]]] = {
        **TrainingSettings.RANGES,
        "link_dropout": (0, 0.95),
        "token_dropout": (0, 0.95),
        "pretrain_weight": (0, math.inf),
        "pretrain_batch_size": (1, math.inf),
    }
