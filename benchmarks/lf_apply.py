"""Twelve labeling functions on pairs of about 150 words a response: Snorkel's applier, and ours.

    python benchmarks/lf_apply.py [--quick] [--json FILE] [--pairs N ...] [--repeats N]

Every arm is a process of its own, and the arms take turns. Snorkel is given a loaded frame, and its clock runs while
it applies; ours runs from before the first import, from a canonical Parquet file (as `weaklabel read` writes it, which has a row of
its own), to votes on disk, with two worker processes, their start included.
Snorkel's fastest arm counts. Votes must be equal in every arm, vote by vote. Memory is the largest sum of PSS over
all processes of an arm, its imports included. `read` is what nothing can do without: reading the three text columns
from Parquet and counting their characters.

The arms of ours: `shipped` (scores of whole columns, as the shipped functions are written), `plain` (the same twelve
in plain Python, one pair at a time, on shared features), `user` (plain Python that shares nothing), `mixed` (half
shipped, half user). `every shipped function` is all that the package ships.

At the end: where the time of the `shipped` arm goes, function by function, in one process, microseconds a pair.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
WORKERS = 2
SNORKEL = {f"snorkel, {arm}": arm for arm in ("plain", "cached words", "memoised")}
OURS = {f"weaklabel, {arm}": arm for arm in ("shipped", "plain", "user", "mixed")}
READ, EVERY = "read the texts, count characters", "weaklabel, every shipped function"
CONVERT = "weaklabel read, once per data set"
SLOW = {
    "snorkel, plain",
    "snorkel, memoised",
    "weaklabel, user",
    "weaklabel, mixed",
    EVERY,
    CONVERT,
}  # once is enough
SAMPLE_SECONDS = 0.05
# Snorkel's slower arms take a millisecond of wall time and more for each pair and function: they are shown at a size
# that ends. The same for arms of ours that only describe.
MOST_PAIRS = {
    "snorkel, plain": 5_000,
    "snorkel, memoised": 5_000,
    "weaklabel, user": 50_000,
    "weaklabel, mixed": 50_000,
    EVERY: 50_000,
}


# ------------------------------------------------------------------------------------------------ the arms


def run_ours(pairs: Path, arm: str, store: Path) -> Callable[[], Any]:
    """From Parquet to votes on disk. What comes back reads the votes, off the clock."""
    from weaklabel.data import PairsFile
    from weaklabel.engine.store import VoteStore
    from weaklabel.engine.stream import apply_file
    from weaklabel.lf import load_lfs

    lfs = load_lfs("shipped") if arm == EVERY else load_lfs(HERE / f"_lf_{OURS[arm]}.py")
    file = PairsFile(pairs)
    applied = apply_file(lfs, file, VoteStore(store), workers=WORKERS)
    assert not applied.faulty, next(applied.faults(file))

    def votes() -> Any:
        import _lf_texts
        import numpy as np

        found = np.concatenate([applied.votes.shard(file, shard).L for shard in range(len(file))])
        names = applied.votes.lf_names
        return found if arm == EVERY else found[:, [names.index(name) for name in _lf_texts.SETTINGS]]

    return votes


def run_reading(pairs: Path) -> Callable[[], Any]:
    import numpy as np
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    file, columns, total = pq.ParquetFile(pairs, pre_buffer=False), ["prompt", "response_a", "response_b"], 0
    for group in range(file.num_row_groups):
        table = file.read_row_group(group, columns=columns, use_threads=False)
        total += sum(pc.sum(pc.utf8_length(table[name])).as_py() for name in columns)
    return lambda: np.array([[total]])


def run_converting(pairs: Path, made: Path) -> Callable[[], Any]:
    """What `weaklabel read` does once with a new data set: checked, split, hashed, in shards."""
    import numpy as np

    from weaklabel.data import convert_pairs

    written = convert_pairs(pairs, made)
    return lambda: np.array([[written.n_pairs]])


def work(arm: str, pairs: Path, votes: Path) -> None:
    """One arm, in this process: votes to a file, time to stdout."""
    import_first = arm in SNORKEL
    if import_first:
        import _lf_snorkel
        import pandas as pd
        import snorkel.labeling  # noqa: F401

        frame = pd.read_parquet(pairs)
    wall, cpu = time.perf_counter(), _cpu_seconds()
    if import_first:
        cast = _lf_snorkel.votes(frame, SNORKEL[arm])
        found: Callable[[], Any] = lambda: cast  # noqa: E731
    elif arm == READ:
        found = run_reading(pairs)
    elif arm == CONVERT:
        found = run_converting(pairs, votes.with_suffix(".again.parquet"))
    else:
        found = run_ours(pairs, arm, votes.with_suffix(".store"))
    report = {"wall_s": time.perf_counter() - wall, "cpu_s": _cpu_seconds() - cpu}

    import numpy as np

    np.save(votes, found())
    print(json.dumps(report))


def _cpu_seconds() -> float:
    """Of this process and of those that it waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


