"""Two commits in turns: the tree of another commit, commands of either, and the interval of their paired ratio."""

from __future__ import annotations

import io
import os
import resource
import subprocess
import sys
import tarfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from math import comb
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
NOW, BEFORE = "now", "before"


@dataclass(frozen=True)
class Cost:
    """What a command and all processes that it waited for took."""

    wall_s: float
    cpu_s: float
    said: str


def tree_of(commit: str, folder: Path) -> Path:
    """The files of `commit`, below `folder`."""
    made = subprocess.run(["git", "archive", commit], cwd=ROOT, capture_output=True, check=False)
    if made.returncode:
        raise SystemExit(
            f"no commit {commit!r}: {made.stderr.decode().strip()}. See git log for those there are."
        )
    with tarfile.open(fileobj=io.BytesIO(made.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder


def environment_of(tree: Path) -> dict[str, str]:
    """The variables of a process that uses the package of `tree`, with one thread, and keeps byte code as usual."""
    one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS"), "1")
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return kept | one | {"PYTHONPATH": str(tree)}


def run_with(tree: Path, command: Sequence[str], cwd: Path) -> Cost:
    """Run `python *command` with the package of `tree`, one thread a process."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        [sys.executable, *command],
        cwd=cwd,
        env=environment_of(tree),
        capture_output=True,
        text=True,
        check=False,
    )
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(
            f"{' '.join(command)} in {tree} ended with {done.returncode}:\n{done.stderr[-2000:]}"
        )
    return Cost(wall, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime, done.stdout)


def ratio_of(now: Sequence[float], before: Sequence[float]) -> tuple[float, float, float]:
    """The median of the paired ratios, and an interval that holds the true median in at least 95 of 100 cases.

    It is read off the order of the ratios, whatever their distribution; below six pairs it is their range, and holds less.
    """
    ratios = sorted(a / b for a, b in zip(now, before, strict=True))
    n, outside, cut = len(ratios), 0.0, 0
    while 2 * (outside + comb(n, cut) / 2**n) <= 0.05:
        outside, cut = outside + comb(n, cut) / 2**n, cut + 1
    at = max(cut - 1, 0)
    return median(ratios), ratios[at], ratios[n - 1 - at]
