"""Every input of a run is noticed when it changes, under whatever name the reader finds it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from weaklabel.artifacts.hash_memo import HashMemo
from weaklabel.artifacts.steps import StepKeeper
from weaklabel.config import load_config
from weaklabel.data.sources import open_source, source_hash
from weaklabel.pipeline.steps import Place, Read


def row(text: str) -> str:
    return json.dumps({"id": "1", "prompt": "q", "response_a": text, "response_b": "b", "gold": "a"}) + "\n"


def read(**options: str) -> Read:
    loaded = load_config(options={f"data.{key}": value for key, value in options.items()})
    keeper = StepKeeper(Path("runs/base"), HashMemo(Path("hashes")))
    return Read(Place(loaded, keeper, lambda text: None))


def write(path: str, text: str) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(row(text))


def home(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(Path(path).resolve().parent))


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("file", "named"),
    [
        ("pairs.jsonl", "pairs.jsonl"),
        ("pairs[1].jsonl", "pairs[1].jsonl"),
        ("what?.jsonl", "what?.jsonl"),
        ("home/pairs.jsonl", "~/pairs.jsonl"),
        ("folder/pairs.jsonl", "folder"),
        ("folder/pairs.jsonl", "folder/*.jsonl"),
        ("a/b/pairs.jsonl", "a/**/*.jsonl"),
        ("odd[1]/pairs.jsonl", "odd[1]"),
    ],
)
def test_a_changed_file_is_read_again(file: str, named: str, monkeypatch) -> None:
    write(file, "first")
    if named.startswith("~"):
        home(file, monkeypatch)
    read(pairs=named).ensure()
    assert read(pairs=named).is_fresh
    write(file, "other")
    changed = read(pairs=named)
    assert not changed.is_fresh
    assert changed.value.held.table["response_a"].to_pylist() == ["other"]


def test_a_changed_file_of_gold_is_read_again() -> None:
    write("pairs.jsonl", "first")
    Path("gold[1].csv").write_text("id,gold\n1,a\n")
    read(pairs="pairs.jsonl", gold="gold[1].csv").ensure()
    Path("gold[1].csv").write_text("id,gold\n1,b\n")
    assert read(pairs="pairs.jsonl", gold="gold[1].csv").value.held.table["gold"].to_pylist() == ["b"]


def test_a_file_beside_those_that_are_read_changes_nothing() -> None:
    write("folder/pairs.jsonl", "first")
    read(pairs="folder").ensure()
    Path("folder/notes.md").write_text("seen")
    assert read(pairs="folder").is_fresh
    write("folder/more.jsonl", "second")
    assert not read(pairs="folder").is_fresh


def saved(folder: str) -> None:
    """What `save_to_disk` leaves, as far as names go."""
    for name in ("dataset_dict.json", "train/data-0.arrow", "train/state.json", "test/data-0.arrow"):
        path = Path(folder, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("first")


@pytest.mark.parametrize(
    ("change", "noticed"),
    [("train/data-0.arrow", True), ("dataset_dict.json", True), ("test/data-0.arrow", False)],
)
def test_a_split_of_a_saved_data_set_is_hashed_alone(change: str, noticed: bool) -> None:
    saved("set")
    before = source_hash("set:train", HashMemo(Path("hashes")))
    Path("set", change).write_text("other")
    assert before is not None
    assert (source_hash("set:train", HashMemo(Path("hashes"))) != before) == noticed


def test_a_linked_folder_of_a_saved_data_set_counts() -> None:
    saved("set")
    os.rename("set/train", "elsewhere")
    os.symlink("../elsewhere", "set/train")
    before = source_hash("set", HashMemo(Path("hashes")))
    Path("elsewhere/data-0.arrow").write_text("other")
    assert source_hash("set", HashMemo(Path("hashes"))) != before


@pytest.mark.parametrize(
    "make",
    [lambda: None, lambda: os.mkfifo("pairs.jsonl"), lambda: os.symlink("nowhere", "pairs.jsonl")],
    ids=["nothing", "a pipe", "a link to nothing"],
)
def test_what_cannot_be_hashed_has_no_hash(make: Callable[[], None]) -> None:
    make()
    assert source_hash("pairs.jsonl", HashMemo(Path("hashes"))) is None
    assert source_hash("pairs*.jsonl", HashMemo(Path("hashes"))) is None
    assert source_hash("hf:no/such:train", HashMemo(Path("hashes"))) is None


def test_what_is_hashed_is_what_is_opened() -> None:
    for name in ("folder/a.jsonl", "folder/b.csv", "folder/c.txt", "folder/deep/d.jsonl"):
        write(name, name)
    assert [stream.name for stream in open_source("folder")] == ["folder/a.jsonl", "folder/b.csv"]
    hashes = HashMemo(Path("hashes"))
    before = source_hash("folder", hashes)
    write("folder/c.txt", "other")
    write("folder/deep/d.jsonl", "other")
    assert source_hash("folder", hashes) == before
