"""Three Ray nodes on one machine, one of which is lost mid-run: is anything lost with it?

    python benchmarks/cluster/three_nodes.py [--quick] [--json FILE]

The votes of the shipped MT-Bench functions on generated pairs are worked out in this process, and by a driver that
is connected by address to a cluster of three nodes. Once a fifth of the pairs are done, one node is lost:

    killed     every process of the node gets SIGKILL
    unplugged  its network is cut while it goes on working (where nodes have network namespaces)

Asked is that the run ends by itself and that votes, margins, order of rows and the files of the vote store are
those of the process that lost nothing. The exit code says whether they are. The nodes share one disk, so this
says nothing of network file systems.
"""

from __future__ import annotations

import logging
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from _figures import Figures, arguments
from cluster.machines import Cluster, namespaces_work

from weaklabel.data import read_pairs
from weaklabel.data.sample import sample_pairs
from weaklabel.data.writing import write_pairs
from weaklabel.engine import VoteStore, apply, fingerprint
from weaklabel.lf import load_lfs
from weaklabel.types import Votes

LFS = "shipped:mt_bench"
LOST = 3


def drive(address: str, folder: Path, shard_size: int) -> None:
    """The driver: runs on node 1, labels through the cluster, and tells how far it is."""
    from weaklabel.engine.on_ray import RayExecutor

    logging.basicConfig(stream=sys.stdout, level=logging.WARNING, format="%(message)s")
    logging.getLogger("weaklabel").setLevel(logging.INFO)
    lfs, pairs, store = load_lfs(LFS), read_pairs(folder / "pairs.parquet"), VoteStore(folder / "cluster")
    executor = RayExecutor(lfs, [fingerprint(lf) for lf in lfs], address=address, store=store)
    votes = apply(
        lfs,
        pairs,
        store=store,
        shard_size=shard_size,
        executor=executor,
        progress=lambda done, total: print("done", done, total, flush=True),
    )
    np.savez(folder / "votes.npz", L=votes.L, margins=votes.margins, ids=np.array(votes.ids))


def lose_a_node(cluster: Cluster, how: str, folder: Path, shard_size: int) -> dict[str, float]:
    """Run the driver, and lose a node in the middle of a task once a fifth is done; what came of it."""
    script = [sys.executable, __file__, "--drive", cluster.address, str(folder), str(shard_size)]
    words, environment = cluster.command(1, *script)
    began, lost_at, went_elsewhere = time.monotonic(), 0.0, 0
    with subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, text=True) as driver:
        try:
            for line in driver.stdout or ():
                went_elsewhere += line.startswith("shard ") and "was lost" in line
                done, total = (int(word) for word in line.split()[1:]) if line.startswith("done") else (0, 1)
                if not lost_at and done >= total / 5 and cluster.working(LOST):
                    cluster.kill(LOST) if how == "killed" else cluster.unplug(LOST)
                    lost_at = time.monotonic()
        finally:
            driver.kill()  # without effect where it has ended
    ended = time.monotonic()
    if driver.returncode or not lost_at:
        raise SystemExit(f"the driver ended with {driver.returncode}; a node was lost: {bool(lost_at)}.")
    while cluster.alive() == 3 and time.monotonic() < lost_at + 120:
        time.sleep(1)
    return {
        "seconds": ended - began,
        "seconds_after_the_loss": ended - lost_at,
        "nodes_left": cluster.alive(),
        "tasks_that_went_elsewhere": went_elsewhere,
    }


def differences(votes: Votes, folder: Path) -> dict[str, float]:
    """How many rows, votes, margins and files of the cluster's run are not those of this process."""
    found = np.load(folder / "votes.npz")
    here, there = _files(folder / "here"), _files(folder / "cluster")
    return {
        "rows_lost_or_moved": float(np.sum(found["ids"] != np.array(votes.ids))),
        "votes_that_differ": float(np.sum(found["L"] != votes.L)),
        "margins_that_differ": float(np.sum(found["margins"].view(np.int32) != votes.margins.view(np.int32))),
        "vote_files_that_differ": float(
            sum(here.get(name) != there.get(name) for name in here.keys() | there.keys())
        ),
    }


def _files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def main() -> int:
    parser = arguments(__doc__ or "")
    parser.add_argument("--ports", action="store_true", help="no network namespaces, even where they work")
    options = parser.parse_args()
    isolated = namespaces_work() and not options.ports
    n_pairs, shard_size = (6_000, 200) if options.quick else (60_000, 1_000)
    # Ray needs a minute to see that a node went silent: too long for a quick look.
    ways = ("killed", "unplugged") if isolated and not options.quick else ("killed",)
    figures = Figures("three_nodes", ("weaklabel", "ray", "polars", "pyarrow"))
    pairs, lfs = sample_pairs(n_pairs, 0), load_lfs(LFS)
    wrong = 0.0
    with tempfile.TemporaryDirectory(prefix="weaklabel-") as name:
        folder = Path(name)
        write_pairs(pairs, folder / "pairs.parquet")
        began = time.monotonic()
        votes = apply(
            lfs, read_pairs(folder / "pairs.parquet"), store=VoteStore(folder / "here"), shard_size=shard_size
        )
        nothing_lost = {"seconds": time.monotonic() - began}
        case = f"{n_pairs} pairs in {n_pairs // shard_size} shards; nodes apart by " + (
            "network namespaces" if isolated else "ports alone"
        )
        for metric, value in nothing_lost.items():
            figures.add(case, "one process, nothing lost", metric, value)
        for how in ways:
            with Cluster(3, isolated=isolated) as cluster:
                found = lose_a_node(cluster, how, folder, shard_size)
            differ = differences(votes, folder)
            wrong += sum(differ.values())
            for metric, value in {**found, **differ}.items():
                figures.add(case, f"three Ray nodes, one {how}", metric, float(value))
            for file in sorted((folder / "cluster").rglob("*"), reverse=True):
                file.rmdir() if file.is_dir() else file.unlink()
    figures.finish(options.json)
    print("complete, in order and equal" if not wrong else "NOT EQUAL: see the differences above")
    return int(bool(wrong))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--drive"]:
        drive(sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]))
    else:
        raise SystemExit(main())
