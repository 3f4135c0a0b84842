"""Tiny models with dropout that are trained on planted groups, a scorer or by DPO, here or as one process of several."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from planted import planted_groups, texts_of

from weaklabel.training.dpo.settings import DPOTrainingSettings
from weaklabel.training.dpo.train import TrainedDPO, train_dpo
from weaklabel.training.models.scratch import from_scratch, language_model_from_scratch
from weaklabel.training.reward import TrainedScorer, train_scorer
from weaklabel.training.settings import RewardTrainingSettings


def run(folder: Path, dropout: float, **settings: Any) -> tuple[Any, TrainedScorer]:
    groups = planted_groups(48, hard=False, responses=3)
    model, tokenizer = from_scratch("tiny", texts_of(groups))
    drop(model, dropout)
    made = RewardTrainingSettings(max_length=128, learning_rate=1e-3, logging_steps=1, **settings)
    gold = planted_groups(11, seed=4, responses=3)
    return model, train_scorer(model, tokenizer, groups, gold=gold, settings=made, folder=folder)


def run_dpo(folder: Path, dropout: float, **settings: Any) -> tuple[Any, TrainedDPO]:
    groups = planted_groups(48, hard=False, responses=3)
    model, tokenizer = language_model_from_scratch("tiny", texts_of(groups))
    drop(model, dropout)
    made = DPOTrainingSettings(max_length=128, learning_rate=1e-3, logging_steps=1, **settings)
    gold = planted_groups(11, seed=4, responses=3)
    return model, train_dpo(model, tokenizer, groups, gold=gold, settings=made, folder=folder)


def drop(model: Any, dropout: float) -> None:
    model.config.attention_dropout = dropout
    for layer in model.model.layers:
        layer.self_attn.attention_dropout = dropout


def in_a_process(folder: Path, settings: dict[str, Any], environment: dict[str, str]) -> None:
    """Trains as one process of a run and, where it is the first, writes the weights as `folder / "model"`."""
    os.environ.update({"CUDA_VISIBLE_DEVICES": "", **environment})
    given = dict(settings)
    trained, _ = (run_dpo if given.pop("dpo", False) else run)(folder, **given)
    if environment.get("RANK", "0") == "0":
        trained.save_pretrained(folder / "model")
