"""What a run does to every pair, a shard in memory at a time: reading, labelling."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa

from weaklabel import artifacts
from weaklabel.config import LoadedConfig
from weaklabel.data import PairsFile, convert_pairs
from weaklabel.engine.stream import StoredVotes
from weaklabel.errors import ConfigError
from weaklabel.export.tabular import write_tables
from weaklabel.labeler import Labeler
from weaklabel.pipeline.tables import write_set_aside
from weaklabel.types import Labels

CONFIDENCES: Final = (0.5, 0.6, 0.7, 0.8, 0.9)


def configured_source(loaded: LoadedConfig) -> tuple[Any, dict[str, Any]]:
    """What `[data]` names, as `read_pairs` and `convert_pairs` take it."""
    data = loaded.config.data
    if data.pairs is None:
        raise ConfigError("data.pairs is not set. Name the file in weaklabel.toml, or pass --pairs FILE.")
    many = [data.pairs] if isinstance(data.pairs, str) else data.pairs
    sources = [loaded.resolve(path) for path in many]
    settings = {
        "gold": loaded.resolve(data.gold) if data.gold else None,
        "layout": data.layout,
        "columns": data.columns or None,
        "gold_values": data.gold_values or None,
        "test_share": data.test_share,
        "max_gold": data.max_gold,
        "seed": data.seed,
        "near_duplicates": data.near_duplicates,
    }
    return sources[0] if len(sources) == 1 else sources, settings


def read_to_file(loaded: LoadedConfig, folder: Path) -> dict[str, Any]:
    """Write `pairs.parquet`, `set_aside.jsonl` and, where there are many pairs, `sample.parquet`; counts."""
    source, settings = configured_source(loaded)
    written = convert_pairs(source, folder / "pairs.parquet", **settings)
    write_set_aside(folder, written.set_aside)
    file, data = PairsFile(folder / "pairs.parquet"), loaded.config.data
    rows = file.sample(data.sample, seed=data.seed)
    if len(rows) < file.n_pairs:
        artifacts.write_parquet(folder / "sample.parquet", file.take(rows).table)
    else:
        (folder / "sample.parquet").unlink(missing_ok=True)
    return _counted(file) | {"set_aside": len(written.set_aside), "notes": list(written.notes)}


def labels_by_shard(labeler: Labeler, file: PairsFile, votes: StoredVotes) -> Iterator[Labels]:
    """Labels of every pair, a shard at a time, without the share of each function in them."""
    for shard in range(len(file)):
        yield labeler.label_known(file.pairs(shard), votes.shard(file, shard))


def write_labels(path: Path, parts: Iterable[Labels]) -> dict[str, Any]:
    """Labels as one Parquet file with the columns of `Labels.to_table()`; counts."""
    counts = {"a": 0, "b": 0, "tie": 0, "without_votes": 0}
    confident = dict.fromkeys((str(c) for c in CONFIDENCES), 0)
    calibrated = False

    def counted() -> Iterator[pa.Table]:
        nonlocal calibrated
        for part in parts:
            for verdict in ("a", "b", "tie"):
                counts[verdict] += int((part.label == verdict).sum())
            counts["without_votes"] += int((part.w == 0).sum())
            for at_least in CONFIDENCES:
                confident[str(at_least)] += int((part.confidence >= at_least).sum())
            calibrated = part.calibrated
            yield part.to_table()

    with artifacts.atomic_file(path) as temporary:
        write_tables(temporary, counted())
    return {**counts, "confidence": confident, "calibrated": calibrated}


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
