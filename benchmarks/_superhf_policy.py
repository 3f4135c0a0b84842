"""The small policy of the toy of `_superhf_task.py`: how it learns the demonstrations, and what it says to new prompts."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path

from _superhf_task import answer, prompts

import weaklabel as wl
from weaklabel.artifacts import content_hash

LENGTH = {"max_new_tokens": 32, "max_length": 96}


def base_policy(number: int, folder: Path, size: Mapping[str, int]) -> Path:
    """The folder of a model of two layers that has learned `size["demonstrations"]` middling answers."""
    draw = random.Random(number)
    shown = [
        {"prompt": p, "completion": answer(p, draw)} for p in prompts(size["demonstrations"], 100 + number)
    ]
    base = wl.stages.sft(
        shown,
        output_dir=folder,
        from_scratch="tiny",
        learning_rate=3e-3,
        lr_scheduler_type="cosine",
        num_train_epochs=size["epochs"],
        groups_per_batch=32,
        max_length=LENGTH["max_length"],
        audit=False,
        seed=number,
    )
    return base.rounds[-1].model


def samples(model: Path, asked: Sequence[str], times: int, number: int) -> list[str]:
    """`times * len(asked)` answers, each prompt in turn, then all again; the draws depend on `number` alone."""
    from weaklabel.training.decoding import Responder
    from weaklabel.training.sampling import Sampling
    from weaklabel.training.tokens import prompt_ids

    responder = Responder.load(model)
    ids = prompt_ids([(prompt, ()) for prompt in asked], responder.tokenizer) * times
    keys = [content_hash(f"test {number} {k}") for k in range(len(ids))]
    drawn = responder.drawn(ids, keys, Sampling(max_new_tokens=LENGTH["max_new_tokens"]), batch_size=256)
    return [each.reply.text.strip() for each in drawn]
