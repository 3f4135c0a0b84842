"""Settings of the stage `dpo`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

from weaklabel.errors import ConfigError
from weaklabel.export.selection import check_confidence
from weaklabel.stages.policy import PolicySettings
from weaklabel.training.dpo.settings import DPOTrainingSettings
from weaklabel.training.settings import checked

Weighting = Literal["none", "confidence"]


@checked
@dataclass(frozen=True, kw_only=True)
class DPOSettings(PolicySettings, DPOTrainingSettings):
    """Settings of DPO, beside those of every policy, of its training and of its loss.

    Attributes:
        data: pairs with gold or beliefs, as `read_pairs` takes them; None takes the labels.
        eval_data: pairs with gold or beliefs that choose the checkpoint; None holds gold out of what is learned.
        ref_model: the reference, a folder or a name on the hub; None is the model that training starts from.
        reference_store: the folder in which log-probabilities of references are kept. Runs that share it compute each once.
        weighting: "confidence" multiplies the weight of each pair by 2 * max(p, 1 - p) - 1; "none" leaves it alone.
        hard_labels: learn 0 or 1 in place of each belief; .5 stays.
        min_confidence: of the pairs to learn from: 0 for all, or from .5 on.
        held_out_share: of the gold, at most .5, that chooses the checkpoint and is not learned; at least twenty pairs on
            five prompts, or none where that is more than half. 0 keeps the last checkpoint.
        allow_uncalibrated: learn from beliefs that were never fitted to gold.

    Raises:
        ConfigError, UnknownNameError: as for every policy and for DPO.
    """

    learning_rate: float = (
        1e-6  # that of DPO's training: of two bases a dataclass takes the first one's default
    )
    ref_model: str | None = None
    reference_store: str | None = None
    weighting: Weighting = "none"
    hard_labels: bool = False
    min_confidence: float = 0.0
    held_out_share: float = 0.1
    allow_uncalibrated: bool = False

    OWNER: ClassVar[str] = "dpo"
    PATHS: ClassVar[tuple[str, ...]] = (*PolicySettings.PATHS, "ref_model")
    FREE: ClassVar[frozenset[str]] = PolicySettings.FREE | {"reference_store"}
    RANGES: ClassVar[Mapping[str, tuple[float, float]]] = {
        **DPOTrainingSettings.RANGES,
        "min_confidence": (0, 1),
        "held_out_share": (0, 0.5),
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        check_confidence(self.min_confidence)
        if self.reference_store == "":
            raise ConfigError("dpo: reference_store is ''. Name a folder, or leave it out.")
        if self.weighting not in get_args(Weighting):
            raise ConfigError(f'dpo: weighting is {self.weighting!r}. Allowed: "none" or "confidence".')