# ------------------------------------------------------------------------------------------------ measuring


@dataclass
class Run:
    """What one arm took."""

    wall_s: float
    cpu_s: float
    peak_mb: float
    stored_bytes: int = 0


def measure(arm: str, pairs: Path, votes: Path) -> Run:
    environment = os.environ | {"OMP_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1"}
    command = [sys.executable, __file__, "--arm", arm, str(pairs), str(votes)]
    peak = 0.0
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        while process.poll() is None:
            peak = max(peak, _pss_mb(process.pid))
            time.sleep(SAMPLE_SECONDS)
        said = process.stdout.read() if process.stdout else ""
    if process.returncode:
        raise SystemExit(f"{arm} ended with status {process.returncode}.")
    stored = sum(path.stat().st_size for path in votes.with_suffix(".store").rglob("*") if path.is_file())
    return Run(**json.loads(said.strip().splitlines()[-1]), peak_mb=peak, stored_bytes=stored)


def _pss_mb(pid: int) -> float:
    """Proportional memory of a process and its descendants, in MB; 0 for what has ended."""
    total = 0.0
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1]) / 1024
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return total
    return total + sum(_pss_mb(int(child)) for child in children)


def cost_per_function(pairs: Path) -> dict[str, float]:
    """Microseconds of CPU per pair: reading, making the batch, and each function in turn; medians over row groups."""
    import pyarrow.parquet as pq

    from weaklabel.lf import load_lfs
    from weaklabel.lf.batch import PairBatch

    lfs = load_lfs(HERE / "_lf_shipped.py")
    file = pq.ParquetFile(pairs, pre_buffer=False)
    seconds: dict[str, list[float]] = {}

    def timed(name: str, work: Any, n: int) -> Any:
        start = time.process_time()
        done = work()
        seconds.setdefault(name, []).append((time.process_time() - start) / n * 1e6)
        return done

    for group in range(min(file.num_row_groups, 8)):
        n = file.metadata.row_group(group).num_rows
        table = timed("reading", lambda group=group: file.read_row_group(group, use_threads=False), n)
        batch = timed("batch of distinct texts", lambda table=table: PairBatch(table), n)
        timed("words of the responses", lambda batch=batch: batch.responses.words, n)
        timed("words of the prompts", lambda batch=batch: batch.prompts.words, n)
        for lf in lfs:
            timed(lf.name, lambda lf=lf, batch=batch: lf.vote_batch(batch), n)
    return {name: statistics.median(found) for name, found in seconds.items()}


# ------------------------------------------------------------------------------------------------ the figures


def main() -> None:
    from _figures import Figures, arguments

    parser = arguments(__doc__ or "")
    parser.add_argument("--pairs", type=int, nargs="+", help="sizes, by default 2000, 20000 and 200000")
    parser.add_argument("--repeats", type=int, help="runs of each arm, by default 3")
    options = parser.parse_args()
    sizes = options.pairs or ([2_000] if options.quick else [2_000, 20_000, 200_000])
    repeats = options.repeats or (1 if options.quick else 3)
    figures = Figures("lf_apply", ("weaklabel", "snorkel", "pandas", "numpy", "polars", "pyarrow"))
    with tempfile.TemporaryDirectory() as folder:
        for n in sizes:
            compare(n, repeats, Path(folder), figures)
    figures.finish(options.json)


