"""Votes on a file: those of the same pairs in memory, kept under the same addresses, read back where one asks."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from steady_lfs import made_pairs

from weaklabel import engine
from weaklabel.data import PairsFile, write_pairs
from weaklabel.engine import VoteStore
from weaklabel.engine.stream import StoredVotes, apply_file
from weaklabel.errors import ArtifactError, ConfigError, DataError, LabelingFunctionError, VoteError
from weaklabel.lf import labeling_function, load_lfs
from weaklabel.lf.columns import column_scores, column_verdict
from weaklabel.types import Pairs

# Some functions here fail on purpose.
pytestmark = [
    pytest.mark.same_everywhere,
    pytest.mark.filterwarnings("ignore::weaklabel.errors.FaultWarning"),
]
apply = partial(engine.apply, max_fault_share=None)
apply_with_costs = partial(engine.apply_with_costs, max_fault_share=None)

ROWS = 32


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr("weaklabel.data.writing.ROW_GROUP", ROWS)


@pytest.fixture
def file(pairs, lf_file) -> PairsFile:
    write_pairs(pairs, "pairs.parquet")
    return PairsFile("pairs.parquet")


def all_votes(applied, file):
    return applied.votes.take(file, np.arange(file.n_pairs))


@pytest.mark.parametrize("workers", [1, 2])
def test_votes_on_a_file_are_those_of_the_pairs_in_memory(pairs, file, steady, workers):
    lfs = load_lfs(steady)
    applied = apply_file(lfs, file, VoteStore("votes"), workers=workers)
    found, expected = all_votes(applied, file), apply(lfs, pairs)
    assert found.L.tobytes() == expected.L.tobytes()
    assert found.margins.tobytes() == expected.margins.tobytes()
    assert found.ids == expected.ids
    assert list(applied.faults(file)) == list(expected.faults)
    assert [t.n_faults for t in applied.tallies] == [0, 0, 0, 0, 2]


WITHOUT_PANDAS = """
import sys
from pathlib import Path

Path("shared.py").write_text('''
from weaklabel.lf import features, keyword_scorer, pattern_scorer, response_scorer
longer = response_scorer(name="longer", batch=True)(lambda response: features.n_words(response))
covers = response_scorer(name="covers", batch=True)(lambda r, prompt: features.prompt_coverage(r, prompt))
hedges = pattern_scorer("hedges", good=["maybe"], count_each=True)
polite = keyword_scorer("polite", ["please"], prefer="more")
''')
from weaklabel.data import PairsFile
from weaklabel.engine import VoteStore
from weaklabel.engine.stream import apply_file
from weaklabel.lf import load_lfs

for workers in (1, 2):
    apply_file(load_lfs("shared.py"), PairsFile("pairs.parquet"), VoteStore(f"votes{workers}"), workers=workers)
print("pandas" in sys.modules)
"""


def test_a_run_does_without_importing_pandas(file):
    # Arrow imports it at the least provocation: a fifth of a second in the command and in every worker.
    done = subprocess.run([sys.executable, "-c", WITHOUT_PANDAS], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["False"]


def test_a_table_and_a_file_share_their_votes(pairs, file, steady):
    lfs, store = load_lfs(steady), VoteStore("votes")
    apply(lfs, pairs, store=store, shard_size=ROWS)
    again = apply_file(lfs, file, store)
    assert again.progress.computed == 0
    assert apply_with_costs(lfs, pairs, store=store, shard_size=ROWS).computed == 0


def test_votes_are_read_at_a_few_rows(pairs, file, steady):
    applied = apply_file(load_lfs(steady), file, VoteStore("votes"))
    rows = np.array([0, 31, 32, 99])
    some, whole = applied.votes.take(file, rows), all_votes(applied, file)
    assert some.ids == tuple(whole.ids[i] for i in rows)
    assert np.array_equal(some.L, whole.L[rows])


def test_where_votes_stand_survives_json(file, steady):
    applied = apply_file(load_lfs(steady), file, VoteStore("votes"))
    state = json.loads(json.dumps(applied.votes.to_dict()))
    back = StoredVotes.from_dict(state, VoteStore("votes"))
    assert back.addresses == applied.votes.addresses
    assert back.are_there()
    assert len(state["shards"]) == 1  # functions that see the same columns share a list


def test_votes_that_went_missing_are_an_error_that_says_what_to_run(file, steady):
    applied = apply_file(load_lfs(steady), file, VoteStore("votes"))
    next(Path("votes").rglob("*.parquet")).unlink()
    assert not applied.votes.are_there()
    with pytest.raises(ArtifactError, match=r"missing or damaged.*run the same command again"):
        all_votes(applied, file)


def test_parts_of_an_array_together_are_the_whole(file, steady):
    lfs, store = load_lfs(steady), VoteStore("votes")
    parts = [apply_file(lfs, file, store, part=(i, 3)).progress.done_pairs for i in (1, 2, 3)]
    assert sum(parts) == file.n_pairs
    assert apply_file(lfs, file, store).progress.computed == 0


@pytest.mark.parametrize("part", [(0, 2), (3, 2)])
def test_a_part_out_of_range_is_refused(file, steady, part):
    with pytest.raises(ConfigError, match="Allowed: 1/n to n/n"):
        apply_file(load_lfs(steady), file, VoteStore("votes"), part=part)


def test_columns_of_the_data_are_turned_round_in_the_worker_as_in_memory(lf_file):
    table = made_pairs(70).table
    table = table.set_column(
        table.column_names.index("swapped"), "swapped", pa.array([i % 3 == 0 for i in range(70)])
    )
    table = table.append_column("one", pa.array([float(i % 7) for i in range(70)]))
    table = table.append_column("two", pa.array([float(i % 5) for i in range(70)]))
    table = table.append_column("said", pa.array(["first" if i % 2 else "second" for i in range(70)]))
    pairs = Pairs(table)
    lfs = [
        column_scores("scores", "one", "two"),
        column_verdict("verdict", "said", votes={"first": "a", "second": "b"}),
    ]
    write_pairs(pairs, "pairs.parquet")
    file = PairsFile("pairs.parquet")
    applied = apply_file(lfs, file, VoteStore("votes"), workers=2)
    expected = apply_with_costs(lfs, pairs, store=VoteStore("votes"), shard_size=ROWS)
    assert np.array_equal(all_votes(applied, file).L, expected.votes.L)
    assert expected.computed == 0


def test_a_column_that_is_not_there_is_named_before_any_work(file):
    with pytest.raises(DataError, match="'scores' needs column 'one'"):
        apply_file([column_scores("scores", "one", "two")], file, VoteStore("votes"))


def test_a_function_of_this_process_is_refused(file):
    @labeling_function
    def here(pair):
        return 0

    with pytest.raises(LabelingFunctionError, match="'here' lives only in this process"):
        apply_file([here], file, VoteStore("votes"))


def test_a_function_that_is_another_in_each_process_is_refused(file, lf_file):
    lf_file(
        "lfs/chance.py",
        """
        from weaklabel.lf import response_scorer
        NUMBER = __import__("random").SystemRandom().random()

        @response_scorer
        def drawn(response):
            return len(response) * NUMBER
        """,
    )
    with pytest.raises(LabelingFunctionError, match="holds other values in each process"):
        apply_file(load_lfs("lfs/chance.py"), file, VoteStore("votes"), workers=2)


def test_the_first_failure_can_be_raised(file, steady):
    with pytest.raises(VoteError, match=r"fragile.*cannot say"):
        apply_file(load_lfs(steady), file, VoteStore("votes"), on_fault="raise")


HUNGRY = """
    from weaklabel.lf import labeling_function

    held = []

    @labeling_function
    def hungry(pair):
        if pair.id == "p40":
            held.append(bytearray(3_000_000_000))
            held[0][::4096] = b"x" * len(held[0][::4096])
            while True:
                pass
        return 0
