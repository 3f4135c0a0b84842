"""Atomic writes, hashes and manifests. A killed writer leaves the old file or the new one, never half of one."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from weaklabel import artifacts
from weaklabel.errors import ArtifactError

WRITER = """
import sys
from pathlib import Path
from weaklabel import artifacts
target, kind, letter = Path(sys.argv[1]), sys.argv[2], 0
print("ready", flush=True)
while True:
    letter = (letter + 1) % 26
    text = chr(97 + letter) * 3_000_000
    if kind == "file":
        artifacts.write_text(target, text)
    else:
        def fill(folder):
            for name in "xyz":
                (folder / name).write_text(text)
        artifacts.write_folder(target, fill)
"""


def kill_writer(target: Path, kind: str, after: float) -> None:
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(target), kind], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    assert writer.stdout.readline() == "ready\n"
    while not target.exists():
        assert writer.poll() is None
        time.sleep(0.001)
    time.sleep(after)
    os.kill(writer.pid, signal.SIGKILL)
    writer.wait()
    writer.stdout.close()


@pytest.mark.parametrize("after", [0.001, 0.004, 0.011, 0.023])
def test_a_killed_writer_leaves_a_whole_file(tmp_path, after):
    target = tmp_path / "labels.json"
    kill_writer(target, "file", after)
    text = target.read_text()
    assert text == text[0] * 3_000_000


@pytest.mark.parametrize("after", [0.002, 0.009, 0.021])
def test_a_killed_writer_leaves_no_mixed_folder(tmp_path, after):
    target = tmp_path / "export"
    kill_writer(target, "folder", after)
    if target.exists():  # between two renames there is none, and the step is run again
        texts = [(target / name).read_text() for name in "xyz"]
        assert len(set(texts)) == 1
        assert len(texts[0]) == 3_000_000


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path):
    target = tmp_path / "x.txt"
    artifacts.write_text(target, "old")

    def fail() -> None:
        with artifacts.atomic_file(target) as temporary:
            temporary.write_text("new")
            raise RuntimeError("halfway")

    with pytest.raises(RuntimeError, match="halfway"):
        fail()
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["x.txt"]


def test_a_failed_folder_leaves_the_old_one_and_no_other(tmp_path):
    target = tmp_path / "out"
    artifacts.write_folder(target, lambda folder: (folder / "a").write_text("old") and None)

    def fail(folder: Path) -> None:
        (folder / "a").write_text("new")
        raise RuntimeError("halfway")

    with pytest.raises(RuntimeError, match="halfway"):
        artifacts.write_folder(target, fail)
    assert (target / "a").read_text() == "old"
    assert os.listdir(tmp_path) == ["out"]


def test_a_folder_is_replaced_whole(tmp_path):
    target = tmp_path / "out"
    artifacts.write_folder(target, lambda folder: (folder / "first").write_text("1") and None)
    artifacts.write_folder(target, lambda folder: (folder / "second").write_text("2") and None)
    assert os.listdir(target) == ["second"]
    assert os.listdir(tmp_path) == ["out"]


def test_a_folder_that_cannot_be_replaced_is_put_back(tmp_path, monkeypatch):
    target = tmp_path / "out"
    artifacts.write_folder(target, lambda folder: (folder / "a").write_text("old") and None)
    replace = os.replace

    def fails_for_the_new_one(source, destination):
        if Path(destination) == target and Path(source).name != "was":
            raise OSError("no space")
        replace(source, destination)

    monkeypatch.setattr(os, "replace", fails_for_the_new_one)
    with pytest.raises(OSError, match="no space"):
        artifacts.write_folder(target, lambda folder: (folder / "a").write_text("new") and None)
    assert (target / "a").read_text() == "old"
    assert os.listdir(tmp_path) == ["out"]


def test_json_with_a_nan_is_refused(tmp_path):
    (tmp_path / "x.json").write_text('{"a": NaN}')
    with pytest.raises(ArtifactError, match="it holds NaN"):
        artifacts.read_json(tmp_path / "x.json")


def test_files_can_be_read_by_others(tmp_path):
    artifacts.write_text(tmp_path / "x", "")
    assert (tmp_path / "x").stat().st_mode & 0o777 == 0o644


def test_json_has_one_form(tmp_path):
    artifacts.write_json(tmp_path / "1", {"b": 1, "a": "ü"})
    artifacts.write_json(tmp_path / "2", {"a": "ü", "b": 1})
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()
    assert artifacts.read_json(tmp_path / "1") == {"a": "ü", "b": 1}


def test_nan_is_no_json(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        artifacts.write_json(tmp_path / "x", {"nll": float("nan")})
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("content", [b'{"a": ', b"\xff\xfe"])
def test_torn_json_is_named(tmp_path, content):
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(ArtifactError, match=r"x\.json is not JSON .*run the step again"):
        artifacts.read_json(tmp_path / "x.json")


def test_missing_json_is_named(tmp_path):
    with pytest.raises(ArtifactError, match=r"does not exist. Run the step that writes it first"):
        artifacts.read_json(tmp_path / "x.json")


def test_where_parts_end_is_part_of_the_hash():
    assert artifacts.content_hash("ab", "c") != artifacts.content_hash("a", "bc")
    assert artifacts.content_hash("a") != artifacts.content_hash("a", "")
    assert artifacts.content_hash("\ud800") != artifacts.content_hash("\ud801")


def test_file_hash_is_of_its_bytes(tmp_path):
    (tmp_path / "x").write_bytes(b"abc")
    assert artifacts.file_hash(tmp_path / "x").startswith("ba7816bf")  # FIPS 180-2, appendix B.1


def test_equal_tables_hash_equal_whatever_their_chunks():
    table = pa.table({"id": ["a", "b", "c", None], "x": np.arange(4.0)})
    chunked = pa.concat_tables([table.slice(0, 1), table.slice(1)])
    assert artifacts.table_hash(table) == artifacts.table_hash(chunked)


def test_a_slice_hashes_like_a_copy_of_its_rows():
    rows = [{"id": str(i) if i % 3 else None, "flag": i % 2 == 0, "tags": ["t"] * i} for i in range(23)]
    whole, copy = pa.Table.from_pylist(rows), pa.Table.from_pylist(rows[5:18])
    assert artifacts.table_hash(whole.slice(5, 13)) == artifacts.table_hash(copy)


def test_a_long_table_hashes_the_same_however_it_is_chunked():
    table = pa.table({"id": [str(i) if i % 7 else None for i in range(20_000)], "n": range(20_000)})
    cuts = [0, 3, 8191, 8193, 16_390, 20_000]
    chunked = pa.concat_tables([table.slice(a, b - a) for a, b in itertools.pairwise(cuts)])
    assert artifacts.table_hash(chunked) == artifacts.table_hash(table)
    assert artifacts.table_hash(table.slice(1)) != artifacts.table_hash(table.slice(0, 19_999))


@pytest.mark.parametrize(
    "other",
    [
        pa.table({"id": ["a", "b"], "x": [1.0, 2.5]}),
        pa.table({"id": ["a", "b"], "y": [1.0, 2.0]}),
        pa.table({"id": ["a", "b"], "x": pa.array([1.0, 2.0], pa.float32())}),
        pa.table({"x": [1.0, 2.0], "id": ["a", "b"]}),
        pa.table({"id": ["a"], "x": [1.0]}),
    ],
)
def test_another_table_hashes_otherwise(other):
    assert artifacts.table_hash(other) != artifacts.table_hash(pa.table({"id": ["a", "b"], "x": [1.0, 2.0]}))


def test_parquet_reads_back_equal(tmp_path):
    table = pa.table({"id": ["a", "b"], "p": [0.25, 0.75]})
    artifacts.write_parquet(tmp_path / "deep" / "x.parquet", table)
    assert pq.read_table(tmp_path / "deep" / "x.parquet").equals(table)


def test_a_manifest_tells_no_time_of_day():
    made = [artifacts.manifest("votes", inputs={"pairs": "h"}, settings={"seed": 0}, n=3) for _ in range(2)]
    assert json.dumps(made[0], sort_keys=True) == json.dumps(made[1], sort_keys=True)
    assert set(made[0]) == {"kind", "format", "inputs", "settings", "versions", "n"}
    assert made[0]["versions"]["numpy"] == np.__version__


def test_what_a_killed_process_left_half_written_does_not_count_in_a_folders_hash(tmp_path, monkeypatch):
    artifacts.write_json(tmp_path / "labeler" / "labeler.json", {"scale": 1})
    whole = artifacts.folder_hash(tmp_path / "labeler")

    def dies(*names):
        raise KeyboardInterrupt

    monkeypatch.setattr("weaklabel.artifacts.files.os.replace", dies)
    monkeypatch.setattr(
        "weaklabel.artifacts.files.Path.unlink", lambda *a, **k: None
    )  # killed: nothing is cleared up
    with pytest.raises(KeyboardInterrupt):
        artifacts.write_json(tmp_path / "labeler" / "labeler.json", {"scale": 2})
    assert len(list((tmp_path / "labeler").iterdir())) == 2
    assert artifacts.folder_hash(tmp_path / "labeler") == whole
    (tmp_path / "labeler" / ".hidden").write_text("a file of its own counts")
    assert artifacts.folder_hash(tmp_path / "labeler") != whole
