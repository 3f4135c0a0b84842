"""Build the page of every kept result from its file: docs/results/<benchmark>.json -> <benchmark>.md.

    python benchmarks/render_results.py [--check]

With --check nothing is written: the exit code is 1 when a page does not fit its file.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from _figures import Row, cells
from _kept_rows import told

HERE = Path(__file__).resolve().parent
RESULTS = HERE.parent / "docs" / "results"


def page(figures: dict[str, object], name: str) -> str:
    """Markdown of the result kept as `name`: what was measured, when, where, with which versions, and one table per case."""
    rows = [Row(**row) for row in figures["rows"]]  # type: ignore[attr-defined]
    versions = ", ".join(f"{k} {v}" for k, v in figures["versions"].items())  # type: ignore[attr-defined]
    script = next(HERE.rglob(f"{figures['benchmark']}.py")).relative_to(HERE.parent).as_posix()
    lines = [
        f"# {name}",
        "",
        f"Measured on {figures['date']}; {figures['machine']}; {versions}. Built from `{name}.json`; measure it "
        f"again with `python {script} --json docs/results/{name}.json`.",
    ]
    if earlier := figures.get("earlier"):
        lines += ["", told(earlier, figures["versions"])]  # type: ignore[arg-type]
    for case in dict.fromkeys(row.case for row in rows):
        head, body = cells([row for row in rows if row.case == case])
        lines += ["", f"## {case}", "", *(_line(cell[1:]) for cell in (head, ["---"] * len(head), *body))]
    return "\n".join(lines) + "\n"


def _line(cells_: list[str]) -> str:
    return "| " + " | ".join(cells_) + " |"


def main() -> int:
    stale = []
    for file in sorted(RESULTS.glob("*.json")):
        wanted, target = (
            page(json.loads(file.read_text(encoding="utf-8")), file.stem),
            file.with_suffix(".md"),
        )
        if target.exists() and target.read_text(encoding="utf-8") == wanted:
            continue
        stale.append(target.name)
        if "--check" not in sys.argv:
            target.write_text(wanted, encoding="utf-8")
    print(
        "up to date"
        if not stale
        else f"{'stale' if '--check' in sys.argv else 'written'}: {', '.join(stale)}"
    )
    return int(bool(stale) and "--check" in sys.argv)


if __name__ == "__main__":
    raise SystemExit(main())
