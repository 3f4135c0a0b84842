"""What the store says of a run's votes, what it lets go, and disks that are full."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from weaklabel import artifacts
from weaklabel.cli.main import main
from weaklabel.data.sample import write_sample
from weaklabel.engine import VoteStore, apply
from weaklabel.engine.garbage import references, remove, unreferenced
from weaklabel.engine.status import difference
from weaklabel.engine.store import Cell
from weaklabel.errors import ArtifactError
from weaklabel.lf import load_lfs

LFS = """
from weaklabel.lf import response_scorer
from words import WORDS

LIMIT = 3

def count(text):
    return sum(w in text for w in WORDS)

@response_scorer
def polite(response):
    return count(response)

@response_scorer(min_gap=1)
def long(response):
    return len(response) > LIMIT
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    write_sample(tmp_path, n_pairs=60, n_gold=40)
    (tmp_path / "words.py").write_text("WORDS = ['thank', 'please']\n")
    (tmp_path / "lfs.py").write_text(LFS)
    (tmp_path / "weaklabel.toml").write_text(
        '[data]\npairs = "pairs.jsonl"\ngold = "gold.jsonl"\n[lfs]\nuse = ["lfs.py"]\n'
    )
    return tmp_path


def run(*arguments: str) -> Any:
    result = CliRunner().invoke(main, list(arguments))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def status() -> dict[str, dict[str, Any]]:
    return {lf["name"]: lf for lf in json.loads(run("status", "--json").stdout)["lfs"]}


def edit(path: str, old: str, new: str) -> None:
    text = Path(path).read_text()
    assert old in text
    Path(path).write_text(text.replace(old, new))


def age(folder: str = ".weaklabel") -> None:
    """Make everything below look old."""
    for path in Path(folder).rglob("*"):
        os.utime(path, (1, 1))


# ---------------------------------------------------------------------------------------------------- status


def test_before_the_pairs_are_read_status_says_what_to_run(project):
    assert "has read no pairs. Run: weaklabel apply" in run("status").stderr


def test_status_tells_fresh_stale_and_missing_apart_and_says_what_changed(project):
    run("apply")
    assert {n: (s["fresh"], s["stale"], s["missing"], s["changed"]) for n, s in status().items()} == {
        "polite": (1, 0, 0, []),
        "long": (1, 0, 0, []),
    }
    edit("words.py", "please", "welcome")
    edit("lfs.py", "min_gap=1", "min_gap=0.5")
    edit("lfs.py", "LIMIT = 3", "LIMIT = 4  # better")
    found = status()
    assert (found["polite"]["stale"], found["polite"]["changed"]) == (1, ["value lfs.WORDS changed"])
    assert found["long"]["changed"] == ["setting min_gap: 1 -> 0.5", "value lfs.LIMIT changed"]
    assert found["long"]["pairs_to_do"] == 60
    run("apply")
    assert all(s["fresh"] == 1 for s in status().values())


def test_a_comment_leaves_everything_fresh(project):
    run("apply")
    edit("lfs.py", "LIMIT = 3", "# how long\nLIMIT = 3")
    edit("lfs.py", "def count(text):\n", 'def count(text):\n    """Polite words."""\n')
    assert all(s["fresh"] == 1 for s in status().values())


def test_a_renamed_function_is_fresh_and_status_says_how_it_was_called(project):
    run("apply")
    edit("lfs.py", "def polite", "def kind")
    assert (status()["kind"]["fresh"], status()["kind"]["kept_as"]) == (1, "polite")
    assert "kind: renamed: its votes are kept as polite" in run("status", "--why").stdout


def test_a_renamed_function_with_another_setting_is_compared_with_itself(project):
    run("apply")
    edit("lfs.py", "(min_gap=1)\ndef long", "(min_gap=2)\ndef lengthy")
    assert status()["lengthy"]["changed"] == ["setting min_gap: 1 -> 2"]


def test_other_pairs_are_missing_and_status_says_so(project):
    run("apply")
    text = Path("pairs.jsonl").read_text()
    Path("pairs.jsonl").write_text(text.replace("e", "i", 1) if "e" in text else text)
    rows = text.splitlines()
    Path("pairs.jsonl").write_text("\n".join(rows[:-3]) + "\n")
    edit("lfs.py", "LIMIT = 3", "LIMIT = 4")
    run("apply", "--set", 'lfs.use=["lfs.py:polite"]')
    Path("runs/base/settings.json").unlink(missing_ok=True)
    found = status()
    assert found["polite"]["fresh"] == 1
    assert (found["long"]["missing"], found["long"]["stale"]) == (1, 0)
    assert "1 of 1 shards hold pairs that it has not voted on" in found["long"]["changed"]


