"""The layouts by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from weaklabel.training.layout import padded, shared, varlen
from weaklabel.training.layout.base import Layout, joined_sizes
from weaklabel.training.tokens import TokenGroup

LAYOUTS: Final[Mapping[str, Layout[TokenGroup]]] = {
    "padded": Layout("padded", padded.collate, padded.sizes, bucketed=False),
    "bucketed": Layout("bucketed", padded.collate, padded.sizes, bucketed=True),
    "shared": Layout("shared", shared.collate, shared.sizes, bucketed=True),
    "varlen": Layout("varlen", varlen.collate, joined_sizes, bucketed=True),
}
