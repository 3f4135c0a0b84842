"""Rewards of texts from a trained scorer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from weaklabel.errors import DataError, TrainingError
from weaklabel.groups import Group
from weaklabel.training.batching import GroupBatchSampler
from weaklabel.training.layout import LAYOUTS, kind_of, outputs, proven_layout
from weaklabel.training.runs.memory import explaining_memory
from weaklabel.training.tokens import TokenGroup, tokenize_groups
from weaklabel.types.messages import Message, copied


def score_texts(
    model: Any,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[str],
    responses: Sequence[str],
    *,
    messages: Sequence[Sequence[Message]] | None = None,
    max_length: int,
    tokens_per_batch: int = 16384,
    bf16: bool = False,
) -> NDArray[np.float64]:
    """The reward of each response to its prompt, float64 `(n,)`, in the order given.

    Equal texts are scored once, so they have exactly equal rewards, and a set of texts has the same rewards in whatever
    order it is given. Dropout is off.

    Args:
        prompts, responses: `n` texts each.
        messages: `n` conversations that stand for the prompts where the tokenizer has a chat template, or None.
        max_length: tokens of prompt and response together, cut as in training.
        tokens_per_batch: what the padded tensor of one batch may hold.
        bf16: compute in bfloat16 under autocast.

    Raises:
        DataError: not as many responses, or conversations, as prompts.
        TrainingError: a reward that is no finite number, or no memory.
    """
    turns: Sequence[Sequence[Message]] = [()] * len(prompts) if messages is None else messages
    if not len(prompts) == len(responses) == len(turns):
        raise DataError(
            f"score_texts got {len(prompts)} prompts, {len(responses)} responses and {len(turns)} conversations. "
            "Give one of each per reward."
        )
    if not len(prompts):
        return np.zeros(0)
    groups, places = _gathered(prompts, responses, turns)
    tokenized = tokenize_groups(groups, tokenizer, max_length=max_length, kind=kind_of(model)).groups
    found = outputs_of(
        model, tokenized, pad_id=tokenizer.pad_token_id, tokens_per_batch=tokens_per_batch, bf16=bf16
    )
    rewards = np.array([found[group][response, 0] for group, response in places])
    if odd := int((~np.isfinite(rewards)).sum()):
        raise TrainingError(
            f"{odd} of {len(rewards)} rewards are no finite numbers. The model's weights are damaged, or its training "
            "went wrong: train again, with a lower learning_rate."
        )
    return rewards


def outputs_of(
    model: Any,
    groups: Sequence[TokenGroup],
    *,
    pad_id: int,
    tokens_per_batch: int,
    bf16: bool = False,
    labels: int = 1,
) -> list[NDArray[np.float64]]:
    """What the head says of the responses of each group, float64 `(n_responses, labels)`. Dropout is off.

    Raises:
        TrainingError: no memory.
    """
    device = next(model.parameters()).device
    dtype = torch.bfloat16 if bf16 else None
    chosen = proven_layout(model, "auto", groups, device, pad_id=pad_id, bf16=bf16, labels=labels)
    layout = LAYOUTS[chosen.name]
    lengths, rows = layout.sizes(groups)
    found: list[NDArray[np.float64]] = [np.zeros((0, labels))] * len(groups)
    training = model.training
    model.eval()
    try:
        for batch in GroupBatchSampler(lengths, rows, tokens_per_batch=tokens_per_batch):
            some = [groups[k] for k in batch]
            tensors = {name: value.to(device) for name, value in layout.collate(some, pad_id).items()}
            with (
                explaining_memory(_too_much, tensors),
                torch.no_grad(),
                torch.autocast(device.type, dtype, enabled=bf16),
            ):
                flat = outputs(model, tensors).double().cpu().numpy()
            parts = np.split(flat, np.cumsum([len(group.responses) for group in some])[:-1])
            for k, part in zip(batch, parts, strict=True):
                found[k] = part
    finally:
        model.train(training)
    return found


def _too_much(batch: Mapping[str, Any]) -> str:
    return (
        f" while scoring a batch of {batch['input_ids'].numel()} tokens. Lower max_length, set bf16=True, or score where "
        "there is more memory."
    )


def _gathered(
    prompts: Sequence[str], responses: Sequence[str], turns: Sequence[Sequence[Message]]
) -> tuple[list[Group], list[tuple[int, int]]]:
    """Groups of distinct responses by prompt, in the order of the texts, and where each given one stands in them."""
    keys = [
        (prompt, tuple(tuple(turn.items()) for turn in conversation), response)
        for prompt, conversation, response in zip(prompts, turns, responses, strict=True)
    ]
    places: dict[Any, tuple[int, int]] = {}
    groups: list[Group] = []
    for (prompt, conversation), same in groupby(sorted(set(keys)), key=itemgetter(0, 1)):
        texts = tuple(response for _, _, response in same)
        places |= {(prompt, conversation, text): (len(groups), k) for k, text in enumerate(texts)}
        messages = copied([dict(turn) for turn in conversation])
        groups.append(Group(prompt, texts, (), messages))
    return groups, [places[key] for key in keys]