def test_a_function_of_file_grain_says_why(project):
    edit("lfs.py", "LIMIT\n", "globals()['LIMIT']\n")
    run("apply")
    assert status()["long"]["grain"] == "file"
    assert "long: any edit of its files counts: uses globals" in run("status", "--why").stdout


def test_what_was_never_applied_is_missing(project):
    run("apply", "--set", 'lfs.use=["lfs.py:polite"]')
    Path("runs/base/settings.json").unlink()
    assert status()["long"]["changed"] == ["it has never voted"]


def test_votes_without_a_record_of_what_they_were_made_of_are_named(project):
    run("apply")
    for path in Path(".weaklabel").rglob("about.json"):
        path.unlink()
    edit("lfs.py", "LIMIT = 3", "LIMIT = 4")
    assert "was not kept" in status()["long"]["changed"][0]


def test_differences_name_what_came_went_and_changed():
    before = {"the function": "a", "package pyphen": "0.14", "value x.W": "1", "function x.h": "2"}
    after = {"the function": "b", "package pyphen": "0.17", "value x.V": "1", "function x.h": "3"}
    assert difference(before, after) == [
        "the function changed",
        "function x.h changed",
        "package pyphen: 0.14 -> 0.17",
        "it now uses value x.V",
        "it no longer uses value x.W",
    ]


# -------------------------------------------------------------------------------------------------- rubbish


def votes_of(name: str) -> list[Path]:
    return sorted(Path(".weaklabel/votes").glob(f"{name}@*/*.parquet"))


def test_gc_removes_versions_that_no_run_refers_to_and_no_others(project):
    run("apply")
    edit("lfs.py", "LIMIT = 3", "LIMIT = 4")
    run("apply")
    age()
    assert len(votes_of("long")) == 2
    planned = run("gc", "--dry-run").stdout
    assert "would free" in planned
    assert len(votes_of("long")) == 2
    report = json.loads(run("gc", "--json").stdout)
    assert (report["files"], [v["shards"] for v in report["versions"]]) == (2, [1])
    assert report["bytes"] > 0
    assert (len(votes_of("long")), len(votes_of("polite"))) == (1, 1)
    assert len(list(Path(".weaklabel/votes").iterdir())) == 2
    assert all(s["fresh"] == 1 for s in status().values())
    assert run("gc").stdout == "nothing to remove\n"


def test_gc_leaves_young_files_alone_unless_told_otherwise(project):
    run("apply")
    edit("lfs.py", "LIMIT = 3", "LIMIT = 4")
    run("apply")
    assert run("gc").stdout == "nothing to remove\n"
    assert "freed" in run("gc", "--all").stdout
    assert len(votes_of("long")) == 1


def test_every_run_keeps_what_it_refers_to(project):
    run("apply", "--name", "one")
    edit("lfs.py", "LIMIT = 3", "LIMIT = 4")
    run("apply", "--name", "two")
    age()
    assert run("gc").stdout == "nothing to remove\n"


def test_a_run_that_lists_its_shards_keeps_those_alone(tmp_path):
    store = VoteStore(tmp_path / "store")
    column = load_lfs("shipped:length")[0].vote_all([])
    for shard in ("a" * 64, "b" * 64):
        store.save(Cell("x", "f" * 64, shard), column)
    listed = {"lfs": [{"name": "x", "fingerprint": "f" * 64}], "shards": {"": ["a" * 64]}}
    artifacts.write_json(tmp_path / "runs/base/votes.json", listed)
    assert references(tmp_path / "runs/base").shards == {"a" * 16}
    found = unreferenced(VoteStore(tmp_path / "store"), tmp_path / "runs", everything=True)
    assert [removal.path.name for removal in found] == ["b" * 16 + ".parquet"]


