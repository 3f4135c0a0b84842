"""`apply` on worker processes: equal results, and functions that hang, crash, or change under way."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest

from weaklabel import engine
from weaklabel.engine import VoteStore
from weaklabel.errors import DiscoveryError, LabelingFunctionError, VoteError
from weaklabel.lf import column_scores, load_lfs
from weaklabel.types import ABSTAIN, Pair, Pairs

# Some functions here fail on purpose.
pytestmark = [
    pytest.mark.same_everywhere,
    pytest.mark.filterwarnings("ignore::weaklabel.errors.FaultWarning"),
]
apply = partial(engine.apply, max_fault_share=None)


def same(one, other):
    assert one.lf_names == other.lf_names
    assert one.ids == other.ids
    assert (one.L == other.L).all()
    assert np.array_equal(one.margins, other.margins, equal_nan=True)
    assert one.faults == other.faults


def test_two_workers_say_what_one_process_says(pairs, steady):
    lfs = load_lfs(steady)
    same(apply(lfs, pairs, workers=2, shard_size=7), apply(lfs, pairs))


def test_settings_made_after_loading_reach_the_workers(pairs, steady):
    lfs = [lf.with_settings(name="much_longer", min_gap=40) for lf in load_lfs(f"{steady}:longer")]
    same(apply(lfs, pairs, workers=2, shard_size=50), apply(lfs, pairs))


def test_column_functions_and_imported_functions_reach_the_workers(lf_file, steady, monkeypatch):
    lf_file(
        "imported_by_name.py",
        "from weaklabel.lf import response_scorer\n\n@response_scorer\ndef l(text):\n    return len(text)\n",
    )
    monkeypatch.syspath_prepend(".")
    import imported_by_name  # type: ignore[import-not-found]

    pairs = Pairs.of([Pair(f"p{i}", "?", "x", "yy", columns={"rm1": i, "rm2": 2}) for i in range(4)])
    lfs = [column_scores("old", "rm1", "rm2"), imported_by_name.l]
    same(apply(lfs, pairs, workers=2, shard_size=2), apply(lfs, pairs))


def test_progress_reaches_all_pairs(pairs, steady):
    seen = []
    apply(
        load_lfs(steady),
        pairs,
        workers=2,
        shard_size=30,
        progress=lambda done, total: seen.append((done, total)),
    )
    assert len(seen) == 4
    assert seen[-1] == (100, 100)


def test_the_first_failure_can_be_raised_from_a_worker(pairs, steady):
    with pytest.raises(VoteError, match="'fragile' raised ValueError: cannot say"):
        apply(load_lfs(steady), pairs, workers=2, on_fault="raise")


def check_only_bad_suffered(votes, reason):
    """Of the shard p10..p19 the bad function's votes are faults; all else is as it should be."""
    bad = votes.column("bad")
    assert (votes.L[10:20, bad] == ABSTAIN).all()
    assert (np.delete(votes.L[:, bad], range(10, 20)) == 0).all()
    of_bad = [f for f in votes.faults if f.lf == "bad"]
    assert [f.pair_id for f in of_bad] == [f"p{i}" for i in range(10, 20)]
    assert str(of_bad[0]) == f"'bad' {reason} on 10 pairs (pair 'p10')"


@pytest.mark.parametrize("act", ["time.sleep(3600)", "__import__('re').match('(a|a?)+$', 'a' * 60 + 'b')"])
def test_a_hanging_function_loses_its_own_votes_on_that_shard_alone(pairs, steady, with_bad, act):
    alone = apply(load_lfs(steady), pairs, shard_size=10)
    votes = apply(with_bad(act), pairs, workers=2, shard_size=10, time_limit=1.5)
    check_only_bad_suffered(votes, "exceeded the time limit of 1.5 s")
    same(votes.select(alone.lf_names), alone)


