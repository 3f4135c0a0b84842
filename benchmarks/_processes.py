"""Commands and what they cost: a process with all that it started, the time it took and the memory it held."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from _commits import environment_of


def family_of(pid: int) -> list[int]:
    """`pid` and its descendants that live, the process itself first."""
    found = [pid]
    for member in found:
        for task in Path(f"/proc/{member}/task").glob("*/children"):
            try:
                found += [int(child) for child in task.read_text().split()]
            except OSError:
                continue
    return found


def resident_mb(pid: int) -> float:
    """Megabytes that a process holds, shared pages included; 0 when it is gone."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return 0.0
    return pages * 4096 / 1e6


class Cost(NamedTuple):
    """What a command took."""

    cpu_s: float
    wall_s: float
    peak_mb: float


def measured(tree: Path, words: str, project: Path) -> Cost:
    """Run `weaklabel words` in the project with the package of `tree`."""
    began, peak = time.perf_counter(), 0.0
    with tempfile.TemporaryFile("w+") as told:
        process = subprocess.Popen(
            [sys.executable, "-m", "weaklabel.cli", *words.split()],
            cwd=project,
            env=environment_of(tree),
            stdout=subprocess.DEVNULL,
            stderr=told,
        )
        while True:
            ended, status, usage = os.wait4(process.pid, os.WNOHANG)
            if ended:
                break
            peak = max(peak, sum(map(resident_mb, family_of(process.pid))))
            time.sleep(0.1)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            told.seek(0)
            raise SystemExit(
                f"weaklabel {words} in {tree} ended with {process.returncode}:\n{told.read()[-2000:]}"
            )
    return Cost(
        usage.ru_utime + usage.ru_stime, time.perf_counter() - began, max(peak, usage.ru_maxrss / 1e3)
    )
