"""Settings of the stage `ilr`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, get_args

from weaklabel._arguments import check_value
from weaklabel._validation import check_settings, lookup
from weaklabel.errors import ConfigError
from weaklabel.stages.contract import Reference
from weaklabel.stages.policy import LoopSettings
from weaklabel.stages.refinement.arms import ARMS, Arm
from weaklabel.stages.refinement.deciding import AlphaOf
from weaklabel.training.dpo.settings import DPOTrainingSettings
from weaklabel.training.sampling import Sampling
from weaklabel.training.settings import checked, kinds_of

_BATCH: Final = "batch_size"
_OF_DPO: Final = (
    "beta",
    "loss_type",
    "loss_options",
    "label_smoothing",
    "length_normalized",
    "learning_rate",
)


@checked
@dataclass(frozen=True, kw_only=True)
class ILRSettings(LoopSettings):
    """Settings of iterative label refinement, beside those of every policy and its training.

    Attributes:
        num_rounds: of refinement, after round 0, which learns the demonstrations as they are: 6.
        reference: of the arms that train by DPO: "previous" by default.
        data: demonstrations, as `read_demonstrations` takes them; rows whose `pinned` is true are never replaced.
        arm: a name in `ARMS`.
        comparer: who says which is better, as `open_comparer` takes it; None is the labeler of the run.
        n_folds: of whole prompts, 2 or more: a fold's proposals come from a model that the others trained.
        agree: a name in `AGREEMENTS`, or `module:function` of (prompt, label, proposal).
        agree_quantile: of `embedding`, in [0, 1].
        alpha: the largest share of labels that a round replaces, in (0, 1]; None for no cap. alpha_of: "disagreeing" or "all".
        max_comparisons: that a round asks about, drawn from those that disagree; None asks about all.
        audit_sample: pairs that disagree of which the `expert` is asked in each round, to learn how often proposals are
            better: the prior of the incumbent. 0 asks about none, and has no prior.
        expert: who is asked, as `open_comparer` takes it.
        truth: `module:function` of (prompt, response): whether a response is right. For figures alone: no decision rests on it,
            unless the arm is a control that says so.
        test_data: demonstrations whose prompts each round's policy is asked, to be judged by `truth`. Nothing else sees them.
        proposals: how proposals are drawn, settings of `Sampling` and `batch_size`: by default searched for with four beams.
        samples: how the arms of pairs of samples draw theirs, likewise: six to a prompt (`num_generations`) at temperature .7.
        dpo: settings of the arms that train by DPO: beta, loss_type, loss_options, label_smoothing, length_normalized, learning_rate.

    Raises:
        ConfigError, UnknownNameError: as for every loop, and for a value that is none of these.
    """

    num_rounds: int = 6
    reference: Reference = "previous"
    arm: str = "learned"
    comparer: str | None = None
    n_folds: int = 2
    agree: str = "normalised"
    agree_quantile: float = 0.5
    alpha: float | None = 0.15
    alpha_of: AlphaOf = "disagreeing"
    max_comparisons: int | None = None
    audit_sample: int = 0
    expert: str | None = None
    truth: str | None = None
    test_data: str | None = None
    proposals: Mapping[str, Any] = field(default_factory=dict)
    samples: Mapping[str, Any] = field(default_factory=dict)
    dpo: Mapping[str, Any] = field(default_factory=dict)

    OWNER: ClassVar[str] = "ilr"
    PATHS: ClassVar[tuple[str, ...]] = (*LoopSettings.PATHS, "test_data")
    RANGES: ClassVar[Mapping[str, tuple[float, float]]] = {
        **LoopSettings.RANGES,
        "n_folds": (2, 100),
        "agree_quantile": (0, 1),
        "alpha": (1e-6, 1),
        "max_comparisons": (1, 1 << 40),
        "audit_sample": (0, 1 << 40),
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        lookup("arm", ARMS, self.arm)
        if self.alpha_of not in get_args(AlphaOf):
            raise ConfigError(f'ilr: alpha_of is {self.alpha_of!r}. Allowed: "disagreeing" or "all".')
        if self.audit_sample and self.expert is None:
            raise ConfigError(
                f"ilr: audit_sample is {self.audit_sample} without an expert who answers. Give expert, or leave "
                "audit_sample out."
            )
        _ = self.proposing, self.sampling, self.dpo_settings

    @property
    def way(self) -> Arm:
        """The arm of that name."""
        return ARMS[self.arm]

    @property
    def proposing(self) -> tuple[Sampling, int]:
        """How proposals are drawn, and how many at once."""
        drawn = bool(self.proposals.get("temperature"))  # which beam search excludes
        ours = {"temperature": 0.0, "num_beams": 1 if drawn else 4}
        made, more = self._drawing("proposals", ours, {_BATCH: 16})
        return made, more[_BATCH]

    @property
    def sampling(self) -> tuple[Sampling, int, int]:
        """How samples are drawn, how many at once, and how many of a prompt."""
        made, more = self._drawing("samples", {"temperature": 0.7}, {_BATCH: 16, "num_generations": 6})
        return made, more[_BATCH], more["num_generations"]

    @property
    def dpo_settings(self) -> DPOTrainingSettings:
        """Of the arms that train by DPO; length and steps are those of the stage."""
        given = dict(self.dpo)
        check_value("ilr: dpo", given, "Mapping[str, Any]")
        kinds = kinds_of(DPOTrainingSettings)
        check_settings("ilr: dpo", given, {name: kinds[name] for name in _OF_DPO})
        shared = {name: getattr(self, name) for name in kinds if name not in _OF_DPO}
        return DPOTrainingSettings(**shared | {"early_stopping_patience": None} | given)

    def told(self) -> dict[str, Any]:
        """As for every loop; who compares, what is true and how answers agree are told by the hashes of what they name."""
        left_out = ("comparer", "expert", "truth")
        return {name: value for name, value in super().told().items() if name not in left_out}

    def _drawing(
        self, name: str, ours: Mapping[str, Any], counts: Mapping[str, int]
    ) -> tuple[Sampling, dict[str, int]]:
        given = dict(getattr(self, name))
        check_value(f"ilr: {name}", given, "Mapping[str, Any]")
        check_settings(f"ilr: {name}", given, {**kinds_of(Sampling), **dict.fromkeys(counts, "int")})
        more = {key: given.pop(key, least) for key, least in counts.items()}
        for key, value in more.items():
            least = 1 if key == _BATCH else 2
            if value < least:
                raise ConfigError(f"ilr: {name}: {key} is {value}. Allowed: {least} or more.")
        return Sampling(**{**ours, "seed": self.seed, **given}), more