@pytest.mark.parametrize(
    ("act", "how"), [("os.kill(os.getpid(), 9)", "signal 9"), ("os.kill(os.getpid(), 11)", "signal 11")]
)
def test_a_crashing_function_loses_its_own_votes_on_that_shard_alone(pairs, steady, with_bad, act, how):
    alone = apply(load_lfs(steady), pairs, shard_size=10)
    votes = apply(with_bad(act), pairs, workers=2, shard_size=10)
    check_only_bad_suffered(votes, f"ended its worker process ({how})")
    same(votes.select(alone.lf_names), alone)


def test_a_worker_that_dies_once_costs_nothing(pairs, with_bad):
    lfs = with_bad("open('died', 'x') and os.kill(os.getpid(), 9) if not os.path.exists('died') else None")
    votes = apply(lfs, pairs, workers=2, shard_size=10)
    assert [f.lf for f in votes.faults] == ["fragile", "fragile"]
    assert (votes.L[:, votes.column("bad")] == 0).all()


def test_a_program_that_a_dead_worker_left_behind_does_not_hold_the_run_up(pairs, with_bad):
    lfs = with_bad("__import__('subprocess').Popen(['sleep', '3600']); os.kill(os.getpid(), 9)")
    check_only_bad_suffered(
        apply(lfs, pairs, workers=2, shard_size=10), "ended its worker process (signal 9)"
    )


def test_a_time_limit_with_one_worker_ends_a_hang_too(pairs, with_bad):
    votes = apply(with_bad("time.sleep(3600)"), pairs, shard_size=10, time_limit=1.0)
    check_only_bad_suffered(votes, "exceeded the time limit of 1 s")


def test_a_file_that_changed_since_it_was_loaded_is_refused_by_the_workers(pairs, steady, lf_file):
    lfs = load_lfs(steady)
    lf_file(steady, Path(steady).read_text().replace("len(response)", "-len(response)"))
    with pytest.raises(
        DiscoveryError, match=r"lfs/steady.py::longer is not what it was when this run loaded it"
    ):
        apply(lfs, pairs, workers=2)


def test_a_file_that_kills_every_worker_while_it_loads_is_an_error(pairs, lf_file):
    # By process: sys.argv cannot tell a worker from a test process that was started with -c itself.
    text = f"""
        import os
        from weaklabel.lf import response_scorer
        if os.getpid() != {os.getpid()}:
            os.kill(os.getpid(), 9)
        longer = response_scorer(name="longer")(len)
    """
    lf_file("lfs/bad.py", text)
    with pytest.raises(LabelingFunctionError, match=r"ended \(signal 9\) while they loaded .* 3 times"):
        apply(load_lfs("lfs/bad.py"), pairs, workers=2)


def test_what_a_function_prints_stays_out_of_the_results(pairs, with_bad, capfd):
    votes = apply(with_bad("print('hello')"), pairs, workers=2, shard_size=10)
    assert (votes.L[:, votes.column("bad")] == 0).all()
    out, err = capfd.readouterr()
    assert "hello" in err
    assert "hello" not in out


def test_a_script_without_a_main_guard_runs_once(steady, tmp_path):
    script = """
        from weaklabel.engine import apply
        from weaklabel.lf import load_lfs
        from weaklabel.types import Pair, Pairs

        print("started")
        pairs = Pairs.of([Pair(f"p{i}", "?", "x", "yy") for i in range(20)])
        print(apply(load_lfs("lfs/steady.py"), pairs, workers=2, shard_size=10, max_fault_share=None).L.shape)
    """
    (tmp_path / "script.py").write_text(dedent(script))
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert (done.stdout, done.returncode) == ("started\n(20, 5)\n", 0), done.stderr


def test_a_function_with_values_in_chance_order_runs_and_is_not_kept(pairs, lf_file):
    text = """
        from weaklabel.lf import response_scorer
        WORDS = list({f"word{i}" for i in range(50)} | {"Thanks."})

        @response_scorer
        def thanks(response):
            return sum(word in response for word in WORDS)
    """
    lf_file("chance.py", text)
    lfs = load_lfs("chance.py")
    same(apply(lfs, pairs, workers=2, store=VoteStore("votes")), apply(lfs, pairs))
    assert not list(Path("votes").rglob("*.parquet"))
