"""What every benchmark shares: the two flags, the machine, the JSON file, the table printed from it."""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path


@dataclass(frozen=True)
class Row:
    """One figure: of which case, of which arm, what, with an interval where there is one."""

    case: str
    arm: str
    metric: str
    value: float
    low: float | None = None
    high: float | None = None
    n: int | None = None


@dataclass
class Figures:
    """Rows in the order they were measured, written as design section 6 says."""

    benchmark: str
    packages: Sequence[str]
    rows: list[Row] = field(default_factory=list)
    earlier: dict[str, object] | None = None
    """Of rows that were kept from an earlier run (`_kept_rows.py`): its date, its versions, and the arms."""

    def add(self, *args: object, **kwargs: object) -> None:
        self.rows.append(Row(*args, **kwargs))  # type: ignore[arg-type]

    def as_dict(self) -> dict[str, object]:
        return {
            "benchmark": self.benchmark,
            "date": datetime.date.today().isoformat(),
            "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}{_cards()}",
            "versions": {
                "python": platform.python_version(),
                **{name: _version(name) for name in self.packages},
            },
            "rows": [asdict(row) for row in self.rows],
            **({"earlier": self.earlier} if self.earlier else {}),
        }

    def finish(self, path: Path | None) -> None:
        """Print the table, and write the JSON where a path was given."""
        print(table(self.rows))
        self.save(path)

    def save(self, path: Path | None) -> None:
        """Write what there is so far, where a path was given."""
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(self.as_dict(), indent=1) + "\n", encoding="utf-8")


def arguments(description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        "--quick", action="store_true", help="a small run that only shows that the script works"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to FILE")
    return parser


def over_seeds(values: Sequence[float]) -> tuple[float, float | None, float | None, int]:
    """Mean of a figure of several seeds, its 95% interval (t) where there are two or more, and how many."""
    import numpy as np
    from scipy import stats

    mean = float(np.mean(values))
    if len(values) < 2:
        return mean, None, None, len(values)
    half = float(stats.t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values)))
    return mean, mean - half, mean + half, len(values)


def shared_folder() -> Path:
    """The folder of real data; the benchmark ends with a plain word where it is absent."""
    folder = Path(os.environ.get("WEAKLABEL_SHARED", Path(__file__).resolve().parents[2] / "shared"))
    if not (folder / "data").is_dir():
        raise SystemExit(f"real data not found at {folder}: set WEAKLABEL_SHARED to its folder.")
    return folder


def cells(rows: Sequence[Row]) -> tuple[list[str], list[list[str]]]:
    """Head and body of a table: one line per case and arm, one column per metric."""
    metrics = list(dict.fromkeys(row.metric for row in rows))
    lines: dict[tuple[str, str], dict[str, str]] = {}
    for row in rows:
        band = "" if row.low is None or row.high is None else f" [{row.low:.3f}, {row.high:.3f}]"
        lines.setdefault((row.case, row.arm), {})[row.metric] = f"{row.value:.3f}{band}"
    body = [[case, arm, *(found.get(m, "") for m in metrics)] for (case, arm), found in lines.items()]
    return ["case", "arm", *metrics], body


def table(rows: Sequence[Row]) -> str:
    """The rows as aligned text."""
    head, body = cells(rows)
    widths = [max(len(line[i]) for line in [head, *body]) for i in range(len(head))]
    return "\n".join(
        "  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in [head, *body]
    )


def _cards() -> str:
    """The GPU, where a benchmark has used one."""
    torch = sys.modules.get("torch")
    return f", {torch.cuda.get_device_name()}" if torch is not None and torch.cuda.is_available() else ""


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"
