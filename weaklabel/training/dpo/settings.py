"""What a run of DPO can be told, checked without torch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Final

from weaklabel.errors import ConfigError
from weaklabel.training.losses import Loss, named_loss
from weaklabel.training.settings import TrainingSettings, checked

# The option of a loss that `label_smoothing` sets, both times the share of labels taken to be flipped.
_SMOOTHED: Final = {"sigmoid": "label_smoothing", "robust": "flip_rate"}


@checked
@dataclass(frozen=True, kw_only=True)
class DPOTrainingSettings(TrainingSettings):
    """Settings of DPO, of TRL's names.

    Attributes:
        learning_rate: by default 1e-6, as in TRL; about 1e-5 with LoRA, 1e-3 from scratch.
        beta: > 0, the strength of the pull to the reference; a reward is beta times a log-ratio.
        loss_type, loss_options: a name of `losses.LOSSES`, and what it takes. `beta` of "ipo" is the setting.
        label_smoothing: in [0, .5], the share of labels taken to be flipped. With "sigmoid" this is cDPO, where TRL
            ignores it; with "robust" it is the flip rate, as in TRL. Other losses refuse it.
        length_normalized: whether a reward is the mean over the response's tokens instead of the sum. TRL's "ipo" and
            "sigmoid_norm" are "ipo" and "sigmoid" with it.

    Raises:
        ConfigError, UnknownNameError: as for all training, and for a loss or an option of it that does not exist.
    """

    learning_rate: float = 1e-6
    beta: float = 0.1
    loss_type: str = "sigmoid"
    loss_options: Mapping[str, float] = field(default_factory=dict)
    label_smoothing: float = 0.0
    length_normalized: bool = False

    RANGES: ClassVar[Mapping[str, tuple[float, float]]] = {
        **TrainingSettings.RANGES,
        "beta": (1e-6, math.inf),
        "label_smoothing": (0, 0.5),
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        self.loss()

    def loss(self) -> Loss:
        """The loss of d and p with all its options.

        Raises:
            ConfigError, UnknownNameError: a loss or an option that does not exist, or one that is given twice.
        """
        named_loss(self.loss_type)
        more: dict[str, float] = {"beta": self.beta} if self.loss_type == "ipo" else {}
        if self.label_smoothing:
            if self.loss_type not in _SMOOTHED:
                raise ConfigError(
                    f"label_smoothing is {self.label_smoothing}, and loss {self.loss_type!r} does not take it. Use "
                    f"{' or '.join(map(repr, _SMOOTHED))}, or leave label_smoothing out."
                )
            more[_SMOOTHED[self.loss_type]] = self.label_smoothing
        for name in more:
            if name in self.loss_options:
                raise ConfigError(
                    f"loss_options of {self.loss_type!r} hold {name!r}, which the setting "
                    f"{'beta' if name == 'beta' else 'label_smoothing'} gives already. Write the setting alone."
                )
        return named_loss(self.loss_type, **{**self.loss_options, **more})