"""


def test_a_function_that_takes_too_much_memory_loses_its_own_votes_on_that_shard_alone(file, steady, lf_file):
    lf_file("lfs/hungry.py", HUNGRY)
    lfs, store = load_lfs("lfs/"), VoteStore("votes")
    applied = apply_file(lfs, file, store, memory_limit=2.0)
    assert {fault.lf for fault in applied.faults(file)} == {"hungry", "fragile"}
    hungry = [fault for fault in applied.faults(file) if fault.lf == "hungry"]
    assert len(hungry) == ROWS
    assert "used more than the memory limit of 2 GB" in str(hungry[0])


def test_what_was_given_up_is_read_as_faults_and_tried_again_by_the_next_run(file, lf_file):
    lf_file(
        "lfs/slow.py",
        """
        import os, time
        from weaklabel.lf import labeling_function

        @labeling_function
        def slow(pair):
            if pair.id == "p3" and not os.path.exists("ready"):
                time.sleep(60)
            return 1
        """,
    )
    lfs, store = load_lfs("lfs/"), VoteStore("votes")
    first = apply_file(lfs, file, store, time_limit=1.0)
    assert first.tallies[0].n_faults == ROWS
    assert all_votes(first, file).L[:ROWS].max() == -1
    Path("ready").touch()
    again = apply_file(lfs, file, store, time_limit=1.0)
    assert (again.progress.computed, again.tallies[0].n_faults) == (1, 0)
    assert (all_votes(again, file).L == 1).all()


def test_a_damaged_file_is_removed_so_that_the_same_command_heals(file, steady):
    lfs, store = load_lfs(steady), VoteStore("votes")
    applied = apply_file(lfs, file, store)
    before = all_votes(applied, file)
    torn = next(Path("votes").rglob("*.parquet"))
    torn.write_bytes(torn.read_bytes()[:200])
    with pytest.raises(ArtifactError, match="missing or damaged"):
        all_votes(applied, file)
    again = apply_file(lfs, file, store)
    assert again.progress.computed == 1
    assert all_votes(again, file).L.tobytes() == before.L.tobytes()


def test_pairs_that_are_replaced_while_a_run_votes_on_them_are_refused(pairs, file, steady):
    def replace(_):
        write_pairs(made_pairs(100, seed=5), "pairs.parquet")

    with pytest.raises(DataError, match=r"changed while this run worked on it. Run the same command again"):
        apply_file(load_lfs(steady), file, VoteStore("votes"), on_plan=replace)
    assert not list(Path("votes").rglob("*.parquet"))


def test_giving_up_takes_no_votes_from_another_run(file, lf_file):
    lf_file(
        "lfs/slow.py",
        """
        import os, time
        from weaklabel.lf import labeling_function

        @labeling_function
        def slow(pair):
            while pair.id == "p3" and not os.path.exists("ready"):
                time.sleep(0.01)
            return 1
        """,
    )
    lfs, store = load_lfs("lfs/"), VoteStore("votes")
    first = apply_file(lfs, file, store, time_limit=1.0)
    memory = apply(
        lfs, Pairs(pa.concat_tables([p.table for p in file])), shard_size=ROWS, store=store, time_limit=1.0
    )
    assert len(memory.faults) == first.tallies[0].n_faults == ROWS
    Path("ready").touch()
    assert apply_file(lfs, file, store).tallies[0].n_faults == 0
    # The first run reads what stands there now: a vote is a function of the pair, whoever computed it.
    assert not all_votes(first, file).faults
