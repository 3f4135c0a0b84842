"""Random token groups, and tiny models of several architectures that read them."""

from __future__ import annotations

import numpy as np
import torch
import transformers

from weaklabel.groups import Comparison
from weaklabel.training import LAYOUTS, TokenGroup, score

VOCABULARY = 97
PAD = 0
SHAPE = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_labels": 1,
    "pad_token_id": PAD,
}
CONFIGS = {
    "llama": lambda: transformers.LlamaConfig(**SHAPE, num_key_value_heads=2),
    "qwen2": lambda: transformers.Qwen2Config(**SHAPE, num_key_value_heads=2),
    "gpt_neox": lambda: transformers.GPTNeoXConfig(**SHAPE),
    "gpt2": lambda: transformers.GPT2Config(
        vocab_size=VOCABULARY, n_embd=32, n_layer=2, n_head=4, n_positions=128, num_labels=1, pad_token_id=PAD
    ),
    "mistral": lambda: transformers.MistralConfig(**SHAPE, num_key_value_heads=2, sliding_window=8),
    "bert": lambda: transformers.BertConfig(**SHAPE, max_position_embeddings=128),
    "roberta": lambda: transformers.RobertaConfig(**SHAPE, max_position_embeddings=128, type_vocab_size=1),
}


def tiny_model(name: str, seed: int = 0):
    """A random two-layer model in eval mode, whose rewards differ by about one."""
    torch.manual_seed(seed)
    model = transformers.AutoModelForSequenceClassification.from_config(CONFIGS[name]())
    head = model.score if hasattr(model, "score") else model.classifier
    for weights in head.parameters():
        torch.nn.init.normal_(weights, std=0.3)
    return model.eval()


def some_groups(n: int, responses: int, seed: int = 0) -> list[TokenGroup]:
    """Groups of random lengths; every response is compared with every other."""
    rng = np.random.default_rng(seed)

    def ids(low: int, high: int) -> list[int]:
        return rng.integers(1, VOCABULARY, rng.integers(low, high)).tolist()

    pairs = [(i, j) for i in range(responses) for j in range(i + 1, responses)]
    return [
        TokenGroup(
            ids(0, 30),
            tuple(ids(1, 12) for _ in range(responses)),
            tuple(Comparison(i, j, float(rng.random()), float(rng.random())) for i, j in pairs),
        )
        for _ in range(n)
    ]


def rewards_and_gradients(model, layout: str, groups) -> tuple[torch.Tensor, torch.Tensor]:
    """Rewards, and the gradient of a Bradley-Terry loss over all trainable parameters as one vector."""
    batch = LAYOUTS[layout].collate(groups, PAD)
    model.zero_grad()
    rewards = score(model, batch)
    d = rewards[batch["j"]] - rewards[batch["i"]]
    losses = torch.nn.functional.binary_cross_entropy_with_logits(d, batch["p"], reduction="none")
    (losses * batch["w"]).sum().backward()
    gradients = [p.grad.flatten() for p in model.parameters() if p.grad is not None]
    return rewards.detach(), torch.cat(gradients)


def assert_same(model, layout: str, groups, rewards: float = 1e-6, gradients: float = 1e-5) -> None:
    """The layout's rewards within `rewards` of the padded ones, its gradient within a relative `gradients`."""
    expected, slope = rewards_and_gradients(model, "padded", groups)
    found, found_slope = rewards_and_gradients(model, layout, groups)
    assert (found - expected).abs().max() <= rewards
    assert (found_slope - slope).norm() <= gradients * slope.norm()
    assert slope.norm() > 1e-3
