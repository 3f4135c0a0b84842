"""Files of every kind, in batches or whole, give the same pairs; writing and reading back changes nothing."""

from __future__ import annotations

import csv
import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import weaklabel.data.blocks as blocks
from weaklabel.data import Written, as_pairs, convert_pairs, iter_batches, read_pairs, write_pairs
from weaklabel.errors import DataError, MissingExtraError
from weaklabel.types import Pairs

ROWS = [
    {
        "id": f"p{i}",
        "prompt": f"Q{i // 3}",
        "response_a": f"x{i}",
        "response_b": f"y{i}",
        "gold": "ab"[i % 2],
        "n": i,
    }
    for i in range(30)
]


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "BLOCK_ROWS", 7)


def jsonl(rows: list[dict[str, Any]] = ROWS) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def write_csv(path: Path, delimiter: str = ",") -> Path:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(ROWS[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(ROWS)
    return path


def test_every_kind_of_file_gives_the_same_pairs(tmp_path: Path) -> None:
    zstandard = pytest.importorskip("zstandard")
    frames = zstandard.ZstdCompressor().compress(jsonl(ROWS[:9])) + zstandard.ZstdCompressor().compress(
        jsonl(ROWS[9:])
    )
    (tmp_path / "a.jsonl").write_bytes(jsonl())
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress(jsonl()))
    (tmp_path / "c.jsonl.zst").write_bytes(frames)
    (tmp_path / "d.json").write_text(json.dumps(ROWS))
    write_csv(tmp_path / "e.csv")
    write_csv(tmp_path / "f.tsv", "\t")
    (tmp_path / "g.csv.gz").write_bytes(gzip.compress((tmp_path / "e.csv").read_bytes()))
    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "h.parquet")
    wanted = read_pairs(ROWS).table
    for path in sorted(tmp_path.iterdir()):
        assert read_pairs(path).table.equals(wanted), path.name


def test_a_data_frame_of_any_kind_gives_the_same_pairs() -> None:
    wanted, table = read_pairs(ROWS).table, pa.Table.from_pylist(ROWS)
    assert read_pairs(table).table.equals(wanted)
    assert read_pairs(table.to_pandas()).table.equals(wanted)
    polars = pytest.importorskip("polars")
    assert read_pairs(polars.DataFrame(ROWS)).table.equals(wanted)
    assert read_pairs(polars.DataFrame(ROWS).lazy()).table.equals(wanted)