def test_half_written_files_go_when_they_are_old(project):
    run("apply")
    for path in (votes_of("long")[0].parent / ".x.parquet.tmp-1", Path("runs/base/.y.json.tmp-2")):
        path.write_bytes(b"half")
        os.utime(path, (1, 1))
    report = json.loads(run("gc", "--json").stdout)
    assert report["versions"] == [{"version": "half-written files", "shards": 2, "bytes": 8}]


def test_faults_go_after_the_votes_that_need_them(tmp_path):
    from weaklabel.lf.votes import BatchVotes
    from weaklabel.types import Fault

    store = VoteStore(tmp_path / "store")
    empty = load_lfs("shipped:length")[0].vote_all([])
    store.save(
        Cell("x", "f" * 64, "a" * 64),
        BatchVotes(empty.votes, empty.margins, (Fault("x", "p", "raised", "no"),)),
    )
    found = unreferenced(VoteStore(tmp_path / "store"), tmp_path / "runs", everything=True)
    assert [removal.what for removal in found] == ["votes", "faults"]


def test_two_collectors_and_a_writer_at_once_do_no_harm(tmp_path):
    column = load_lfs("shipped:length")[0].vote_all([])
    errors = []

    def write(start: int) -> None:
        store = VoteStore(tmp_path / "store")
        try:
            for i in range(60):
                store.save(Cell("x", f"{(start + i) % 3}" * 64, f"{i:064d}"), column)
        except Exception as error:
            errors.append(error)

    def collect() -> None:
        try:
            for _ in range(25):
                remove(unreferenced(VoteStore(tmp_path / "store"), tmp_path / "runs", everything=True))
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=f, args=a) for f, a in ((write, (0,)), (collect, ()), (collect, ()))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


# ---------------------------------------------------------------------------------------------- full disks


@pytest.mark.parametrize("where", ["fsync", "replace"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EFBIG])
def test_a_full_or_read_only_disk_is_one_clear_line_and_the_same_command_continues(
    project, monkeypatch, where, number
):
    lfs = load_lfs("lfs.py")
    from weaklabel.data import read_pairs

    pairs = read_pairs("pairs.jsonl")
    plain = apply(lfs, pairs, shard_size=10)
    calls, real = 0, getattr(os, where)

    def fails(*arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls > 9:
            raise OSError(number, os.strerror(number))
        return real(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(os, where, fails)
        with pytest.raises(
            ArtifactError, match=r"votes could not be written: .*the same command continues"
        ) as caught:
            apply(lfs, pairs, shard_size=10, store=VoteStore("store"))
    assert os.strerror(number) in str(caught.value)
    assert "\n" not in str(caught.value)
    left = [path for path in Path("store").rglob("*") if path.is_file()]
    assert left
    assert not [path for path in left if ".tmp-" in path.name]
    assert (apply(lfs, pairs, shard_size=10, store=VoteStore("store")).L == plain.L).all()


LIMITED = """
import resource
from pathlib import Path
from weaklabel.engine import VoteStore, apply_with_costs
from weaklabel.errors import ArtifactError
from weaklabel.data import read_pairs
from weaklabel.lf import load_lfs

pairs, lfs = read_pairs("pairs.jsonl"), load_lfs("lfs.py")
store = VoteStore("store")
store.describe(lfs)
for limit in (100, resource.RLIM_INFINITY):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    try:
        report = apply_with_costs(lfs, pairs, store=store, shard_size=10)
        print(report.reused, report.computed)
    except ArtifactError as error:
        print(error)
        print([path.name for path in Path("store/votes").glob("*/*") if path.name != "about.json"])
"""


def test_a_write_that_the_system_cuts_short_leaves_nothing_torn(project):
    Path("limited.py").write_text(LIMITED)
    done = subprocess.run([sys.executable, "limited.py"], capture_output=True, text=True, check=True)
    said, left, again = done.stdout.splitlines()
    assert "votes could not be written: File too large" in said
    assert (left, again) == ("[]", "0 12")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_the_command_says_a_full_disk_in_one_line_and_exits_2(project, monkeypatch, number):
    def full(*_: Any) -> None:
        raise OSError(number, os.strerror(number))

    run("apply", "--set", 'lfs.use=["lfs.py:polite"]')
    Path("runs/base/settings.json").unlink()
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        result = run("apply")
    assert result.exit_code == 2
    assert result.stderr.count("error:") == 1
    assert os.strerror(number) in result.stderr
    assert run("apply").exit_code == 0
