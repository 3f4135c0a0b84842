"""The torch floor: groups become token batches, batches become rewards, rewards become a loss.

Runs where pandas, polars, pydantic, datasets and TRL are missing. The names open lazily, because the first of
them imports torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final

_HOME: Final = {
    "LAYOUTS": "layout",
    "LOSSES": "losses",
    "SIZES": "models",
    "GroupBatchSampler": "batching",
    "GroupDataset": "batching",
    "PreferenceTrainer": "trainer",
    "TokenGroup": "batching",
    "Tokenized": "batching",
    "Trained": "running",
    "TrainingSettings": "settings",
    "choose_layout": "layout",
    "from_scratch": "models",
    "load_scorer": "models",
    "named_loss": "losses",
    "score": "layout",
    "score_texts": "scoring",
    "self_test": "layout",
    "tokenize_groups": "batching",
    "train_scorer": "running",
    "with_lora": "models",
}

__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"weaklabel.training.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
