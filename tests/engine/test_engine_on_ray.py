"""`apply` on Ray: the bytes of the process pool, and functions, workers and clusters that fail.

One local Ray for the whole file. What a hang, a crash and a changed file come to is decided by the process pool
inside each Ray worker, and tested there.
"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import tempfile
from functools import partial
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

import weaklabel
from weaklabel import engine
from weaklabel.data import read_pairs
from weaklabel.data.sample import sample_pairs
from weaklabel.engine import VoteStore, fingerprint
from weaklabel.engine.shards import ShardTask
from weaklabel.engine.sources import TableShard, visible_table
from weaklabel.errors import ConfigError, DiscoveryError, LabelingFunctionError, MissingExtraError
from weaklabel.lf import labeling_function, load_lfs, response_scorer
from weaklabel.types import ABSTAIN

ray = pytest.importorskip("ray")

from weaklabel.engine import on_ray  # noqa: E402
from weaklabel.engine.on_ray import RayExecutor  # noqa: E402

# Some functions here fail on purpose.
pytestmark = pytest.mark.filterwarnings("ignore::weaklabel.errors.FaultWarning")
apply = partial(engine.apply, max_fault_share=None)


@pytest.fixture(scope="module", autouse=True)
def local_ray():
    folder = tempfile.mkdtemp(prefix="wl-ray-")  # pytest's own folders make paths too long for a socket
    # A token of our own: else Ray leaves one in the home folder. It reads RAY_AUTH_MODE when it is imported and
    # never again, so that is left alone: with a token at hand a new cluster asks for it.
    ours = {"RAY_AUTH_TOKEN": secrets.token_hex(32), "RAY_USAGE_STATS_ENABLED": "0"}
    with mock.patch.dict(os.environ, ours):
        ray.init(
            address="local",
            num_cpus=2,
            object_store_memory=80 * 2**20,
            include_dashboard=False,
            log_to_driver=False,
            logging_level="ERROR",
            _temp_dir=folder,
        )
        yield
        ray.shutdown()
    shutil.rmtree(folder, ignore_errors=True)


def on_cluster(lfs, pairs, *, time_limit=None, store=None, shard_size=8192):
    """`apply` with the executor under test."""
    made = RayExecutor(lfs, [fingerprint(lf) for lf in lfs], time_limit=time_limit, store=store)
    return apply(lfs, pairs, store=store, shard_size=shard_size, executor=made)


def same(one, other):
    assert one.lf_names == other.lf_names
    assert one.ids == other.ids
    assert one.L.tobytes() == other.L.tobytes()
    assert one.margins.tobytes() == other.margins.tobytes()
    assert one.faults == other.faults


def files(folder: str) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()
    }


def check_bytes(lfs, pairs, shard_size):
    """The same arrays and the same vote files from the cluster and from the process pool."""
    pool = apply(lfs, pairs, workers=2, store=VoteStore("pool"), shard_size=shard_size)
    cluster = on_cluster(lfs, pairs, store=VoteStore("cluster"), shard_size=shard_size)
    same(cluster, pool)
    kept = files("cluster")
    assert len([name for name in kept if name.endswith(".parquet")]) == len(lfs) * -(
        -len(pairs) // shard_size
    )
    assert kept == files("pool")


def test_the_cluster_files_the_bytes_that_the_pool_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check_bytes(load_lfs("shipped:mt_bench"), sample_pairs(300, 20), shard_size=100)


def test_the_cluster_files_the_bytes_that_the_pool_files_on_real_pairs(shared, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pairs = read_pairs(shared / "data" / "preferences" / "mt_bench_train.parquet")
    check_bytes(load_lfs("shipped:mt_bench"), pairs, shard_size=256)


def test_functions_of_the_users_files_and_their_faults_come_back(pairs, steady):
    lfs = [lf.with_settings(min_gap=4) if lf.name == "longer" else lf for lf in load_lfs(steady)]
    votes = on_cluster(lfs, pairs, shard_size=7)
    same(votes, apply(lfs, pairs, shard_size=7))
    assert [f.pair_id for f in votes.faults] == ["p3", "p11"]


def test_a_hanging_function_is_ended_and_loses_its_own_votes_on_that_shard_alone(pairs, steady, with_bad):
    votes = on_cluster(with_bad("time.sleep(3600)"), pairs, shard_size=10, time_limit=1.5)
    bad = votes.column("bad")
    assert (votes.L[10:20, bad] == ABSTAIN).all()
    assert (np.delete(votes.L[:, bad], range(10, 20)) == 0).all()
    of_bad = [f for f in votes.faults if f.lf == "bad"]
    assert (of_bad[0].kind, of_bad[0].what) == ("timed_out", "exceeded the time limit of 1.5 s on 10 pairs")
    alone = apply(load_lfs(steady), pairs)
    same(votes.select(alone.lf_names), alone)


KILL_OUR_WORKER = "open('died', 'x') and os.kill(os.getpid(), 9) if not os.path.exists('died') else None"


@pytest.mark.parametrize("victim", ["os.getpid()", "os.getppid()"], ids=["our worker", "the Ray worker"])
def test_a_worker_that_is_killed_once_costs_nothing(pairs, with_bad, victim):
    lfs = with_bad(KILL_OUR_WORKER.replace("os.getpid()", victim))
    votes = on_cluster(lfs, pairs, shard_size=10)
    assert Path("died").exists()
    assert [f.lf for f in votes.faults] == ["fragile", "fragile"]
    assert (votes.L[:, votes.column("bad")] == 0).all()


def test_work_that_is_lost_again_and_again_is_reported_and_the_rest_completes(pairs, with_bad, monkeypatch):
    monkeypatch.setattr(on_ray, "_MAX_LOSSES", 2)
    (lf,) = (lf for lf in with_bad("os.kill(os.getppid(), 9)") if lf.name == "bad")
    votes = on_cluster([lf], pairs, shard_size=10)
    assert len(votes.faults) == 10
    assert "'bad' was lost with its Ray worker 2 times (last: WorkerCrashedError)" in str(votes.faults[0])


def test_a_file_that_changed_since_it_was_loaded_is_refused_by_the_workers(pairs, steady, lf_file):
    lfs = load_lfs(steady)
    lf_file(steady, Path(steady).read_text().replace("len(response)", "len(response) + 1"))
    with pytest.raises(DiscoveryError, match=r"longer is not what it was when this run loaded it"):
        on_cluster(lfs, pairs)


def test_a_folder_that_the_nodes_do_not_have_is_named(pairs, steady):
    lfs = load_lfs(steady)
    with mock.patch.object(on_ray.os, "getcwd", return_value="/nowhere/at/all"):
        executor = RayExecutor(lfs, [None] * 5)
    executor.submit(ShardTask(0, TableShard(visible_table(pairs, lfs)), (0,), (None,)))
    with pytest.raises(ConfigError, match=r"cannot enter /nowhere/at/all: .* that every node of the cluster"):
        executor.next_done()


def test_a_function_that_no_worker_can_find_is_refused(pairs):
    @labeling_function
    def here(pair):
        return 0

    lambdas = response_scorer(name="short")(lambda response: -len(response))
    for lf in (here, lambdas):
        with pytest.raises(LabelingFunctionError, match=f"'{lf.name}' lives only in this process.*load_lfs"):
            on_cluster([lf], pairs)


def test_an_address_beside_an_open_connection_is_refused(steady):
    with pytest.raises(
        ConfigError, match=r"connected to a Ray cluster already, and address is '10.0.0.1:6379'"
    ):
        RayExecutor(load_lfs(steady), [None] * 5, address="10.0.0.1:6379")
    assert ray.is_initialized()


def test_a_cluster_that_refuses_is_named_with_what_to_check(steady):
    with (
        mock.patch.object(ray, "is_initialized", return_value=False),
        mock.patch.object(ray, "init", side_effect=ConnectionError("InvalidAuthToken")),
        pytest.raises(ConfigError, match=r"no connection to Ray at auto: InvalidAuthToken. .*RAY_AUTH_TOKEN"),
    ):
        RayExecutor(load_lfs(steady), [None] * 5, address="auto")


def test_an_address_where_nobody_listens_is_an_error_at_once(steady):
    with socket.socket() as taken, mock.patch.object(ray, "is_initialized", return_value=False):
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(ConfigError, match=f"no Ray cluster answers at {address}: .*ray start --head"):
            RayExecutor(load_lfs(steady), [None] * 5, address=address)


def test_a_missing_ray_is_named_with_the_command_that_installs_it(steady):
    with mock.patch.dict("sys.modules", {"ray": None}), pytest.raises(MissingExtraError, match=r"\[ray\]"):
        RayExecutor(load_lfs(steady), [None] * 5)


def test_the_front_door_does_not_load_ray():
    assert "ray" not in vars(weaklabel)
