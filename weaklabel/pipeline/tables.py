"""Votes and rows set aside as files of a run, and back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from weaklabel import artifacts
from weaklabel.types import Fault, Pairs, SetAside, Votes


def write_pairs_file(folder: Path, pairs: Pairs) -> None:
    """`pairs.parquet`, and `set_aside.jsonl` with the rows that could not be used."""
    artifacts.write_parquet(folder / "pairs.parquet", pairs.table)
    _write_jsonl(folder / "set_aside.jsonl", [asdict(row) for row in pairs.set_aside])


def read_pairs_file(folder: Path) -> Pairs:
    rows = _read_jsonl(folder / "set_aside.jsonl")
    set_aside = tuple(SetAside(row["file"], row["line"], row["reason"]) for row in rows)
    return Pairs(pq.read_table(folder / "pairs.parquet"), set_aside)


def write_votes_file(folder: Path, votes: Votes) -> None:
    """`votes.parquet` (id, `vote:<lf>` int8, `margin:<lf>` float32) and `faults.jsonl`."""
    columns = {"id": pa.array(votes.ids, pa.string())}
    for j, name in enumerate(votes.lf_names):
        columns[f"vote:{name}"] = pa.array(votes.L[:, j], pa.int8())
        columns[f"margin:{name}"] = pa.array(votes.margins[:, j], pa.float32())
    artifacts.write_parquet(folder / "votes.parquet", pa.table(columns))
    faults = [{"lf": f.lf, "pair_id": f.pair_id, "error": f.error} for f in votes.faults]
    _write_jsonl(folder / "faults.jsonl", faults)


def read_votes_file(folder: Path) -> Votes:
    table = pq.read_table(folder / "votes.parquet")
    names = [name.removeprefix("vote:") for name in table.column_names if name.startswith("vote:")]
    shape = (table.num_rows, len(names))
    L, margins = np.empty(shape, np.int8), np.empty(shape, np.float32)
    for j, name in enumerate(names):
        L[:, j] = table[f"vote:{name}"].to_numpy()
        margins[:, j] = table[f"margin:{name}"].to_numpy()
    faults = tuple(Fault(f["lf"], f["pair_id"], f["error"]) for f in _read_jsonl(folder / "faults.jsonl"))
    return Votes(L, margins, tuple(names), tuple(table["id"].to_pylist()), faults)


def _write_jsonl(path: Path, rows: Sequence[object]) -> None:
    lines = (json.dumps(row, ensure_ascii=False, sort_keys=True) + "\n" for row in rows)
    artifacts.write_text(path, "".join(lines))


def _read_jsonl(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]
