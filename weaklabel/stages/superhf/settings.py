"""Settings of the stage `superhf`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from weaklabel.errors import ConfigError
from weaklabel.stages.contract import StartFrom
from weaklabel.stages.policy import LoopSettings
from weaklabel.training.sampling import Sampling
from weaklabel.training.settings import checked
from weaklabel.training.superhf.settings import SuperHFTrainingSettings


@checked
@dataclass(frozen=True, kw_only=True)
class SuperHFSettings(LoopSettings, SuperHFTrainingSettings):
    """Settings of SuperHF, beside those of every loop and of its update.

    Attributes:
        num_rounds: each is a training of its own, with its own schedule.
        start_from: by default "previous": a round goes on with the policy of the one before.
        num_train_epochs: passes over the prompts in a round; max_steps: superbatches after which it stops.
        data: prompts, as `read_prompts` takes them; None takes the prompts of the labels. Those of the test part are left out.
        comparer: who says which sample is better, as `open_comparer` takes it; None is the labeler of the run. One that scores
            single responses gives rewards; of another a sample's reward is its mean chance to beat the others of its prompt.
        held_out: another one, which has no part in the choice: what it makes of the policy is reported.
        superbatch_size: samples of each prompt. 1 filters nothing.
        prompt_accumulation_steps: prompts that are sampled before the policy learns; 0 takes all of them at once.
        num_kept: samples of each prompt that are learned, the best ones.
        length_penalty: lambda >= 0; chosen by the reward less lambda times the logarithm of the number of characters.
        max_new_tokens, temperature, top_p, top_k, stop: how samples are drawn, as for `Sampling`; the temperature above 0.
        batch_size: samples at once.
        ref_model: the prior, a folder or a name on the hub; None is what `reference` says.

    Raises:
        ConfigError, UnknownNameError: as for every loop and for SuperHF's update, and for numbers that do not go together.
    """

    lr_scheduler_type: str = "cosine"
    save_steps: float | None = 0.1
    start_from: StartFrom = "previous"
    comparer: str | None = None
    held_out: str | None = None
    superbatch_size: int = 16
    prompt_accumulation_steps: int = 2
    num_kept: int = 1
    length_penalty: float = 0.0
    max_new_tokens: int = 64
    temperature: float = 1.0
    top_p: float = 0.95
    top_k: int = 0
    stop: Sequence[str] = ()
    batch_size: int = 16
    ref_model: str | None = None

    OWNER: ClassVar[str] = "superhf"
    PATHS: ClassVar[tuple[str, ...]] = (*LoopSettings.PATHS, "ref_model")
    RANGES: ClassVar[Mapping[str, tuple[float, float]]] = {
        **LoopSettings.RANGES,
        **SuperHFTrainingSettings.RANGES,
        "superbatch_size": (1, 1 << 16),
        "prompt_accumulation_steps": (0, 1 << 40),
        "num_kept": (1, 1 << 16),
        "length_penalty": (0, 1e6),
        "batch_size": (1, 1 << 20),
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.num_kept > self.superbatch_size:
            raise ConfigError(
                f"superhf: num_kept is {self.num_kept} of {self.superbatch_size} samples (superbatch_size). Allowed: as many as there "
                "are."
            )
        if self.temperature == 0:
            raise ConfigError(
                "superhf: temperature is 0, so that all samples of a prompt are one. Allowed: above 0; 1 draws as the policy does."
            )
        _ = self.sampling

    @property
    def sampling(self) -> Sampling:
        """How samples are drawn."""
        names = ("max_new_tokens", "temperature", "top_p", "top_k", "seed", "stop")
        return Sampling(**{name: getattr(self, name) for name in names})

    def told(self) -> dict[str, Any]:
        """As for every loop; who compares is told by a hash, and how many samples are drawn at once changes none."""
        left_out = ("comparer", "held_out", "batch_size")
        return {name: value for name, value in super().told().items() if name not in left_out}
