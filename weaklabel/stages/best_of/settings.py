"""Settings of the stage `best_of`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Literal, get_args

from weaklabel._arguments import check_value
from weaklabel._validation import check_least
from weaklabel.errors import ConfigError
from weaklabel.stages.policy import PolicySettings
from weaklabel.training.sampling import Sampling
from weaklabel.training.settings import checked

Spread = Literal["laplace", "folds", "models"]
"""Where the spread of a score comes from."""


@checked
@dataclass(frozen=True, kw_only=True)
class SampledPolicy(PolicySettings):
    """The policy that is sampled; nothing trains it."""

    audit: bool | Mapping[str, Any] = False

    OWNER: ClassVar[str] = "best_of"


@checked
@dataclass(frozen=True, kw_only=True)
class BestOfSettings:
    """Settings of best of n.

    Attributes:
        model, adapter, from_scratch, dtype: the policy that is sampled, as for every policy.
        data: prompts, as `read_prompts` takes them; None takes the prompts of the labels. Those of the test part are left out.
        columns: our names -> those of this file.
        num_generations: samples of each prompt, K; 2 or more.
        max_new_tokens, temperature, top_p, top_k, stop: how they are drawn, as for `Sampling`; the temperature above 0.
        batch_size: samples at once.
        seed: of the samples, and of what else is drawn.
        comparer: who says which is better, as `open_comparer` takes it; None is the labeler of the run. One that scores single
            responses gives scores; of another a sample's score is its mean chance to beat the other samples of its prompt.
        held_out: another one, which has no part in the choice: what it makes of the best of n is reported.
        pessimism: lambda: chosen by the score less lambda times its spread; 0 or more.
        spread: "laplace", of the last layer of a linear reward; "folds", of linear rewards taught without a fifth of the prompts
            each; "models", of the comparer and `spread_models`, whose mean is the score then.
        spread_models: further comparers, as `comparer`, in the unit of its scores.
        spread_data: pairs with gold or beliefs that laplace and folds rest on, as `read_pairs` takes them; for laplace those that
            taught the reward. None takes the labels.
        groups: whether every two samples of a prompt are compared for groups.parquet. Who gives no scores is asked about all anyway.
        samples_dir: the folder in which samples are kept for another try with the same policy; None keeps none after the round.

    Raises:
        ConfigError: a value of another kind or out of range, or settings that exclude each other.
    """

    model: str | None = None
    adapter: str | None = None
    from_scratch: str | None = None
    dtype: str = "float32"
    data: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    num_generations: int = 16
    max_new_tokens: int = 256
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    stop: Sequence[str] = ()
    batch_size: int = 16
    seed: int = 0
    comparer: str | None = None
    held_out: str | None = None
    pessimism: float = 0.0
    spread: str | None = None
    spread_models: Sequence[str] = ()
    spread_data: str | None = None
    groups: bool = True
    samples_dir: str | None = None

    OWNER: ClassVar[str] = "best_of"
    PATHS: ClassVar[tuple[str, ...]] = ("model", "adapter", "data", "spread_data", "samples_dir")
    __pydantic_config__: ClassVar[Mapping[str, str]] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        check_value("best_of: columns", self.columns, "Mapping[str, str]")
        if self.num_generations < 2:
            raise ConfigError(
                f"best_of: num_generations is {self.num_generations}, and the best of one sample is no choice. Allowed: 2 or more."
            )
        check_least("best_of: batch_size", self.batch_size, 1)
        _ = self.policy, self.sampling
        if self.temperature == 0:
            raise ConfigError(
                "best_of: temperature is 0, so that all samples of a prompt are one. Allowed: above 0; 1 draws as the policy does."
            )
        self._check_spread()
        if self.samples_dir == "":
            raise ConfigError("best_of: samples_dir is ''. Name a folder, or leave it out.")

    def _check_spread(self) -> None:
        if not 0 <= self.pessimism <= 1e6:
            raise ConfigError(f"best_of: pessimism is {self.pessimism}. Allowed: 0 to 1e6.")
        allowed = ", ".join(f'"{word}"' for word in get_args(Spread))
        if self.spread is not None and self.spread not in get_args(Spread):
            raise ConfigError(f"best_of: spread is {self.spread!r}. Allowed: {allowed}.")
        if self.pessimism and self.spread is None:
            raise ConfigError(
                f"best_of: pessimism is {self.pessimism:g}, and nothing says how unsure a score is. Give spread: {allowed}."
            )
        names = self.spread_models
        if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
            raise ConfigError(f"best_of: spread_models is {names!r}. Allowed: a list of names of comparers.")
        if bool(names) != (self.spread == "models"):
            raise ConfigError(
                f'best_of: spread is {self.spread!r} with {len(names)} spread_models. Give both spread = "models" and the further '
                "models, or neither."
            )
        if self.spread_data is not None and self.spread not in ("laplace", "folds"):
            raise ConfigError(
                f'best_of: spread_data is set, and spread is {self.spread!r}. Only "laplace" and "folds" rest on pairs.'
            )

    @property
    def policy(self) -> SampledPolicy:
        """The policy that is sampled."""
        chosen = {name: getattr(self, name) for name in ("model", "adapter", "from_scratch", "dtype", "seed")}
        return SampledPolicy(**chosen)

    @property
    def sampling(self) -> Sampling:
        """How samples are drawn."""
        names = ("max_new_tokens", "temperature", "top_p", "top_k", "seed", "stop")
        return Sampling(**{name: getattr(self, name) for name in names})

    def told(self) -> dict[str, Any]:
        """The settings that decide what comes out; files and comparers are told by the hashes of what they name."""
        left_out = {*self.PATHS, "comparer", "held_out", "spread_models", "batch_size", "columns"}
        return {name: value for name, value in asdict(self).items() if name not in left_out}
