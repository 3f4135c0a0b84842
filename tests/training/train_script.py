"""One process of a training run, started by the tests: `train_script.py FOLDER SETTINGS_JSON`.

Trains a tiny model with dropout on planted groups, a scorer or by DPO, and writes its weights as FOLDER/model (process 0).
"""

from __future__ import annotations

import json
import os
import sys
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


if __name__ == "__main__":
    where, given = Path(sys.argv[1]), json.loads(sys.argv[2])
    trained, _ = (run_dpo if given.pop("dpo", False) else run)(where, **given)
    if os.environ.get("RANK", "0") == "0":
        trained.save_pretrained(where / "model")
