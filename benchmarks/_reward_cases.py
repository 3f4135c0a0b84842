"""Groups of random tokens, and model shapes, for reward_throughput."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from _training_runs import PAD

VOCABULARY = 8192
# Layers, hidden, heads, key-value heads, MLP, vocabulary. The first two are for a CPU; the others have the shapes of
# models that people train: GPT-2 small's, Qwen2 0.5B's, Llama 3.2's 1B and 3B.
SHAPES = {
    "tiny": (4, 256, 4, 4, 704, VOCABULARY),
    "policy": (4, 256, 4, 4, 704, 32_000),
    "0.1B": (12, 768, 12, 12, 2048, 32_000),
    "0.5B": (24, 896, 14, 2, 4864, 151_936),
    "1B": (16, 2048, 32, 8, 8192, 128_256),
    "3B": (28, 3072, 24, 8, 8192, 128_256),
}


@dataclass(frozen=True)
class Case:
    """How long prompts and responses are, how many responses a prompt has, and how many pairs make a step.

    Attributes:
        prompt, response: tokens; the mean where lengths vary.
        n_responses: all pairs of them are compared.
        pairs_per_step: of every arm.
        varies: lengths are log-normal, with standard deviation .6 of the logarithm.
    """

    prompt: int
    response: int
    n_responses: int
    pairs_per_step: int
    varies: bool

    @property
    def pairs_per_group(self) -> int:
        return self.n_responses * (self.n_responses - 1) // 2


CASES = {
    "fixed 200 + 60 + 60": Case(200, 60, 2, 8, False),
    "variable, means 200 / 60": Case(200, 60, 2, 8, True),
    "K = 4, 200 + 4 x 60": Case(200, 60, 4, 24, False),
}
CUDA_CASES = {
    "variable, means 400 / 150": Case(400, 150, 2, 16, True),
    "K = 4, 400 + 4 x 150": Case(400, 150, 4, 48, False),
}


def draw_groups(
    case: Case, n_steps: int, vocabulary: int, seed: int = 0
) -> list[tuple[list[int], list[list[int]]]]:
    """(prompt, responses) as token ids, enough for `n_steps` steps. In every pair the later response won."""
    rng = np.random.default_rng(seed)

    def length(mean: int) -> int:
        if not case.varies:
            return mean
        sigma = 0.6
        return max(4, int(rng.lognormal(np.log(mean) - sigma**2 / 2, sigma)))

    def text(mean: int) -> list[int]:
        found: list[int] = rng.integers(3, vocabulary, length(mean)).tolist()
        return found

    n_groups = n_steps * case.pairs_per_step // case.pairs_per_group
    return [
        (text(case.prompt), [text(case.response) for _ in range(case.n_responses)]) for _ in range(n_groups)
    ]


def build_model(
    shape: str, *, kind: str = "LlamaForSequenceClassification", dtype: Any = None, seed: int = 0
) -> Any:
    """A Llama of that shape with random weights, the same for every arm: a scorer, or another class of transformers."""
    import torch
    import transformers

    layers, hidden, heads, kv_heads, mlp, vocabulary = SHAPES[shape]
    config = transformers.LlamaConfig(
        num_hidden_layers=layers,
        hidden_size=hidden,
        num_attention_heads=heads,
        num_key_value_heads=kv_heads,
        intermediate_size=mlp,
        vocab_size=vocabulary,
        max_position_embeddings=4096,
        num_labels=1,
        pad_token_id=PAD,
        bos_token_id=1,
        eos_token_id=2,
        attn_implementation="sdpa",
        use_cache=False,
    )
    torch.manual_seed(seed)
    model = getattr(transformers, kind)(config)
    return model if dtype is None else model.to(dtype)


def matrix_parameters(shape: str) -> int:
    """Parameters that a token is multiplied with: all but the embedding, which is looked up."""
    layers, hidden, heads, kv_heads, mlp, _ = SHAPES[shape]
    attention = hidden * hidden * 2 + 2 * hidden * (hidden // heads) * kv_heads
    return layers * (attention + 3 * hidden * mlp)


def training_flops(shape: str, lengths: list[tuple[int, list[int]]], *, shared: bool) -> float:
    """Multiplications and additions, twice, of forward and backward over the tokens that a layout cannot leave out.

    Six per matrix parameter and token, and for attention twelve per layer, hidden unit, query and (causal) key.
    """
    layers, hidden, *_ = SHAPES[shape]
    tokens = keys = 0.0
    for prompt, responses in lengths:
        own = [(response, response * prompt + response * (response + 1) / 2) for response in responses]
        first = (prompt, prompt * (prompt + 1) / 2)
        parts = [first, *own] if shared else [part for response in own for part in (first, response)]
        tokens += sum(part[0] for part in parts)
        keys += sum(part[1] for part in parts)
    return 6.0 * matrix_parameters(shape) * tokens + 12.0 * layers * hidden * keys
