"""What it costs to open the door: CPU seconds of `import weaklabel` and of `weaklabel --help`.

    python benchmarks/startup.py [--quick] [--json FILE]

Each case is a fresh process, started in turn; the figure is the median of its CPU time (user and system), with
the lowest and highest beside it. Wall time is left out: it depends on what else the machine does.
The promises: `import weaklabel` under 0.3 s, `weaklabel --help` under 0.2 s. An interpreter that does nothing
is measured too, so that what is ours can be told from what is Python's.
"""

from __future__ import annotations

import os
import statistics
import sys

from _figures import Figures, arguments

CASES = {
    "python, nothing else": [sys.executable, "-c", "pass"],
    "import weaklabel": [sys.executable, "-c", "import weaklabel"],
    "weaklabel --help": [sys.executable, "-m", "weaklabel.cli", "--help"],
    "weaklabel run --help": [sys.executable, "-m", "weaklabel.cli", "run", "--help"],
    "every name of the front door": [
        sys.executable,
        "-c",
        "import weaklabel; [getattr(weaklabel, name) for name in weaklabel.__all__]",
    ],
}


def cpu_seconds(command: list[str]) -> float:
    """User and system time of one process, from the kernel's own account of it."""
    null = os.open(os.devnull, os.O_WRONLY)
    pid = os.posix_spawn(command[0], command, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, null, 1)])
    os.close(null)
    _, status, usage = os.wait4(pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} ended with status {status}.")
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    options = arguments(__doc__ or "").parse_args()
    repeats = 3 if options.quick else 21
    seconds: dict[str, list[float]] = {case: [] for case in CASES}
    for _ in range(repeats):
        for case, command in CASES.items():
            seconds[case].append(cpu_seconds(command))
    figures = Figures("startup", ("weaklabel", "click", "numpy", "pyarrow", "polars"))
    for case, found in seconds.items():
        figures.add(
            case, "weaklabel", "cpu_seconds", statistics.median(found), min(found), max(found), repeats
        )
    figures.finish(options.json)


if __name__ == "__main__":
    main()