def test_pairs_are_returned_as_they_are() -> None:
    pairs = read_pairs(ROWS)
    assert read_pairs(pairs) is pairs
    assert as_pairs(pairs) is pairs
    assert len(as_pairs(ROWS)) == 30


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("kind", ["jsonl", "csv", "parquet"])
def test_batches_together_are_the_whole(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"p.{kind}"
    if kind == "jsonl":
        path.write_bytes(jsonl())
    elif kind == "csv":
        write_csv(path)
    else:
        pq.write_table(pa.Table.from_pylist(ROWS), path, row_group_size=10)
    batches = list(iter_batches(path))
    assert len(batches) > 3
    assert [i for b in batches for i in b.table["id"].to_pylist()] == [row["id"] for row in ROWS]
    assert read_pairs(path).table.equals(read_pairs(ROWS).table)


@pytest.mark.parametrize("size", [1, 4, 1000])
def test_block_size_has_no_say_in_the_order_drawn(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    rows = [
        {"prompt": f"Q{i % 5}", "chosen": f"x{i % 7}", "rejected": f"y{i % 3}", "score_chosen": i}
        for i in range(40)
    ]
    wanted = read_pairs(rows).table
    monkeypatch.setattr(blocks, "BLOCK_ROWS", size)
    assert read_pairs(rows).table.equals(wanted)


@pytest.mark.usefixtures("small_blocks")
def test_set_aside_lines_count_through_all_blocks(tmp_path: Path) -> None:
    (tmp_path / "p.jsonl").write_bytes(jsonl() + b"{\n" + jsonl([{**ROWS[0], "id": "new"}]))
    pairs = read_pairs(tmp_path / "p.jsonl")
    assert [row.line for row in pairs.set_aside] == [31]
    assert len(pairs) == 31


@pytest.mark.usefixtures("small_blocks")
def test_columns_that_come_late_or_change_their_type_are_kept(tmp_path: Path) -> None:
    late = [
        {**row, "n": row["n"] + 0.5 if i > 20 else row["n"], **({"new": "v"} if i > 25 else {})}
        for i, row in enumerate(ROWS)
    ]
    mixed = [{**row, "m": row["n"] if i < 10 else f"t{i}"} for i, row in enumerate(late)]
    table = read_pairs(mixed).table
    assert table["n"].to_pylist() == [row["n"] for row in late]
    assert table["new"].to_pylist() == [None] * 26 + ["v"] * 4
    assert table["m"].to_pylist() == [str(row["m"]) for row in mixed]
    assert write_pairs(iter_batches(mixed), tmp_path / "p.parquet").n_pairs == 30
    back = pq.read_table(tmp_path / "p.parquet")
    assert back.drop_columns("part").equals(table.drop_columns("part"))


def test_nested_columns_of_json_lines_become_json_text() -> None:
    table = read_pairs([{**ROWS[0], "meta": {"k": [1]}}]).table
    assert table["meta"].to_pylist() == ['{"k": [1]}']


def test_several_files_are_read_in_sorted_order(tmp_path: Path) -> None:
    (tmp_path / "2.jsonl").write_bytes(jsonl(ROWS[10:]))
    (tmp_path / "1.jsonl").write_bytes(jsonl(ROWS[:10]))
    wanted = [row["id"] for row in ROWS]
    assert list(read_pairs(str(tmp_path / "*.jsonl")).ids) == wanted
    assert list(read_pairs(tmp_path).ids) == wanted
    assert list(read_pairs([tmp_path / "1.jsonl", str(tmp_path / "2.jsonl")]).ids) == wanted


def test_repeats_are_found_across_files(tmp_path: Path) -> None:
    for name in "12":
        (tmp_path / f"{name}.jsonl").write_bytes(jsonl(ROWS[:3]))
    pairs = read_pairs(tmp_path)
    assert len(pairs) == 3
    assert {row.file for row in pairs.set_aside} == {str(tmp_path / "2.jsonl")}


def test_pairs_written_and_read_back_are_equal(tmp_path: Path) -> None:
    pairs = read_pairs([{**row, "messages": [{"role": "user", "content": row["prompt"]}]} for row in ROWS])
    assert write_pairs(pairs, tmp_path / "p.parquet") == Written(30, ())
    assert read_pairs(tmp_path / "p.parquet", seed=5, test_share=0.1).table.equals(pairs.table)


@pytest.mark.usefixtures("small_blocks")
def test_batching_leaves_no_trace_in_the_file(tmp_path: Path) -> None:
    first = Pairs(pa.concat_tables([b.table for b in iter_batches(ROWS)]))
    write_pairs(first, tmp_path / "whole.parquet")
    write_pairs(iter_batches(ROWS), tmp_path / "batches.parquet")
    assert (tmp_path / "whole.parquet").read_bytes() == (tmp_path / "batches.parquet").read_bytes()


def test_row_groups_hold_8192_pairs(tmp_path: Path) -> None:
    rows = [{"prompt": f"Q{i}", "response_a": "x", "response_b": "y"} for i in range(9000)]
    write_pairs(read_pairs(rows), tmp_path / "p.parquet")
    meta = pq.read_metadata(tmp_path / "p.parquet")
    assert [meta.row_group(i).num_rows for i in range(meta.num_row_groups)] == [8192, 808]


def test_converting_a_file_gives_the_bytes_of_reading_it_whole(tmp_path: Path) -> None:
    (tmp_path / "p.jsonl").write_bytes(jsonl() + b"{\n")
    settings: dict[str, Any] = {
        "gold": [{"id": "p0", "gold": "tie"}],
        "test_share": 0.3,
        "max_gold": 9,
        "seed": 4,
    }
    write_pairs(read_pairs(tmp_path / "p.jsonl", **settings), tmp_path / "whole.parquet")
    written = convert_pairs(tmp_path / "p.jsonl", tmp_path / "stream.parquet", **settings)
    assert (written.n_pairs, written.set_aside[0].line) == (30, 31)
    assert (tmp_path / "whole.parquet").read_bytes() == (tmp_path / "stream.parquet").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["p.jsonl", "stream.parquet", "whole.parquet"]


def test_a_failed_write_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "p.jsonl").write_bytes(b"{\n")
    with pytest.raises(DataError):
        write_pairs(iter_batches(tmp_path / "p.jsonl"), tmp_path / "out.parquet")
    with pytest.raises(DataError, match="no pairs to write"):
        write_pairs([], tmp_path / "out.parquet")
    assert [p.name for p in tmp_path.iterdir()] == ["p.jsonl"]


@pytest.mark.filterwarnings("ignore")
def test_saved_data_sets_are_read(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    data = datasets.Dataset.from_list(ROWS)
    data.save_to_disk(str(tmp_path / "one"))
    datasets.DatasetDict({"train": data, "test": data.select([0])}).save_to_disk(str(tmp_path / "many"))
    wanted = read_pairs(ROWS).table
    assert read_pairs(data).table.equals(wanted)
    assert read_pairs(tmp_path / "one").table.equals(wanted)
    assert len(read_pairs(f"{tmp_path / 'many'}:test")) == 1
    with pytest.raises(DataError, match="has the splits train, test"):
        read_pairs(tmp_path / "many")


def test_a_data_set_without_the_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(MissingExtraError, match=r"weaklabel\[datasets\]"):
        read_pairs("hf:org/name:train")


def test_importing_the_room_loads_no_reader_and_no_heavy_package() -> None:
    code = (
        "import sys, weaklabel.data; "
        "print([m for m in ('pandas', 'polars', 'datasets', 'torch', 'sklearn', 'weaklabel.data.reading') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_reading_a_path_loads_neither_polars_nor_datasets(tmp_path: Path) -> None:
    (tmp_path / "p.jsonl").write_bytes(jsonl())
    code = (
        "import sys; from weaklabel.data import read_pairs; read_pairs(sys.argv[1]); "
        "print([m for m in ('polars', 'datasets', 'torch', 'sklearn') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "p.jsonl")], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_a_file_with_one_large_row_group_is_not_loaded_at_once(tmp_path: Path) -> None:
    n, path = 5 * blocks.BLOCK_ROWS, tmp_path / "one.parquet"
    rng = np.random.default_rng(0)
    texts = [rng.bytes(500).hex() for _ in range(n)]
    pq.write_table(pa.table({"prompt": texts}), path, row_group_size=n, use_dictionary=False)
    before = pa.total_allocated_bytes()
    reading = blocks._parquet(path, "one.parquet")
    first = next(reading)
    assert len(first.lines) == blocks.BLOCK_ROWS
    assert pa.total_allocated_bytes() - before < path.stat().st_size / 2
    assert sum(len(block.lines) for block in reading) == n - blocks.BLOCK_ROWS
