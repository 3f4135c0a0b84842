"""The step `read`: the pairs that `[data]` names as one file in shards, and those of them that are held in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from weaklabel import artifacts
from weaklabel.artifacts.hash_memo import HashMemo
from weaklabel.artifacts.steps import Made
from weaklabel.config import DataSettings, LoadedConfig
from weaklabel.data import PairsFile, convert_pairs, read_pairs
from weaklabel.data.sources import source_hash
from weaklabel.errors import ConfigError
from weaklabel.pipeline.steps.base import RunStep
from weaklabel.pipeline.tables import read_set_aside, write_set_aside
from weaklabel.types import Pairs


class RunPairs:
    """All pairs of a run in their file, and those that are held in memory: all of them, or a sample.

    Args:
        folder: of the run.
        settings: how many are held, and the seed by which they are drawn.
    """

    def __init__(self, folder: Path, settings: DataSettings) -> None:
        self._folder, self._settings = folder, settings
        # Read back even when just written: a run that continues must see the same table, to the byte.
        self.file = PairsFile(folder / "pairs.parquet", read_set_aside(folder))

    @cached_property
    def held(self) -> Pairs:
        """The pairs in memory."""
        sample = self._folder / "sample.parquet"
        table = pq.read_table(sample if sample.exists() else self.file.path)
        return Pairs(table.replace_schema_metadata(None), self.file.set_aside)

    @cached_property
    def rows(self) -> NDArray[np.int64]:
        """Where in the file the pairs in memory stand, rising."""
        return self.file.sample(self._settings.sample, seed=self._settings.seed)

    @property
    def is_sample(self) -> bool:
        """Whether there are more pairs than are held in memory."""
        return self.file.n_pairs > len(self.held)


class Read(RunStep[RunPairs]):
    """Reads pairs and gold, and divides them into dev, test and pool."""

    name: ClassVar[str] = "read"
    outputs: ClassVar[Sequence[str]] = ("pairs.parquet", "set_aside.jsonl", "sample.parquet")

    @property
    def inputs(self) -> Mapping[str, str | None]:
        return _source_hashes(self.place.loaded, self.keeper.hashes)

    @property
    def settings(self) -> Mapping[str, Any]:
        return self.config.data.model_dump(mode="json", exclude={"pairs", "gold", "answers"})

    def make(self) -> Made[RunPairs]:
        source, settings = configured_source(self.place.loaded)
        written = convert_pairs(source, self.folder / "pairs.parquet", **settings)
        write_set_aside(self.folder, written.set_aside)
        file, data = PairsFile(self.folder / "pairs.parquet"), self.config.data
        rows = file.sample(data.sample, seed=data.seed)
        if len(rows) < file.n_pairs:
            artifacts.write_parquet(self.folder / "sample.parquet", file.take(rows).table)
        else:
            (self.folder / "sample.parquet").unlink(missing_ok=True)
        told = {"set_aside": len(written.set_aside), "notes": list(written.notes)}
        return Made(_counted(file) | told | ({"answers": written.n_answers} if written.n_answers else {}))

    def load(self, counts: Mapping[str, Any]) -> RunPairs:
        return RunPairs(self.folder, self.config.data)


def read_configured_pairs(loaded: LoadedConfig) -> Pairs:
    """The pairs that `[data]` describes, divided into dev, test and pool, in memory."""
    source, settings = configured_source(loaded)
    return read_pairs(source, **settings)


def configured_source(loaded: LoadedConfig) -> tuple[Any, dict[str, Any]]:
    """What `[data]` names, as `read_pairs` and `convert_pairs` take it."""
    data = loaded.config.data
    if data.pairs is None:
        raise ConfigError(
            "data.pairs is not set: there is nothing to read. Name the file in weaklabel.toml (weaklabel init makes one), "
            "or pass --pairs FILE."
        )
    many = [data.pairs] if isinstance(data.pairs, str) else data.pairs
    sources = [loaded.resolve(path) for path in many]
    settings = {
        "gold": loaded.resolve(data.gold) if data.gold else None,
        "answers": answers_file(loaded) if has_answers(loaded) else None,
        "layout": data.layout,
        "columns": data.columns or None,
        "gold_values": data.gold_values or None,
        "test_share": data.test_share,
        "max_gold": data.max_gold,
        "seed": data.seed,
        "near_duplicates": data.near_duplicates,
    }
    return sources[0] if len(sources) == 1 else sources, settings


def _source_hashes(loaded: LoadedConfig, hashes: HashMemo) -> dict[str, str | None]:
    """Content hashes of everything that is read, found as the reader finds it."""
    data: DataSettings = loaded.config.data
    many = [data.pairs] if isinstance(data.pairs, str) else list(data.pairs or ())
    named = {f"pairs:{i}:{path}": path for i, path in enumerate(many)}
    named |= {f"gold:{data.gold}": data.gold} if data.gold else {}
    named |= {"answers": data.answers} if has_answers(loaded) else {}
    return {name: source_hash(loaded.resolve(path), hashes) for name, path in named.items()}


def answers_file(loaded: LoadedConfig) -> str:
    """Where the project keeps what people answered."""
    return loaded.resolve(loaded.config.data.answers)


def has_answers(loaded: LoadedConfig) -> bool:
    """Whether people have answered something."""
    file = Path(answers_file(loaded))
    return file.is_file() and file.stat().st_size > 0


def _counted(file: PairsFile) -> dict[str, Any]:
    parts = {"dev": 0, "test": 0}
    gold = 0
    for shard in range(len(file)):
        table = file.read(shard, ["gold", "part"])
        known = table["gold"].is_valid().to_numpy()
        part = table["part"].to_numpy(zero_copy_only=False)
        gold += int(known.sum())
        for name in parts:
            parts[name] += int(np.sum((part == name) & known))
    return {"pairs": file.n_pairs, **parts, "gold": gold}
