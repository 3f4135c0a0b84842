"""Log-probabilities of responses under a causal language model, in any layout, without logits of the whole vocabulary.

A language model's own forward gives a number per token of the row and word of the vocabulary: for 8,192 tokens and
32,000 words a gigabyte, most of it about prompts, which no loss looks at. Here `forward` learns one more way to be
called: with `places` it runs the backbone, and the head sees only the hidden states that predict a response's tokens,
some at a time. What a chunk computes is computed again in the backward pass rather than kept.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from weaklabel.errors import ConfigError
from weaklabel.training.layout.base import Batch
from weaklabel.training.layout.model import backbone_states, unwrapped, use_varlen
from weaklabel.training.layout.varlen import Segments
from weaklabel.training.tokens import TokenGroup

CHUNK: Final = 1024
"""Tokens whose logits are in memory at once: 128 MB in float32 for a vocabulary of 32,000."""
_PATCHED: Final = "_weaklabel_language_forward"


def predictions(groups: Sequence[TokenGroup], batch: Batch, *, joined: bool) -> Batch:
    """What the tokens of all responses are and where they are predicted, in order of groups, responses, tokens.

    Args:
        groups: of the batch; no prompt is empty.
        batch: what a layout made of them.
        joined: whether a group's responses share one copy of its prompt.

    Returns:
        `targets`, `places` (in the flattened hidden states) and `of` (the response's number), int64 (n_tokens,).

    Raises:
        ConfigError: an empty prompt: nothing predicts the first token behind it.
    """
    targets, places, of = [], [], []
    ends = iter(batch["pool"].tolist())
    number = 0
    for group in groups:
        if not group.prompt:
            raise ConfigError("a prompt has no tokens, so nothing predicts the first token of its response.")
        behind_prompt: int | None = None
        for response in group.responses:
            start = next(ends) - len(response) + 1
            if behind_prompt is None or not joined:
                behind_prompt = start - 1
            targets += response
            places += [behind_prompt, *range(start, start + len(response) - 1)]
            of += [number] * len(response)
            number += 1
    return {
        name: torch.tensor(values) for name, values in (("targets", targets), ("places", places), ("of", of))
    }


def token_logps(model: nn.Module, batch: Batch) -> Tensor:
    """The log-probability of every token of every response, float32 `(n_tokens,)`, in the order of `predictions`.

    Args:
        model: a transformers causal language model, wrapped or not.
        batch: what a layout and `predictions` made, on the model's device.

    Raises:
        ConfigError: a model without a language-modelling head.
    """
    logps: Tensor = model(**_inputs(model, batch), targets=batch["targets"])
    return logps


def token_states(model: nn.Module, batch: Batch) -> Tensor:
    """The hidden state that predicts every token of every response, `(n_tokens, width)`; see `token_logps`, and `logits_of`."""
    states: Tensor = model(**_inputs(model, batch))
    return states


def _inputs(model: nn.Module, batch: Batch) -> Batch:
    """What the model's forward takes of a batch, but for the targets."""
    inner = unwrapped(model)
    attach(inner)
    inputs = {name: batch[name] for name in ("input_ids", "places")}
    if "keys" in batch:
        use_varlen(inner)
        inputs |= {"position_ids": batch["position_ids"], "segments": Segments.of(batch)}
    elif "segments" in batch:
        inputs |= {name: batch[name] for name in ("position_ids", "segments")}
    else:
        inputs["attention_mask"] = batch["attention_mask"]
    return inputs


def attach(inner: Any) -> None:
    """Teaches a language model's `forward` to predict places. Before a trainer wraps the model.

    Raises:
        ConfigError: a model without a language-modelling head.
    """
    if _PATCHED in inner.__dict__:
        return
    if inner.get_output_embeddings() is None:
        raise ConfigError(
            f"{type(inner).__name__} has no language-modelling head. Load it with AutoModelForCausalLM."
        )
    setattr(inner, _PATCHED, inner.forward)
    inner.forward = _Taught(inner, inner.forward)


class _Taught:
    """A model's forward that predicts places, with the signature of its own: `generate` decides by it what it may pass.

    An object and no function: a copy of the model gets a copy that belongs to it, where a function would go on to ask the
    model that it was made for.
    """

    def __init__(self, inner: Any, own: Any) -> None:
        self.inner = inner
        functools.update_wrapper(self, own)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return _forward(self.inner, *args, **kwargs)


def _forward(
    self: Any,
    input_ids: Tensor | None = None,
    *args: Any,
    places: Tensor | None = None,
    targets: Tensor | None = None,
    **kwargs: Any,
) -> Any:
    """As the model's own; with `places` int64 (n,) the hidden states there, with `targets` too the log-probability (n,) of each."""
    if places is None or input_ids is None:
        return getattr(self, _PATCHED)(input_ids, *args, **kwargs)
    hidden = backbone_states(self, input_ids, **kwargs).flatten(0, 1)[places]
    if targets is None:
        return hidden
    parts = [
        _logps(self, states, ids)
        for states, ids in zip(hidden.split(CHUNK), targets.split(CHUNK), strict=True)
    ]
    return torch.cat(parts) if parts else hidden.new_zeros(0, dtype=torch.float32)


def _logps(inner: Any, hidden: Tensor, targets: Tensor) -> Tensor:
    if not torch.is_grad_enabled():
        return _chunk(inner, hidden, targets)
    kept: Tensor = checkpoint(_chunk, inner, hidden, targets, use_reentrant=False)
    return kept


def _chunk(inner: Any, hidden: Tensor, targets: Tensor) -> Tensor:
    return -nn.functional.cross_entropy(logits_of(inner, hidden), targets, reduction="none")


def logits_of(inner: Any, hidden: Tensor) -> Tensor:
    """What the head of the transformers model `inner` makes of hidden states `(n, width)`: float32 `(n, vocabulary)`."""
    logits: Tensor = inner.get_output_embeddings()(hidden).float()
    if scale := getattr(inner.config, "logits_scaling", None):  # Granite
        logits = logits / scale
    if scale := getattr(inner.config, "logit_scale", None):  # Cohere
        logits = logits * scale
    if cap := getattr(inner.config, "final_logit_softcapping", None):  # Gemma 2
        logits = cap * torch.tanh(logits / cap)
    return logits
