"""A process and what it started: who belongs to it, and what they hold in memory."""

from __future__ import annotations

from pathlib import Path


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
