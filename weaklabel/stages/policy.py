"""What every stage that trains a language model shares: which model, how it is loaded and saved, how it is watched."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Final, TypeVar, get_args

from weaklabel._arguments import check_value
from weaklabel._validation import check_settings
from weaklabel.errors import ConfigError, MissingExtraError
from weaklabel.stages.audit.settings import AuditSettings
from weaklabel.stages.contract import Reference, StartFrom
from weaklabel.training.settings import TrainingSettings, checked, kinds_of

S = TypeVar("S", bound=TrainingSettings)
HELD_OUT_COMPARER: Final = "held_out_comparer"
MULTIPLE_CHOICE: Final = "multiple_choice"
_NAMED: Final = (HELD_OUT_COMPARER, MULTIPLE_CHOICE)
# Settings that name files: what is in them counts, not where they lie.
_PATHS: Final = ("model", "adapter", "data", "eval_data")


@checked
@dataclass(frozen=True, kw_only=True)
class PolicySettings(TrainingSettings):
    """Settings of a stage that trains a language model, beside those of its training.

    Attributes:
        model: a folder, or a name on the Hugging Face hub.
        adapter: a LoRA adapter of it, merged before training.
        from_scratch: a size of `training.SIZES` instead of `model`: a small model with random weights and a tokenizer made
            of the data, to try a stage out.
        dtype: of the weights, as for `load_language_model`.
        data: what is trained on; None takes the labels.
        eval_data: of the same layout, never trained on: it chooses the checkpoint, and ends training early where
            `early_stopping_patience` says so.
        columns: our names -> those of these files.
        audit: False for none, or settings of `stages.audit.AuditSettings`, and `held_out_comparer`, which names a comparer
            that had no part in the training, and `multiple_choice`, a file of questions as `read_choices` takes them.

    Raises:
        ConfigError: neither a model nor a size, or both; and as for all training.
    """

    model: str | None = None
    adapter: str | None = None
    from_scratch: str | None = None
    dtype: str = "float32"
    data: str | None = None
    eval_data: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    audit: bool | Mapping[str, Any] = True

    OWNER: ClassVar[str] = "stage"
    PATHS: ClassVar[tuple[str, ...]] = _PATHS

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.model is None) == (self.from_scratch is None):
            came = "neither" if self.model is None else "both"
            raise ConfigError(
                f"{self.OWNER}: got {came} of model and from_scratch. Give model, a folder or a name on the hub; or "
                'from_scratch = "tiny" to try it out.'
            )
        if self.adapter is not None and self.model is None:
            raise ConfigError(
                f"{self.OWNER}: adapter is {self.adapter!r} without a model that it belongs to. Give model."
            )
        if self.from_scratch is not None and self.dtype != PolicySettings.dtype:
            raise ConfigError(
                f"{self.OWNER}: dtype is {self.dtype!r}, but a model from scratch has weights in {PolicySettings.dtype}. Leave "
                "dtype out."
            )
        check_value(f"{self.OWNER}: columns", self.columns, "Mapping[str, str]")
        if not isinstance(self.audit, bool | Mapping):
            raise ConfigError(
                f"{self.OWNER}: audit is {self.audit!r}. Allowed: true, false, or a table of its settings."
            )
        _ = self.auditing

    @property
    def auditing(self) -> AuditSettings:
        """Settings of the audit; its seed is the stage's, unless they say otherwise."""
        table = {} if isinstance(self.audit, bool) else dict(self.audit)
        check_value(f"{self.OWNER}: audit", table, "Mapping[str, Any]")
        check_settings("audit", table, {**kinds_of(AuditSettings), **dict.fromkeys(_NAMED, "str | None")})
        table = {name: value for name, value in table.items() if name not in _NAMED}
        return AuditSettings(**{"seed": self.seed, **table})

    @property
    def held_out_comparer(self) -> str | None:
        """The name of the comparer that had no part in the training."""
        return None if isinstance(self.audit, bool) else self.audit.get(HELD_OUT_COMPARER)

    @property
    def multiple_choice(self) -> str | None:
        """The file of multiple-choice questions that the audit asks."""
        return None if isinstance(self.audit, bool) else self.audit.get(MULTIPLE_CHOICE)

    def told(self) -> dict[str, Any]:
        """The settings that decide what comes out, without paths: the hashes of what they name are inputs."""
        left_out = self.FREE | set(self.PATHS)
        told = {name: value for name, value in asdict(self).items() if name not in left_out}
        # Another way to look at what comes out changes nothing in it; whether prompts are held out for that does.
        return told | {"warmup_steps": self.warmup, "audit": self.audit is not False}


@checked
@dataclass(frozen=True, kw_only=True)
class LoopSettings(PolicySettings):
    """Settings of a stage of several rounds, beside those of every policy.

    Attributes:
        num_rounds: how many rounds there are to be; more can be asked for later.
        start_from: whose weights the training of a round starts from: "base", the model of the settings, or "previous", the
            round before.
        reference: what a round is held against: "initial", the model of the settings, or "previous", the round before.

    Raises:
        ConfigError: as for every policy, and for a word that is none of these.
    """

    num_rounds: int = 1
    start_from: StartFrom = "base"
    reference: Reference = "initial"

    RANGES: ClassVar[Mapping[str, tuple[float, float]]] = {**PolicySettings.RANGES, "num_rounds": (1, 1000)}

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, kind in (("start_from", StartFrom), ("reference", Reference)):
            if (value := getattr(self, name)) not in get_args(kind):
                allowed = " or ".join(f'"{word}"' for word in get_args(kind))
                raise ConfigError(f"{self.OWNER}: {name} is {value!r}. Allowed: {allowed}.")

    def told(self) -> dict[str, Any]:
        """As for every policy; how many rounds there are is no part of what a round is."""
        return {name: value for name, value in super().told().items() if name != "num_rounds"}


