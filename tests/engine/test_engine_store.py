"""Votes on disk: what is reused, what is computed again, and runs that were killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from textwrap import dedent

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from weaklabel import engine
from weaklabel.engine import VoteStore
from weaklabel.engine.store import Cell
from weaklabel.errors import ArtifactError
from weaklabel.lf import labeling_function, load_lfs
from weaklabel.lf.votes import BatchVotes
from weaklabel.types import Fault, Pair, Pairs

# Some functions here fail on purpose.
pytestmark = [
    pytest.mark.same_everywhere,
    pytest.mark.filterwarnings("ignore::weaklabel.errors.FaultWarning"),
]
apply = partial(engine.apply, max_fault_share=None)
apply_with_costs = partial(engine.apply_with_costs, max_fault_share=None)

CELL = Cell("polite", "f" * 64, "a" * 64)
OTHER = """
    from weaklabel.lf import response_scorer

    @response_scorer
    def commas(response):
        return response.count(",")
"""


KEY_ERROR = Fault("polite", "p1", "raised", "'x'", exception="KeyError", where="style.py:3", hint="Mend it.")


def column(*votes: int, faults: tuple[Fault, ...] = ()) -> BatchVotes:
    return BatchVotes(np.array(votes, np.int8), np.array([0.5 * v for v in votes], np.float32), faults)


def counts(lfs, pairs, **settings):
    report = apply_with_costs(lfs, pairs, store=VoteStore("votes"), **settings)
    return report.reused, report.computed


def files(folder: str = "votes") -> dict[str, bytes]:
    return {
        str(p.relative_to(folder)): p.read_bytes() for p in sorted(Path(folder).rglob("*")) if p.is_file()
    }


# ---------------------------------------------------------------------------------------------------- cells


def test_what_was_saved_is_loaded_with_its_faults(tmp_path):
    saved = column(1, -1, 0, faults=(KEY_ERROR,))
    VoteStore(tmp_path).save(CELL, saved)
    loaded = VoteStore(tmp_path).load(CELL, 3)
    assert loaded is not None
    assert (loaded.votes.tolist(), loaded.margins.tolist(), loaded.faults) == (
        [1, -1, 0],
        [0.5, -0.5, 0],
        saved.faults,
    )
    assert (loaded.votes.dtype, loaded.margins.dtype) == (np.int8, np.float32)


def test_the_layout_is_one_file_per_function_and_shard(tmp_path):
    VoteStore(tmp_path).save(CELL, column(1))
    assert list(files(str(tmp_path))) == [f"votes/polite@{'f' * 12}/{'a' * 16}.parquet"]


def test_a_name_that_is_no_file_name_is_written_as_one(tmp_path):
    odd = Cell("../a b/c", "f" * 64, "a" * 64)
    VoteStore(tmp_path).save(odd, column(1))
    assert list(files(str(tmp_path))) == [f"votes/.._a_b_c@{'f' * 12}/{'a' * 16}.parquet"]
    assert VoteStore(tmp_path).load(odd, 1) is not None


def test_a_renamed_function_finds_its_votes_and_its_faults_have_the_new_name(tmp_path):
    VoteStore(tmp_path).save(CELL, column(-1, faults=(Fault("polite", "p1", "no_vote", "returned 2"),)))
    loaded = VoteStore(tmp_path).load(Cell("kind", CELL.fingerprint, CELL.shard), 1)
    assert loaded is not None
    assert loaded.faults == (Fault("kind", "p1", "no_vote", "returned 2"),)


def test_a_fault_with_half_a_character_can_be_kept(tmp_path):
    VoteStore(tmp_path).save(CELL, column(-1, faults=(Fault("polite", "p1", "raised", "bad \ud800"),)))
    loaded = VoteStore(tmp_path).load(CELL, 1)
    assert loaded is not None
    assert loaded.faults[0].message == "bad ?"


def _tear(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _foreign(path: Path) -> None:
    pq.write_table(pa.table({"vote": pa.array([1], pa.int8()), "margin": [0.5]}), path)


def _illegal(path: Path) -> None:
    table = pq.read_table(path)
    pq.write_table(table.set_column(0, "vote", pa.array([7], pa.int8())), path)


def _no_faults(path: Path) -> None:
    path.with_suffix(".faults.json").unlink()


def _torn_faults(path: Path) -> None:
    path.with_suffix(".faults.json").write_text('[["p1", ')


@pytest.mark.parametrize("spoil", [_tear, _empty, _foreign, _illegal, _no_faults, _torn_faults])
def test_a_file_that_cannot_be_trusted_counts_as_missing(tmp_path, spoil):
    store = VoteStore(tmp_path)
    store.save(CELL, column(-1, faults=(Fault("polite", "p1", "raised", "x"),)))
    spoil(next(tmp_path.rglob("*.parquet")))
    assert store.load(CELL, 1) is None


@pytest.mark.parametrize("ending", [".parquet", ".faults.json"])
def test_a_flipped_byte_anywhere_is_noticed_and_told(tmp_path, ending, caplog):
    store = VoteStore(tmp_path)
    store.save(CELL, column(1, 0, -1, faults=(Fault("polite", "p1", "raised", "x"),)))
    path = next(tmp_path.rglob(f"*{ending}"))
    whole = path.read_bytes()
    with path.open("r+b", buffering=0) as file:
        for at, byte in enumerate(whole):
            os.pwrite(file.fileno(), bytes([byte ^ (1 << at % 8)]), at)
            assert store.load(CELL, 3) is None, at
            assert store.tally(CELL, 3) is None, at
            os.pwrite(file.fileno(), bytes([byte]), at)
    assert store.load(CELL, 3) is not None
    named = [record.getMessage() for record in caplog.records]
    assert "is damaged" in named[0]
    assert len(named) == 4  # the first three by name, then that there are more


def test_a_file_of_an_earlier_format_is_missing_without_a_word(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("weaklabel.engine.store._FORMAT", "2")
    VoteStore(tmp_path).save(CELL, column(1))
    monkeypatch.undo()
    assert VoteStore(tmp_path).load(CELL, 1) is None
    assert not caplog.records


def test_damaged_votes_are_computed_again_and_told(pairs, steady, caplog):
    steady = load_lfs(steady)
    first = apply(steady, pairs, store=VoteStore("votes"), shard_size=10)
    path = next(Path("votes").rglob("*.parquet"))
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 3] ^= 1
    path.write_bytes(raw)
    again = apply_with_costs(steady, pairs, store=VoteStore("votes"), shard_size=10)
    assert again.computed == 1
    assert str(path) in caplog.text
    assert np.array_equal(again.votes.L, first.L)
    assert counts(steady, pairs, shard_size=10)[1] == 0


@pytest.mark.parametrize(
    ("cell", "n"),
    [
        (CELL, 2),
        (Cell("polite", "f" * 12 + "e" * 52, "a" * 64), 1),
        (Cell("polite", "f" * 64, "a" * 16 + "b" * 48), 1),
    ],
)
def test_votes_of_other_pairs_or_another_version_count_as_missing(tmp_path, cell, n):
    VoteStore(tmp_path).save(CELL, column(1))
    assert VoteStore(tmp_path).load(cell, n) is None


def test_a_folder_that_cannot_be_written_is_an_error_that_says_what_to_do(tmp_path):
    (tmp_path / "votes").write_text("a file in the way")
    with pytest.raises(ArtifactError, match=r"votes could not be written: .* the same command continues"):
        VoteStore(tmp_path).save(CELL, column(1))


def test_leftovers_of_killed_writers_are_swept_and_fresh_ones_are_not(tmp_path):
    folder = tmp_path / "votes" / "polite@ffffffffffff"
    folder.mkdir(parents=True)
    old, new = folder / ".x.parquet.tmp-1", folder / ".x.parquet.tmp-2"
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (0, 0))
    VoteStore(tmp_path).sweep()
    assert (old.exists(), new.exists()) == (False, True)


# ----------------------------------------------------------------------------------------------------- runs


@pytest.mark.parametrize("workers", [1, 2])
def test_a_second_run_computes_nothing_and_gives_the_same_votes(pairs, steady, workers):
    lfs = load_lfs(steady)
    plain = apply(lfs, pairs, shard_size=30)
    assert counts(lfs, pairs, shard_size=30, workers=workers) == (0, 20)
    report = apply_with_costs(lfs, pairs, store=VoteStore("votes"), shard_size=30, workers=workers)
    assert (report.reused, report.computed) == (20, 0)
    assert (report.votes.L == plain.L).all()
    assert np.array_equal(report.votes.margins, plain.margins, equal_nan=True)
    assert report.votes.faults == plain.faults


def test_editing_one_file_computes_its_functions_alone(pairs, steady, lf_file):
    other = lf_file("lfs/other.py", OTHER)
    assert counts(load_lfs("lfs/"), pairs, shard_size=30) == (0, 24)
    other.write_text(dedent(OTHER).replace('","', '"."'))
    assert counts(load_lfs("lfs/"), pairs, shard_size=30) == (20, 4)


def test_new_rows_are_computed_alone(pairs, steady):
    lfs = load_lfs(steady)
    counts(lfs, pairs.take(np.arange(60)), shard_size=30)
    assert counts(lfs, pairs, shard_size=30) == (10, 10)


def test_a_changed_text_computes_its_shard_alone(pairs, steady):
    lfs = load_lfs(steady)
    counts(lfs, pairs, shard_size=30)
    table = pairs.table
    prompts = table["prompt"].to_pylist()
    prompts[31] = "another"
    changed = Pairs(table.set_column(1, table.schema.field("prompt"), pa.array(prompts)))
    assert counts(lfs, changed, shard_size=30) == (15, 5)


def test_a_column_that_no_function_sees_does_not_count(pairs, steady):
    lfs = load_lfs(steady)
    counts(lfs, pairs)
    more = Pairs(pairs.table.append_column("hue", pa.array(["red"] * len(pairs))))
    assert counts(lfs, more) == (5, 0)


def test_a_changed_column_computes_those_that_see_it(lf_file):
    text = """
        from weaklabel.lf import labeling_function

        @labeling_function(columns=["size"])
        def sized(pair):
            return int(pair.columns["size"] > 1)

        @labeling_function
        def blind(pair):
            return 1
    """
    lf_file("sizes.py", text)
    lfs = load_lfs("sizes.py")
    one, two = (Pairs.of([Pair("p", "?", "x", "y", columns={"size": size})]) for size in (1, 2))
    counts(lfs, one)
    assert counts(lfs, two) == (1, 1)


def test_other_settings_compute_that_function_and_another_name_computes_nothing(pairs, steady):
    lfs = load_lfs(f"{steady}:longer")
    counts(lfs, pairs)
    assert counts([lfs[0].with_settings(min_gap=9)], pairs) == (0, 1)
    assert counts([lfs[0].with_settings(name="renamed")], pairs) == (1, 0)


def test_a_function_of_this_process_is_never_kept_and_the_report_says_so(pairs):
    lf = labeling_function(name="cell")(lambda pair: 0)
    for _ in range(2):
        report = apply_with_costs([lf], pairs, store=VoteStore("votes"))
        assert (report.reused, report.computed) == (0, 1)
    assert "votes of 'cell' are not kept" in report.notes[0]
    assert not Path("votes").exists()


def test_what_ran_out_of_time_is_tried_again_next_time(pairs, lf_file):
    text = """
        import os, time
        from weaklabel.lf import labeling_function

        @labeling_function
        def slow(pair):
            while not os.path.exists("go"):
                time.sleep(0.01)
            return 0
    """
    lf_file("slow.py", text)
    lfs = load_lfs("slow.py")
    assert len(apply(lfs, pairs, store=VoteStore("votes"), time_limit=0.5).faults) == 100
    Path("go").touch()
    assert apply(lfs, pairs, store=VoteStore("votes"), time_limit=30).faults == ()


def test_faults_from_the_store_count_towards_the_allowed_share(pairs, steady):
    lfs = load_lfs(steady)
    first, again = (apply(lfs, pairs, store=VoteStore("votes")) for _ in range(2))
    assert first.faults == again.faults
    assert len(again.faults) == 2


# ----------------------------------------------------------------------------------------------- killed runs

RUN = """
    import sys
    import numpy as np
    from weaklabel.engine import VoteStore, apply
    from weaklabel.lf import load_lfs
    from weaklabel.types import Pair, Pairs

    texts = [f"word {'x' * (i * 7 % 11)}! Thanks {i}" for i in range(202)]
    pairs = Pairs.of([Pair(f"p{i}", "?", texts[i], texts[i + 1]) for i in range(200)])
    votes = apply(load_lfs("lfs/steady.py"), pairs, workers=int(sys.argv[1]), shard_size=10,
                  store=VoteStore("votes"), progress=lambda done, total: print(done, flush=True))
    np.save("L.npy", votes.L)
"""


@pytest.mark.parametrize("workers", [1, 2])
def test_a_killed_run_continues_and_ends_with_the_same_bytes(lf_file, steady, tmp_path, workers):
    script = str(lf_file("run.py", RUN))
    command = [sys.executable, script, str(workers)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=300)
    undisturbed, L = files(), Path("L.npy").read_bytes()
    for path in sorted(Path("votes").rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    Path("L.npy").unlink()
    for lines in (1, 4, 9, 15):
        _run_and_kill(command, lines)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=300)
    finished = {name: raw for name, raw in files().items() if ".tmp-" not in name}
    assert finished == undisturbed
    assert Path("L.npy").read_bytes() == L


def _run_and_kill(command: list[str], lines: int) -> None:
    """Start a run, SIGKILL it once it has told of `lines` shards, and see that its workers end with it."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for _ in range(lines):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        process.wait()
    deadline = time.monotonic() + 30
    while _workers_of(process.pid):
        assert time.monotonic() < deadline, "a worker outlived its parent"
        time.sleep(0.05)


def _workers_of(parent: int) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if b"weaklabel.engine.worker" in b" ".join(words) and str(parent).encode() in words:
            found.append(path.parent.name)
    return found
