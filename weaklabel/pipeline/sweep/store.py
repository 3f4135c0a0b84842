"""Cells by content: what a cell was made of is its name, so that nothing is made twice and a killed sweep goes on."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import numpy as np

from weaklabel import artifacts
from weaklabel.errors import ArtifactError
from weaklabel.types import Pairs, Votes

_ALSO_TRACKED: Final = ("torch", "transformers", "snorkel")


class CellStore:
    """Makes a cell unless it is there; in memory, and below `folder` where there is one.

    Args:
        folder: `<key>.json` per cell, each written whole or not at all; None keeps cells in memory alone.
        base: hash of what all cells share.
    """

    def __init__(self, folder: Path | None, base: str) -> None:
        self.folder = folder
        self.base = base
        self._known: dict[str, dict[str, Any]] = {}

    def get(self, made_of: tuple[str | bytes, ...], make: Callable[[], Mapping[str, Any]]) -> dict[str, Any]:
        """The cell made of these parts. A torn or edited file is made again."""
        key = artifacts.content_hash(self.base, *made_of)
        if key not in self._known:
            self._known[key] = self._read(key) or self._write(key, make())
        return self._known[key]

    def _read(self, key: str) -> dict[str, Any] | None:
        if self.folder is None:
            return None
        try:
            found = artifacts.read_json(self.folder / f"{key}.json")
        except ArtifactError:
            return None
        return found["cell"] if isinstance(found, dict) and found.get("hash") == _hash(found) else None

    def _write(self, key: str, cell: Mapping[str, Any]) -> dict[str, Any]:
        if self.folder is not None:
            state: dict[str, Any] = {"cell": dict(cell)}
            artifacts.write_json(self.folder / f"{key}.json", state | {"hash": _hash(state)})
        return dict(cell)


def base_hash(pairs: Pairs, votes: Votes) -> str:
    """Hash of the pairs with their gold, the votes, and the packages that can change a figure."""
    versions = artifacts.versions()
    for name in _ALSO_TRACKED:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "not installed"
    return artifacts.content_hash(
        artifacts.table_hash(pairs.table),
        np.ascontiguousarray(votes.L).tobytes(),
        np.ascontiguousarray(votes.margins).tobytes(),
        *votes.lf_names,
        *(f"{name} {version}" for name, version in sorted(versions.items())),
    )


def _hash(state: Mapping[str, Any]) -> str:
    return artifacts.content_hash(json.dumps(state["cell"], sort_keys=True))
