"""A small decoder with random weights and a tokenizer of its own, so that everything can be tried anywhere, offline."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    LlamaForSequenceClassification,
    PreTrainedTokenizerFast,
)

from weaklabel._validation import lookup
from weaklabel.errors import ConfigError
from weaklabel.training.models.loading import Scorer, name_labels, seeded

# Small decoders for `from_scratch`: (layers, width, heads, inner width, vocabulary at most).
SIZES: Final = {
    "tiny": (2, 64, 4, 176, 2048),
    "small": (4, 256, 4, 704, 8192),
    "medium": (8, 512, 8, 1408, 16384),
}
CONTEXT: Final = 2048  # positions of a model from scratch


def from_scratch(size: str, texts: Iterable[str], *, seed: int = 0) -> Scorer:
    """A small scorer with random weights, and a byte-level BPE tokenizer trained on `texts`.

    Args:
        size: a name in `SIZES`.
        texts: prompts and responses, at least one; the tokenizer covers any text, whatever these hold.

    Raises:
        UnknownNameError: no such size.
        ConfigError: no texts.
    """
    return _made(LlamaForSequenceClassification, size, texts, seed)


def evaluator_from_scratch(size: str, texts: Iterable[str], *, seed: int = 0) -> Scorer:
    """A small evaluator with random weights, and a tokenizer; arguments and errors as for `from_scratch`."""
    model, tokenizer = _made(LlamaForSequenceClassification, size, texts, seed, labels=2)
    name_labels(model)
    return model, tokenizer


def language_model_from_scratch(size: str, texts: Iterable[str], *, seed: int = 0) -> Scorer:
    """A small causal language model with random weights, and a tokenizer; arguments and errors as for `from_scratch`."""
    return _made(LlamaForCausalLM, size, texts, seed)


def _made(kind: Any, size: str, texts: Iterable[str], seed: int, labels: int = 1) -> Scorer:
    layers, width, heads, inner, vocabulary = lookup("model size", SIZES, size)
    tokenizer = _train_tokenizer(texts, vocabulary)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        num_hidden_layers=layers,
        hidden_size=width,
        num_attention_heads=heads,
        num_key_value_heads=heads,
        intermediate_size=inner,
        max_position_embeddings=CONTEXT,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        num_labels=labels,  # type: ignore[call-arg]  # of the base class, which the checker does not see
    )
    with seeded(seed):
        return kind(config), tokenizer


def _train_tokenizer(texts: Iterable[str], vocabulary: int) -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=["<pad>", "<end>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    given = list(texts)
    if not given:
        raise ConfigError(
            "from_scratch got no texts. It trains its tokenizer on the prompts and responses: pass them."
        )
    tokenizer.train_from_iterator(given, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="<end>", model_max_length=CONTEXT
    )