class Policy:
    """The model that a stage trains, loaded when it is first needed.

    Args:
        settings: which one.
        texts: what a tokenizer is made of where the model comes from scratch.
    """

    def __init__(self, settings: PolicySettings, texts: Iterable[str]) -> None:
        self.settings, self._texts = settings, texts

    @cached_property
    def inputs(self) -> dict[str, str]:
        """Hashes of the model, its adapter and the reference; of a model from scratch its settings and data say all.

        Raises:
            ArtifactError: nothing there.
        """
        with _needing_torch():
            from weaklabel.training.models.saving import model_hash
        named = {"model": self.settings.model, "adapter": self.settings.adapter}
        named["reference"] = getattr(self.settings, "ref_model", None)
        return {name: model_hash(value) for name, value in named.items() if value is not None}

    def load(self, previous: Path | None = None) -> tuple[Any, Any]:
        """The model, ready to train, and its tokenizer.

        Args:
            previous: the folder of a round's policy to start from; None starts from the model of the settings.

        Raises:
            ArtifactError, MissingExtraError, UnknownNameError: as for `load_language_model` and `from_scratch`.
        """
        with _needing_torch():
            from weaklabel.training.models.hub import ADAPTER, load_adapter
            from weaklabel.training.models.loading import load_language_model, with_lora
        chosen = self.settings
        if previous is None:
            model, tokenizer = self._base()
        elif (previous / ADAPTER).is_file():
            model, tokenizer = self._base()
            model = _merged(load_adapter(model, previous))
        else:
            model, tokenizer = load_language_model(previous, dtype=chosen.dtype)
        if chosen.lora_r is not None:
            adapters = {name: getattr(chosen, name) for name in ("lora_r", "lora_alpha", "lora_dropout")}
            model = with_lora(model, **adapters, seed=chosen.seed)
        return model, tokenizer

    def _base(self) -> tuple[Any, Any]:
        from weaklabel.training.models.loading import load_language_model
        from weaklabel.training.models.scratch import language_model_from_scratch

        chosen = self.settings
        if chosen.model is None:
            return language_model_from_scratch(str(chosen.from_scratch), self._texts, seed=chosen.seed)
        # An adapter names its base by where that was found, which has to be found from anywhere.
        base = os.path.abspath(chosen.model) if os.path.isdir(chosen.model) else chosen.model
        model, tokenizer = load_language_model(base, adapter=chosen.adapter, dtype=chosen.dtype)
        return _merged(model), tokenizer

    def reference(self, name: str, tokenizer: Any) -> Any:
        """The model that the setting `ref_model` names, which does not train.

        Args:
            tokenizer: of the policy, whose token ids it reads.

        Raises:
            ConfigError: it has another vocabulary. ArtifactError: it does not load.
        """
        from weaklabel.training.models.loading import load_language_model

        reference, its_own = load_language_model(name, dtype=self.settings.dtype)
        if its_own.get_vocab() != tokenizer.get_vocab():
            raise ConfigError(
                f"{self.settings.OWNER}: ref_model {name!r} has a tokenizer of another vocabulary, so it reads other texts in the "
                "same token ids. Give the model that training starts from, or leave ref_model out."
            )
        return reference.requires_grad_(False)

    def save(
        self, model: Any, tokenizer: Any, folder: Path, *, card: str, previous: Path | None = None
    ) -> None:
        """Writes the policy: an adapter where it stands on the named model as that is, a whole model otherwise."""
        from weaklabel.training.models.saving import save_policy

        on_the_base = self.settings.model is not None and self.settings.adapter is None and previous is None
        save_policy(model if on_the_base else _merged(model), tokenizer, folder, card=card)

    def fitting(self, model: Any, tokenizer: Any, kind: type[S]) -> tuple[S, str | None]:
        """The settings of training with a `max_length` that the model can read, and a sentence where it was lowered.

        Args:
            model, tokenizer: of `load`.
            kind: the class of settings that the training takes.
        """
        with _needing_torch():
            from weaklabel.training.models.loading import context_length

        plain = kind(**{each.name: getattr(self.settings, each.name) for each in fields(kind)})
        longest = context_length(model, tokenizer)
        if plain.max_length <= longest or plain.max_length != TrainingSettings.max_length:
            return plain, None  # what was asked for and cannot be is refused by the training
        note = f"max_length is {longest}, all that the model reads, in place of the default of {plain.max_length}."
        return replace(plain, max_length=longest), note


def named_model_hash(name: str) -> str:
    """Of a folder or a name on the hub, as `training.models.saving.model_hash`.

    Raises:
        ArtifactError: nothing there. MissingExtraError: torch is not installed.
    """
    with _needing_torch():
        from weaklabel.training.models.saving import model_hash
    return model_hash(name)


def _merged(model: Any) -> Any:
    """The model with its adapter in its weights: an adapter as it comes is frozen."""
    return model.merge_and_unload().requires_grad_(True) if hasattr(model, "merge_and_unload") else model


@contextmanager
def _needing_torch() -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise MissingExtraError.for_extra("training a language model", "train") from error
