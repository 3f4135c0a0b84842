"""Label models as the rows grow: fit and predict, ours and Snorkel's, beside a bare pass over the votes.

    python benchmarks/label_model_scale.py [--quick] [--json docs/results/label_model_scale.json]

Votes of independent labeling functions (coverage .3, accuracies drawn between .55 and .9, silence -1) lie in a .npy
file that every arm maps into memory. An arm runs in a process of its own: it imports, warms up on 1,000 rows, then is
timed from the mapped votes to P(B) of every row, three times, of which the median counts. Rounds of all arms follow
each other; the median of the rounds is shown with the lowest and the highest. BLAS and torch have one thread, which
is kind to Snorkel on a busy machine.

- "ms" is wall time of fit + predict, "CPU ms" that of the process, all its threads.
- "peak MB" is the most that was resident (VmHWM): interpreter, imports, answers, and the pages of the mapped file
  that were read, which the system may take back. "grown MB" is the same less what was resident before the votes.
- "bare pass" reads each vote once and keeps what any answer needs at least, a sum per row and a count per LF, the
  fastest way found in numpy. "plain pass" is the same written as anybody would, with `sum` and `count_nonzero`.
- "accuracy" and "NLL" are of P(B) against the truth the votes were drawn from. A tie is half right.
- "moments, shards of 65,536" is fitted by `fit_on_shards` and asked a shard at a time, which keeps no more.
- "pair_model, sample of 100,000" needs rows: it is fitted on every so many-th row, and asked a shard at a time.

Ratios stand under "against Snorkel LabelModel" (its ms over the arm's) and "against the bare pass".
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
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from _figures import Figures, arguments
from numpy.typing import NDArray

Votes = NDArray[np.int8]
Array = NDArray[np.float64]
Arm = Callable[[Votes], tuple[float, Array | None]]
"""Fits and predicts: seconds until the fit was done, and P(B) of each row."""

OURS = ("moments", "triplet", "weighted_vote", "majority_vote")
SNORKEL, SNORKELS_VOTE = "Snorkel LabelModel", "Snorkel MajorityLabelVoter"
SHARDED, SAMPLED = "moments, shards of 65,536", "pair_model, sample of 100,000"
BARE, PLAIN = "bare pass", "plain pass"
SIZES = ((100_000, 20), (1_000_000, 20), (10_000_000, 20), (1_000_000, 50))
SHARD = 1 << 16
SAMPLE = 100_000
REPEATS = 3
# Snorkel keeps its own matrix of votes and classes in float64 and copies of it: seen to need about this much a vote.
SNORKEL_BYTES_A_VOTE = 45
MOST_BYTES = 20e9
SLOW_VOTER_ROWS = 1_000_000  # Snorkel's voter walks over rows in Python, at six seconds a million or more
SLOW_VOTES = {SNORKEL: 1e8, SNORKELS_VOTE: 2e6}  # from so many votes on, one run has to do


def draw(folder: Path, n: int, m: int, seed: int = 0) -> Path:
    """Votes and truth as two .npy files, drawn and written a block at a time."""
    rng = np.random.default_rng(seed)
    accuracies = rng.uniform(0.55, 0.9, m).astype(np.float32)
    file = folder / f"votes_{n}_{m}.npy"
    L = np.lib.format.open_memmap(file, "w+", np.int8, (n, m))
    y = np.lib.format.open_memmap(truth_of(file), "w+", np.int8, (n,))
    for start in range(0, n, SHARD):
        truth = rng.integers(2, size=min(SHARD, n - start), dtype=np.int8)
        shape = (len(truth), m)
        side = np.where(rng.random(shape, np.float32) < accuracies, truth[:, None], 1 - truth[:, None])
        L[start : start + SHARD] = np.where(rng.random(shape, np.float32) < 0.3, side, -1)
        y[start : start + SHARD] = truth
    return file


def truth_of(file: Path) -> Path:
    return file.with_name(file.name.replace("votes", "truth"))


def our(name: str) -> Arm:
    from weaklabel.label_models import get_label_model

    def run(L: Votes) -> tuple[float, Array]:
        model = get_label_model(name).fit(L)
        fitted = time.perf_counter()
        return fitted, model.predict_proba(L)[:, 1]

    return run


def in_shards() -> Arm:
    from weaklabel.label_models import get_label_model
    from weaklabel.label_models.streaming import fit_on_shards

    def run(L: Votes) -> tuple[float, Array]:
        shards = ((L[s : s + SHARD], None) for s in range(0, len(L), SHARD))
        model = fit_on_shards(get_label_model("moments"), shards)
        return time.perf_counter(), ask_in_shards(model, L)

    return run


def on_a_sample() -> Arm:
    from weaklabel.label_models import get_label_model

    def run(L: Votes) -> tuple[float, Array]:
        model = get_label_model("pair_model").fit(L[:: -(-len(L) // SAMPLE)])
        return time.perf_counter(), ask_in_shards(model, L)

    return run


def ask_in_shards(model: Any, L: Votes) -> Array:
    p = np.empty(len(L))
    for s in range(0, len(L), SHARD):
        p[s : s + SHARD] = model.predict_proba(L[s : s + SHARD])[:, 1]
    return p


def bare_pass() -> Arm:
    def run(L: Votes) -> tuple[float, None]:
        ones, block = np.ones(L.shape[1], np.float32), 1 << 13
        per_row, per_lf = np.empty(len(L), np.float32), np.zeros(L.shape[1])
        buffer = np.empty((block, L.shape[1]), np.float32)
        for start in range(0, len(L), block):
            part = L[start : start + block]
            values = buffer[: len(part)]
            np.copyto(values, part)
            np.dot(values, ones, out=per_row[start : start + block])
            per_lf += np.ones(len(part), np.float32) @ values
        return time.perf_counter(), None

    return run


def plain_pass() -> Arm:
    def run(L: Votes) -> tuple[float, None]:
        L.sum(axis=1)
        np.count_nonzero(L >= 0, axis=0)
        return time.perf_counter(), None

    return run


def snorkel_model() -> Arm:
    from snorkel.labeling.model import LabelModel

    def run(L: Votes) -> tuple[float, Array]:
        model = LabelModel(cardinality=2, verbose=False)
        model.fit(L, progress_bar=False, seed=123)
        fitted = time.perf_counter()
        return fitted, np.asarray(model.predict_proba(L))[:, 1]

    return run


def snorkel_voter() -> Arm:
    from snorkel.labeling.model import MajorityLabelVoter

    def run(L: Votes) -> tuple[float, Array]:
        return time.perf_counter(), np.asarray(MajorityLabelVoter(cardinality=2).predict_proba(L))[:, 1]

    return run


def make_arm(name: str) -> Arm:
    kinds = {SHARDED: in_shards, SAMPLED: on_a_sample, BARE: bare_pass, PLAIN: plain_pass}
    kinds |= {SNORKEL: snorkel_model, SNORKELS_VOTE: snorkel_voter}
    return kinds[name]() if name in kinds else our(name)


def run_arm(name: str, file: Path, repeats: int) -> dict[str, float]:
    """In the arm's own process: its times, memory and how right it is."""
    arm = make_arm(name)
    rng = np.random.default_rng(1)
    arm(rng.integers(-1, 2, (1000, 6)).astype(np.int8))
    before = resident("VmRSS")
    L = np.load(file, mmap_mode="r")
    runs = []
    for _ in range(repeats):
        start, cpu = time.perf_counter(), time.process_time()
        fitted, p = arm(L)
        end = time.perf_counter()
        runs.append((end - start, time.process_time() - cpu, fitted - start, end - fitted))
    peak = resident("VmHWM")
    seconds, cpu_seconds, fit, predict = (median(column) for column in zip(*runs, strict=True))
    found = {"ms": 1e3 * seconds, "CPU ms": 1e3 * cpu_seconds}
    if p is not None:
        found |= {"fit ms": 1e3 * fit, "predict ms": 1e3 * predict, **quality(p, np.load(truth_of(file)))}
    return found | {"peak MB": peak, "grown MB": peak - before}


