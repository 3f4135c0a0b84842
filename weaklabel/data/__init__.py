"""Pairs in and out: every layout people have, read into one canonical table, split by prompt, written back."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from weaklabel.data.build import Batch
    from weaklabel.data.pairs_file import PairsFile
    from weaklabel.data.readers import LAYOUTS, Layout, detect_layout
    from weaklabel.data.reading import as_pairs, iter_batches, read_pairs
    from weaklabel.data.splits import split_by_prompt
    from weaklabel.data.writing import Written, convert_pairs, write_pairs

_HOMES = {
    "LAYOUTS": "readers",
    "Batch": "build",
    "Layout": "readers",
    "PairsFile": "pairs_file",
    "Written": "writing",
    "as_pairs": "reading",
    "convert_pairs": "writing",
    "detect_layout": "readers",
    "iter_batches": "reading",
    "read_pairs": "reading",
    "split_by_prompt": "splits",
    "write_pairs": "writing",
}

__all__ = [
    "LAYOUTS",
    "Batch",
    "Layout",
    "PairsFile",
    "Written",
    "as_pairs",
    "convert_pairs",
    "detect_layout",
    "iter_batches",
    "read_pairs",
    "split_by_prompt",
    "write_pairs",
]


def __getattr__(name: str) -> Any:
    # Lazy, so that `import weaklabel` does not pay for readers that a run may never use.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"weaklabel.data.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
