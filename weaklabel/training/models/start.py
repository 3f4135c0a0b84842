"""`Start`: what the training of a text classifier begins with, and what becomes of it at the end."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, TypeVar

import safetensors
import tokenizers
import torch
import transformers

from weaklabel._validation import lookup
from weaklabel.errors import ArtifactError, ConfigError
from weaklabel.training.models.hub import ADAPTER, quiet
from weaklabel.training.models.loading import (
    DTYPES,
    Scorer,
    context_length,
    load_evaluator,
    load_scorer,
    with_lora,
)
from weaklabel.training.models.scratch import SIZES, evaluator_from_scratch, from_scratch
from weaklabel.training.settings import TrainingSettings

# Where the settings name none: a head alone, adapters and whole models want different steps.
LEARNING_RATES: Final = {"scratch": 1e-3, "lora": 2e-4, "whole": 2e-5}
LONGEST: Final = 1024

S = TypeVar("S", bound=TrainingSettings)


@dataclass(frozen=True, kw_only=True)
class Start:
    """A pretrained model, with or without an adapter, or a size of a new one.

    Attributes:
        name: of what is trained, for messages.
        base: folder or hub name of a pretrained model, or "minilm".
        adapter: folder or hub name of a LoRA adapter of `base`, merged into it before training.
        from_scratch: instead of `base`, the size of a new decoder with a tokenizer of its own.
        dtype: of the weights, "float32" or "bfloat16".
        seed: of new weights.

    Raises:
        ConfigError: neither or both of `base` and `from_scratch`, or what does not go with them.
        UnknownNameError: no such size or dtype.
    """

    name: str
    base: str | Path | None
    adapter: str | Path | None
    from_scratch: str | None
    dtype: str
    seed: int

    def __post_init__(self) -> None:
        if (self.base is None) == (self.from_scratch is None):
            raise ConfigError(
                f"{self.name}: give either base (a folder or hub name) or from_scratch (a size), for example "
                "settings = { from_scratch = 'tiny' }."
            )
        if self.adapter is not None and self.base is None:
            raise ConfigError(
                f"{self.name}: adapter is {str(self.adapter)!r} without base. Name the model it belongs to."
            )
        if self.from_scratch is not None:
            lookup("model size", SIZES, self.from_scratch)
        lookup("dtype", DTYPES, self.dtype)
        if self.from_scratch is not None and self.dtype != "float32":
            raise ConfigError(
                f"{self.name}: dtype is {self.dtype!r}, but a model from scratch has float32. Leave dtype out."
            )

    def learning_rate(self, training: Mapping[str, Any]) -> float:
        """The default for training with these settings."""
        if self.from_scratch:
            return LEARNING_RATES["scratch"]
        return LEARNING_RATES["whole" if training.get("lora_r") is None else "lora"]

    def opened(self, texts: Iterable[str], *, labels: int) -> Scorer:
        """A fresh model with so many labels, 1 or 2, and its tokenizer.

        Args:
            texts: on which the tokenizer of a model from scratch is trained.
        """
        if self.base is None:
            make = from_scratch if labels == 1 else evaluator_from_scratch
            return make(str(self.from_scratch), texts, seed=self.seed)
        load = load_scorer if labels == 1 else load_evaluator
        model, tokenizer = load(self.base, adapter=self.adapter, seed=self.seed, dtype=self.dtype)
        if hasattr(model, "merge_and_unload"):  # an adapter as it comes is frozen, and would be saved alone
            model = model.merge_and_unload().requires_grad_(True)
        return model, tokenizer


def fitting(settings: S, given: Mapping[str, Any], model: Any, tokenizer: Any) -> S:
    """The settings with a `max_length` that the model can read, where none was `given`."""
    if "max_length" in given:
        return settings
    return replace(settings, max_length=min(LONGEST, context_length(model, tokenizer)))


def with_adapters(model: Any, settings: TrainingSettings, seed: int) -> Any:
    """The model with the LoRA adapters that the settings ask for, or as it is."""
    if settings.lora_r is None:
        return model
    adapters = {name: getattr(settings, name) for name in ("lora_r", "lora_alpha", "lora_dropout")}
    return with_lora(model, **adapters, seed=seed)


def merged(model: Any, settings: TrainingSettings) -> Any:
    """The trained model without adapters, in eval mode. So the model in memory is the one that is saved, to the bit."""
    return (model if settings.lora_r is None else model.merge_and_unload()).eval()


def save_model(model: Any, tokenizer: Any, folder: Path) -> None:
    """Weights (safetensors), configuration and tokenizer: what transformers opens too."""
    with quiet():
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)


def saved_model(folder: Path, *, labels: int, dtype: str) -> Scorer:
    """The model with so many labels, 1 or 2, that `save_model` wrote, where it will answer, in eval mode.

    Raises:
        ArtifactError: weights that are missing or not finite, or an adapter that would take the model's place.
    """
    if (folder / ADAPTER).is_file():
        raise ArtifactError(
            f"{folder / ADAPTER} would have another model loaded. A model saved here holds all its weights."
        )
    load = load_scorer if labels == 1 else load_evaluator
    model, tokenizer = load(folder, dtype=dtype)
    if not all(bool(weights.isfinite().all()) for weights in model.state_dict().values()):
        raise ArtifactError(f"{folder} holds weights that are not finite. Train again.")
    return model.to("cuda" if torch.cuda.is_available() else "cpu").eval(), tokenizer


def libraries() -> dict[str, str]:
    """Whose versions the manifest of a trained model names."""
    found = (torch, transformers, tokenizers, safetensors)
    return {library.__name__: str(library.__version__) for library in found}


@contextmanager
def checkpoint_folder(given: str | Path | None, what: str) -> Iterator[Path]:
    """The folder for a training's checkpoints: the one given, or one that is gone at the end."""
    if given is not None:
        yield Path(given)
        return
    with tempfile.TemporaryDirectory(prefix=f"weaklabel-{what}-") as folder:
        yield Path(folder)
