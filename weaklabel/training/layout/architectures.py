"""Which architectures may share a prompt between responses.

Sharing needs: a causal decoder, attention over the whole past in every layer, positions given by `position_ids`, and
a four-dimensional mask passed through as it is. A test runs every model type on the list with random
weights; `self_test` looks again, with the real ones, at every start.
"""

from __future__ import annotations

from typing import Any, Final

SHARING: Final = frozenset(
    {
        "gemma",
        "glm",
        "gpt2",
        "gpt_neox",
        "helium",
        "llama",
        "mistral",
        "mixtral",
        "olmo",
        "olmo2",
        "phi",
        "phi3",
        "qwen2",
        "qwen3",
        "qwen3_moe",
        "seed_oss",
        "smollm3",
        "stablelm",
        "starcoder2",
    }
)
"""`config.model_type` of decoders that can share; anything else is bucketed."""
MASKED: Final = frozenset({"sdpa", "eager", "weaklabel_varlen"})
"""Attention implementations that take an additive mask."""


def why_not_shared(config: Any) -> str | None:
    """The reason why a decoder with this config cannot share prompts, or None where it can.

    >>> from types import SimpleNamespace as Config
    >>> why_not_shared(Config(model_type="llama", _attn_implementation="sdpa")) is None
    True
    >>> why_not_shared(Config(model_type="mistral", sliding_window=4096, _attn_implementation="sdpa"))
    'its attention has a sliding window'
    """
    if config.model_type not in SHARING:
        return f"model type {config.model_type!r} is not known to share prompts"
    kinds = set(getattr(config, "layer_types", None) or ["full_attention"])
    window = getattr(config, "sliding_window", None) and getattr(config, "use_sliding_window", True)
    if kinds != {"full_attention"} or (window and not getattr(config, "layer_types", None)):
        return "its attention has a sliding window"
    if config._attn_implementation not in MASKED:
        return f"attention {config._attn_implementation!r} takes no explicit mask"
    return None
