"""The torch floor: groups become token batches, batches become rewards, rewards become a loss.

Runs where pandas, polars, pydantic, datasets and TRL are missing. The names open lazily, because the first of
them imports torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final

_HOME: Final = {
    "LAYOUTS": "layout",
    "GroupBatchSampler": "batching",
    "GroupDataset": "batching",
    "TokenGroup": "batching",
    "Tokenized": "batching",
    "choose_layout": "layout",
    "score": "layout",
    "self_test": "layout",
    "tokenize_groups": "batching",
}

__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"weaklabel.training.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