def quality(p: Array, truth: Votes) -> dict[str, float]:
    right = np.where(truth == 1, p, 1.0 - p)
    accuracy = (right > 0.5).mean() + (right == 0.5).mean() / 2
    return {"accuracy": float(accuracy), "NLL": float(-np.log(np.maximum(right, 1e-12)).mean())}


def resident(which: str) -> float:
    """MB of this process, now (VmRSS) or at most so far (VmHWM); Linux keeps both, elsewhere there is no figure."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        return float("nan")
    return float(status.split(f"{which}:")[1].split()[0]) / 1024


def in_own_process(name: str, file: Path, repeats: int) -> dict[str, float]:
    one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    command = [sys.executable, __file__, "--arm", name, "--votes", str(file), "--repeats", str(repeats)]
    done = subprocess.run(command, env=os.environ | one, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{name} ended with {done.returncode}: {done.stderr[-500:]}")
    answer: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return answer


def arms_for(n: int, m: int, with_snorkel: bool) -> tuple[list[str], list[str]]:
    """The arms of one size, and a line for each that is left out."""
    arms, left_out = [BARE, PLAIN, *OURS, SHARDED, SAMPLED], []
    if not with_snorkel:
        return arms, ["Snorkel is not installed: pip install 'weaklabel[snorkel]'"]
    if n * m * SNORKEL_BYTES_A_VOTE > min(MOST_BYTES, free_bytes()):
        left_out.append(f"{SNORKEL} would need {n * m * SNORKEL_BYTES_A_VOTE / 1e9:.0f} GB")
    else:
        arms.append(SNORKEL)
    if n > SLOW_VOTER_ROWS:
        left_out.append(f"{SNORKELS_VOTE} walks over rows in Python: about {6e-6 * n:.0f} s a run")
    else:
        arms.append(SNORKELS_VOTE)
    return arms, left_out


def free_bytes() -> float:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii")
    except OSError:
        return MOST_BYTES
    return float(lines.split("MemAvailable:")[1].split()[0]) * 1024


def run_size(figures: Figures, file: Path, n: int, m: int, rounds: int, with_snorkel: bool) -> None:
    case = f"{n:,} x {m}"
    arms, left_out = arms_for(n, m, with_snorkel)
    found: dict[str, list[dict[str, float]]] = {name: [] for name in arms}
    for turn in range(rounds):
        for name in arms:
            slow = n * m >= SLOW_VOTES.get(name, np.inf)
            if not (slow and turn):
                found[name].append(in_own_process(name, file, 1 if slow else REPEATS))
        print(f"{case}: round {turn + 1} of {rounds} done", file=sys.stderr)
    for name, runs in found.items():
        for metric in runs[0]:
            values = [run[metric] for run in runs]
            figures.add(case, name, metric, median(values), min(values), max(values), len(values))
        for other, label in ((SNORKEL, "against Snorkel LabelModel"), (BARE, "against the bare pass")):
            for metric, unit in (("ms", ""), ("CPU ms", ", CPU")):
                if other in found and other != name:
                    mine, its = (median(r[metric] for r in found[arm]) for arm in (name, other))
                    ratio = its / mine if other == SNORKEL else mine / its
                    figures.add(case, name, label + unit, ratio, None, None, len(runs))
    for line in left_out:
        print(f"{case}: left out: {line}")


def main() -> None:
    parser = arguments(__doc__ or "")
    parser.add_argument("--arm", help=argparse.SUPPRESS)
    parser.add_argument("--votes", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--repeats", type=int, default=REPEATS, help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=5, help="runs of every arm; 5")
    options = parser.parse_args()
    if options.arm:
        print(json.dumps(run_arm(options.arm, options.votes, options.repeats)))
        return
    from importlib.util import find_spec

    figures = Figures("label_model_scale", ("weaklabel", "numpy", "snorkel", "torch"))
    sizes = ((20_000, 20),) if options.quick else SIZES
    with tempfile.TemporaryDirectory() as folder:
        for n, m in sizes:
            file = draw(Path(folder), n, m)
            rounds = 1 if options.quick else options.rounds
            run_size(figures, file, n, m, rounds, find_spec("snorkel") is not None)
            file.unlink()
    figures.finish(options.json)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