def compare(n: int, repeats: int, folder: Path, figures: Any) -> None:
    import numpy as np
    from _lf_pairs import write_pairs

    from weaklabel.data import convert_pairs

    case, pairs, votes = f"{n:,} pairs", folder / f"{n}.parquet", folder / "votes.npy"
    write_pairs(folder / "raw.parquet", n)
    convert_pairs(folder / "raw.parquet", pairs)
    arms = [READ, *SNORKEL, *OURS, EVERY, CONVERT]
    runs: dict[str, list[Run]] = {arm: [] for arm in arms if n <= MOST_PAIRS.get(arm, n)}
    expected = None
    for turn in range(repeats):
        for arm, found in runs.items():
            if turn and arm in SLOW:
                continue
            shutil.rmtree(votes.with_suffix(".store"), ignore_errors=True)
            found.append(measure(arm, pairs, votes))
            print(f"{case}, {arm}: {found[-1]}", file=sys.stderr)
            if arm in SNORKEL or arm in OURS:
                given = np.load(votes)
                expected = given if expected is None else expected
                differ = int((given != expected).sum())
                if differ:
                    raise SystemExit(
                        f"{arm} differs from {next(iter(SNORKEL))} in {differ} of {given.size} votes."
                    )
    for arm, found in runs.items():
        for metric in ("wall_s", "cpu_s", "peak_mb"):
            values = [getattr(run, metric) for run in found]
            band = (min(values), max(values)) if len(values) > 1 else (None, None)
            figures.add(case, arm, metric, statistics.median(values), *band, len(values))
    _ratios(case, runs, figures)
    _cost_of_a_run(case, n, pairs, runs["weaklabel, shipped"], figures)
    for name, microseconds in cost_per_function(pairs).items():
        figures.add(f"{case}: cost in one process", name, "us_per_pair", microseconds)


def _cost_of_a_run(case: str, n: int, pairs: Path, runs: list[Run], figures: Any) -> None:
    """What cluster/cost.py multiplies: CPU, bytes of text read and bytes of votes written by one run."""
    import pyarrow.parquet as pq

    metadata = pq.read_metadata(pairs)
    text_bytes = sum(
        group["columns"][column]["total_compressed_size"]
        for group in metadata.to_dict()["row_groups"]
        for column in range(metadata.num_columns)
        if group["columns"][column]["path_in_schema"] in ("prompt", "response_a", "response_b")
    )
    cost = {
        "pairs": n,
        "cpu_seconds": statistics.median(run.cpu_s for run in runs),
        "text_bytes": text_bytes,
        "vote_bytes": statistics.median(run.stored_bytes for run in runs),
    }
    for metric, value in cost.items():
        figures.add(f"{case}: one run", "weaklabel, shipped", metric, value, n=len(runs))


def _ratios(case: str, runs: dict[str, list[Run]], figures: Any) -> None:
    def median(arm: str, metric: str) -> float:
        return statistics.median(getattr(run, metric) for run in runs[arm])

    fastest = min((arm for arm in SNORKEL if arm in runs), key=lambda arm: median(arm, "wall_s"))
    for arm in (arm for arm in OURS if arm in runs):
        for metric in ("wall_s", "cpu_s", "peak_mb"):
            ratio = median(fastest, metric) / median(arm, metric)
            figures.add(f"{case}: {fastest} over ours", arm, f"{metric} ratio", ratio)
        figures.add(
            f"{case}: ours over reading", arm, "cpu_s ratio", median(arm, "cpu_s") / median(READ, "cpu_s")
        )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--arm"]:
        work(sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]))
    else:
        main()
