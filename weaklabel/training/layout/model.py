"""What a model's head says of a batch of any layout: `outputs`, and with one label the rewards, `score`.

The model's own sequence-classification head finds the pooled token by comparing ids with the padding id, which is
wrong where padding and end of sequence are one token, and knows one response per row. So a decoder's `forward`
learns one more way to be called: with `pool`, it runs the backbone and applies the head to the named tokens alone.
It is the model's outermost `forward` that gets called, so PEFT, DDP, FSDP and autocast all keep their hooks.
"""

from __future__ import annotations

from types import MethodType
from typing import Any, Final, Literal

import torch
from torch import Tensor, nn

from weaklabel.errors import ConfigError
from weaklabel.training.layout import varlen
from weaklabel.training.layout.base import Batch
from weaklabel.training.layout.shared import additive_mask

_PATCHED: Final = "_weaklabel_forward"
_PADDED: Final = ("input_ids", "attention_mask")
_SHARED: Final = ("input_ids", "position_ids", "segments", "pool")
_MEANT: Final = {1: "A reward model gives one number per text", 2: "An evaluator keeps or accepts"}


def unwrapped(model: nn.Module) -> Any:
    """The transformers model inside compile, DDP, FSDP and PEFT wrappers."""
    inner: Any = model
    while True:
        if hasattr(inner, "_orig_mod"):
            inner = inner._orig_mod
        elif isinstance(inner, nn.parallel.DistributedDataParallel) or hasattr(inner, "_fsdp_wrapped_module"):
            inner = inner.module
        elif hasattr(inner, "get_base_model"):
            inner = inner.get_base_model()
        else:
            return inner


def kind_of(model: nn.Module, labels: int = 1) -> Literal["decoder", "encoder"]:
    """ "decoder" where a head named `score` reads the last token, otherwise 'encoder'.

    Args:
        model: a transformers sequence-classification model, wrapped or not.
        labels: how many it has to have: 1 for a reward model, 2 for an evaluator.

    Raises:
        ConfigError: another number of labels, or another kind of model.
    """
    inner = unwrapped(model)
    found = getattr(inner.config, "num_labels", None)
    if found != labels or "ForSequenceClassification" not in type(inner).__name__:
        raise ConfigError(
            f"{type(inner).__name__} has {found} labels. {_MEANT[labels]}: load it with "
            f"AutoModelForSequenceClassification and num_labels={labels}."
        )
    return _kind(inner)


def _kind(inner: Any) -> Literal["decoder", "encoder"]:
    return "decoder" if hasattr(inner, "score") else "encoder"


def score(model: nn.Module, batch: Batch) -> Tensor:
    """The reward of every response in a batch, in order of groups, then responses.

    Args:
        model: a transformers sequence-classification model with one label, wrapped or not.
        batch: what a layout's `collate` made, on the model's device.

    Returns:
        float32 `(n_responses,)`, with gradients where they are enabled.

    Raises:
        ConfigError: a model that gives no single number per text, or that cannot take this layout.
    """
    kind_of(model)
    return outputs(model, batch)[:, 0]


def outputs(model: nn.Module, batch: Batch) -> Tensor:
    """What the head says of every response in a batch, in order of groups, then responses.

    Args:
        model, batch: as for `score`, with any number of labels.

    Returns:
        float32 `(n_responses, n_labels)`, with gradients where they are enabled.

    Raises:
        ConfigError: a model that cannot take this layout.
    """
    inner = unwrapped(model)
    if _kind(inner) == "encoder":
        return _encoder_outputs(model, batch)
    attach(inner)
    if "keys" in batch:
        use_varlen(inner)
        inputs = {name: batch[name] for name in ("input_ids", "position_ids", "pool")}
        inputs["segments"] = varlen.Segments.of(batch)
    elif "segments" in batch:
        inputs = {name: batch[name] for name in _SHARED}
    else:
        inputs = {name: batch[name] for name in (*_PADDED, "pool")}
    found: Tensor = model(**inputs)
    return found.float()


def attach(inner: Any) -> None:
    """Teaches a decoder's `forward` to pool. Before a trainer wraps the model, so that autocast covers it."""
    if _PATCHED in inner.__dict__:
        return
    setattr(inner, _PATCHED, inner.forward)
    inner.forward = MethodType(_forward, inner)


def use_varlen(inner: Any) -> None:
    """Switches the model's attention to the packed one, which is `sdpa` for every other batch.

    It stays switched: activation checkpointing runs the layers again during the backward pass.
    """
    if inner.config._attn_implementation != varlen.ATTENTION:
        varlen.register()
        inner.set_attn_implementation(varlen.ATTENTION)


def _encoder_outputs(model: nn.Module, batch: Batch) -> Tensor:
    if "segments" in batch or "keys" in batch:
        raise ConfigError(
            "an encoder's prompt sees the response, so a shared prompt would be another model. "
            "Use the layout 'bucketed' or 'padded'."
        )
    inputs = {name: batch[name] for name in _PADDED}
    if getattr(unwrapped(model).config, "type_vocab_size", 0) > 1:
        inputs["token_type_ids"] = batch["token_type_ids"]
    logits: Tensor = model(**inputs).logits
    return logits.float()


def _forward(
    self: Any,
    input_ids: Tensor | None = None,
    *args: Any,
    pool: Tensor | None = None,
    segments: Tensor | varlen.Segments | None = None,
    **kwargs: Any,
) -> Any:
    """As the model's own, or with `pool` int64 (n,) the head's output (n, labels) at those flattened positions."""
    if pool is None or input_ids is None:
        return getattr(self, _PATCHED)(input_ids, *args, **kwargs)
    hidden = backbone_states(self, input_ids, segments=segments, **kwargs)
    pooled = hidden.flatten(0, 1)[pool]
    # The head in its own dtype: under autocast a reward would be rounded to 8 bits.
    head = self.score
    weight = next(head.parameters())
    with torch.autocast(weight.device.type, enabled=False):
        return head(pooled.to(weight.dtype))


def backbone_states(
    inner: Any, input_ids: Tensor, *, segments: Tensor | varlen.Segments | None = None, **kwargs: Any
) -> Tensor:
    """The hidden states behind the last layer, (rows, length, width), of a batch in whatever layout.

    Args:
        inner: the transformers model itself.
        segments: of a batch whose rows are shared or packed.
        kwargs: `attention_mask` or `position_ids`; what is None is left out, for PEFT passes every argument.
    """
    if isinstance(segments, varlen.Segments):
        # Any four-dimensional mask keeps transformers from making one; the packed attention reads the segments.
        kwargs |= {"attention_mask": input_ids.new_zeros(1, 1, 1, 1), "segments": segments}
    elif segments is not None:
        kwargs["attention_mask"] = additive_mask(segments, compute_dtype(inner, segments.device.type))
    given = {name: value for name, value in kwargs.items() if value is not None}
    backbone = getattr(inner, inner.base_model_prefix)
    states: Tensor = backbone(input_ids, use_cache=False, **given)[0]
    return states


def compute_dtype(inner: Any, device: str) -> torch.dtype:
    """What a transformers model computes in on a device ("cpu", "cuda", ...): under autocast that of autocast."""
    if torch.is_autocast_enabled(device):
        return torch.get_autocast_dtype(device)
    dtype: torch.dtype = inner.dtype
    return dtype
