"""Votes and rows set aside as files of a run, and back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from weaklabel import artifacts
from weaklabel.types import Fault, SetAside, Votes


def write_set_aside(folder: Path, rows: Iterable[SetAside]) -> None:
    """`set_aside.jsonl`: rows of the source that could not be used."""
    _write_jsonl(folder / "set_aside.jsonl", (asdict(row) for row in rows))


def read_set_aside(folder: Path) -> tuple[SetAside, ...]:
    rows = _read_jsonl(folder / "set_aside.jsonl")
    return tuple(SetAside(row["file"], row["line"], row["reason"]) for row in rows)


def write_votes_file(folder: Path, votes: Votes) -> None:
    """`votes.parquet`: id, `vote:<lf>` int8, `margin:<lf>` float32."""
    columns = {"id": pa.array(votes.ids, pa.string())}
    for j, name in enumerate(votes.lf_names):
        columns[f"vote:{name}"] = pa.array(votes.L[:, j], pa.int8())
        columns[f"margin:{name}"] = pa.array(votes.margins[:, j], pa.float32())
    artifacts.write_parquet(folder / "votes.parquet", pa.table(columns))


def write_faults(folder: Path, faults: Iterable[Fault]) -> None:
    """`faults.jsonl`: every vote that failed: function, pair, kind of the fault, message."""
    _write_jsonl(folder / "faults.jsonl", (fault.to_dict() for fault in faults))


def iter_faults(folder: Path) -> Iterator[Fault]:
    return map(Fault.from_dict, _read_jsonl(folder / "faults.jsonl"))


def read_votes_file(folder: Path) -> Votes:
    table = pq.read_table(folder / "votes.parquet")
    names = [name.removeprefix("vote:") for name in table.column_names if name.startswith("vote:")]
    shape = (table.num_rows, len(names))
    L, margins = np.empty(shape, np.int8), np.empty(shape, np.float32)
    for j, name in enumerate(names):
        L[:, j] = table[f"vote:{name}"].to_numpy()
        margins[:, j] = table[f"margin:{name}"].to_numpy()
    ids = tuple(table["id"].to_pylist())
    here = set(ids)
    faults = tuple(fault for fault in iter_faults(folder) if fault.pair_id in here)
    return Votes(L, margins, tuple(names), ids, faults)


def _write_jsonl(path: Path, rows: Iterable[object]) -> None:
    with artifacts.atomic_file(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(artifacts.json_line(row, sort_keys=True))


def _read_jsonl(path: Path) -> Iterator[dict[str, Any]]:
    # By "\n" alone: a message may hold other characters that end a line elsewhere.
    with path.open(encoding="utf-8", newline="\n") as file:
        yield from (artifacts.parse_json(line) for line in file)
