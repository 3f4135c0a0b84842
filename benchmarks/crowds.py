"""Label models on votes of a crowd: hundreds of workers, of whom five see each item.

    python benchmarks/crowds.py [--quick] [--json docs/results/crowds.json]

20,000 items, 766 workers with accuracies drawn between .55 and .9, five votes an item: all but 7 of 1,000 cells of the
matrix are silent. Every arm gets the votes in the form that it takes, ours a matrix of int8, crowd-kit (where it is
installed) a table of task, worker and label, and runs in a process of its own: fit and answer, once, with one thread of
BLAS.

- "CPU s" is fit and answer, of the process.
- "peak MB" is the most that was resident, imports and votes included; "grown MB" the same less what was resident before.
- "accuracy" and "NLL" are of P(1) against the truth that the votes were drawn from; a tie is half right.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from _figures import Figures, arguments
from label_model_scale import Array, Votes, quality, resident, truth_of
from numpy.typing import NDArray

OURS = ("majority_vote", "weighted_vote", "dawid_skene", "triplet", "moments", "auto", "pair_model")
PEERS = ("crowd-kit MajorityVote", "crowd-kit DawidSkene")
VOTES_AN_ITEM = 5


def draw(file: Path, n: int, m: int, seed: int = 0) -> None:
    """Votes and truth as two .npy files."""
    rng = np.random.default_rng(seed)
    accuracies, truth = rng.uniform(0.55, 0.9, m), rng.integers(0, 2, n, dtype=np.int8)
    L = np.full((n, m), -1, dtype=np.int8)
    workers = np.argpartition(rng.random((n, m), np.float32), VOTES_AN_ITEM, axis=1)[:, :VOTES_AN_ITEM]
    right = rng.random(workers.shape) < accuracies[workers]
    np.put_along_axis(L, workers, np.where(right, truth[:, None], 1 - truth[:, None]), axis=1)
    np.save(file, L)
    np.save(truth_of(file), truth)


def ours(name: str, L: Votes) -> Array:
    from weaklabel.label_models import get_label_model

    return get_label_model(name).fit(L).predict_proba(L)[:, 1]


def crowd_kits(name: str, L: Votes) -> Array:
    import pandas as pd
    from crowdkit.aggregation import DawidSkene, MajorityVote

    row, worker = np.nonzero(L >= 0)
    table = pd.DataFrame({"task": row, "worker": worker, "label": L[row, worker]})
    model = MajorityVote() if "Majority" in name else DawidSkene(n_iter=100)
    proba = model.fit_predict_proba(table)
    p: NDArray[np.float64] = proba.reindex(np.arange(len(L)))[1].fillna(0.5).to_numpy()
    return p


def run_arm(name: str, file: Path) -> dict[str, float]:
    """In the arm's own process: what it took, and how right it is."""
    answer = crowd_kits if name in PEERS else ours
    answer(name, np.random.default_rng(1).integers(-1, 2, (200, 6)).astype(np.int8))  # its imports
    L, before, cpu = np.load(file), resident("VmRSS"), time.process_time()
    p = answer(name, L)
    took, peak = time.process_time() - cpu, resident("VmHWM")
    return {
        "CPU s": took,
        "peak MB": peak,
        "grown MB": peak - before,
        **quality(p, np.load(truth_of(file))),
    }


def in_own_process(name: str, file: Path) -> dict[str, float]:
    one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    command = [sys.executable, __file__, "--arm", name, "--votes", str(file)]
    done = subprocess.run(command, env=os.environ | one, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{name} ended with {done.returncode}: {done.stderr[-500:]}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    parser = arguments(__doc__ or "")
    parser.add_argument("--arm", help=argparse.SUPPRESS)
    parser.add_argument("--votes", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.arm:
        print(json.dumps(run_arm(options.arm, options.votes)))
        return
    with_peers = find_spec("crowdkit") is not None
    figures = Figures("crowds", ("weaklabel", "numpy", "scipy", "crowd-kit"))
    n, m = (500, 60) if options.quick else (20_000, 766)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "votes.npy"
        draw(file, n, m)
        for name in (*OURS, *(PEERS if with_peers else ())):
            case = f"{n:,} items, {m} workers, {VOTES_AN_ITEM} votes an item"
            for metric, value in in_own_process(name, file).items():
                figures.add(case, name, metric, value, None, None, 1)
    if not with_peers:
        print("crowd-kit is left out, for it is not installed: pip install crowd-kit")
    figures.finish(options.json)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
