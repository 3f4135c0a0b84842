"""What a run of a given size costs: the table in docs/cluster.md, from measured figures.

    python benchmarks/cluster/cost.py FILE CASE ARM [--check]

FILE is a result with rows `pairs`, `cpu_seconds`, `text_bytes` and `vote_bytes` of CASE and ARM: one run from
Parquet to votes on disk. That run is the only measured line; every other is that line times the number of pairs,
and, for Ray, times what Ray cost beside the process pool. Work is divided evenly: no line knows how fast the shared
folder is, and below a minute the start of the workers counts for more than what the line says.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "cluster.md"
BEGIN, END = "<!-- cost: built by benchmarks/cluster/cost.py -->", "<!-- end of cost -->"
SIZES = (1_000_000, 10_000_000, 100_000_000, 1_000_000_000)
# The same 50 shards of 100k pairs with two workers, all processes together, one run each: 28.7 CPU seconds with
# Ray, 22.6 with the pool. Part of that is Ray's start, which weighs less in longer runs.
RAY = 1.27
PLACES = ((2, 1.0, "2 cores, pool"), (64, 1.0, "64 cores, pool"), (1024, RAY, "1024 cores, Ray"))


def lines(figures: dict[str, float]) -> list[str]:
    """The table, measured line first."""
    head = ["pairs", "", "CPU hours", "text read, GB", "votes written, GB", *(place[2] for place in PLACES)]
    body = [_line(figures, figures["pairs"], "measured")]
    body += [_line(figures, n, "extrapolated") for n in SIZES if n > figures["pairs"]]
    return ["| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *body]]


def _line(figures: dict[str, float], pairs: float, how: str) -> list[str]:
    scale = pairs / figures["pairs"]
    cpu = figures["cpu_seconds"] * scale
    return [
        f"{pairs:,.0f}",
        how,
        _short(cpu / 3600),
        _short(figures["text_bytes"] * scale / 1e9),
        _short(figures["vote_bytes"] * scale / 1e9),
        *(_time(cpu * factor / cores) for cores, factor, _ in PLACES),
    ]


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2g}"


def _time(seconds: float) -> str:
    for unit, size in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return "< 1 min"  # there the start of workers counts for more


def main() -> int:
    file, case, arm = sys.argv[1:4]
    rows = json.loads(Path(file).read_text(encoding="utf-8"))["rows"]
    figures = {row["metric"]: row["value"] for row in rows if row["case"] == case and row["arm"] == arm}
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    page = before + "\n".join([BEGIN, "", *lines(figures), "", END]) + after
    if "--check" in sys.argv:
        return int(page != PAGE.read_text(encoding="utf-8"))
    PAGE.write_text(page, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
