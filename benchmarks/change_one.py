"""One labeling function of thirty changed, on a million pairs: what has to be done again, and what it costs.

    python benchmarks/change_one.py [--quick] [--json FILE] [--pairs N] [--repeats N]

Arms, each a `weaklabel apply` of its own from start to end, in turns: `one of 30 changed` finds 29 functions' votes in
the store and computes one; `that function alone` computes the same one into an empty store, which is what cannot be
saved; `nothing to do`, twice: `apply` alone, and a whole `run` in which every step is fresh. Bytes written are
those of files that were not in the store before, beside all bytes of the store.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
from pathlib import Path

from _figures import Figures, arguments
from soak import run, write_pairs_file

WORDS = [
    "please",
    "thanks",
    "welcome",
    "maybe",
    "perhaps",
    "unsure",
    "water",
    "people",
    "number",
    "first",
    "write",
    "long",
    "make",
    "thing",
    "look",
    "more",
    "day",
    "could",
    "come",
    "part",
    "over",
    "know",
    "call",
    "down",
    "side",
    "now",
    "find",
]
HEAD = "from weaklabel.lf import keyword_scorer, threshold_scorer\n"
PLAIN = (
    "n_chars",
    "n_words",
    "n_distinct_words",
    "n_numbers",
    "n_questions",
    "n_exclamations",
    "n_list_items",
)
TOML = """
[data]
pairs = "{pairs}"
[lfs]
use = ["lfs.py"]
workers = 2
[labeler]
model = "moments"
[export.trl]
file_format = "parquet"
[reward]
settings = {{ n_features = 4096 }}
"""


def functions(changed: int = 0, alone: bool = False) -> str:
    """Thirty functions; the text of one of them depends on `changed`."""
    last = f'changing = keyword_scorer("changing", ["people", "water", "word{changed}"])\n'
    if alone:
        return HEAD + last
    lines = [f'f_{name} = threshold_scorer("f_{name}", "{name}", min_gap=1)\n' for name in PLAIN]
    lines += [
        f'says_{word} = keyword_scorer("says_{word}", ["{word}"])\n' for word in WORDS[: 29 - len(PLAIN)]
    ]
    return HEAD + "".join(lines) + last


def store_bytes(project: Path) -> dict[str, int]:
    store = project / ".weaklabel" / "votes"
    return {str(file): file.stat().st_size for file in store.rglob("*") if file.is_file()}


def main() -> None:
    parser = arguments(__doc__.split("\n", 1)[0])
    parser.add_argument("--pairs", type=int, help="how many (default: a million, with --quick 20,000)")
    parser.add_argument("--repeats", type=int, help="changes measured, by default 3")
    options = parser.parse_args()
    n_pairs = options.pairs or (20_000 if options.quick else 1_000_000)
    repeats = options.repeats or (1 if options.quick else 3)
    figures = Figures("change_one", ["weaklabel", "pyarrow", "polars", "numpy"])
    with tempfile.TemporaryDirectory(prefix="weaklabel-change-") as folder:
        measure(Path(folder), n_pairs, repeats, figures)
    figures.finish(options.json)


def measure(folder: Path, n_pairs: int, repeats: int, figures: Figures) -> None:
    case = f"{n_pairs:,} pairs, 30 functions"
    write_pairs_file(folder / "generated.parquet", n_pairs)
    project, alone = folder / "project", folder / "alone"
    for place in (project, alone):
        place.mkdir()
        (place / "weaklabel.toml").write_text(
            TOML.format(pairs=folder / "generated.parquet"), encoding="utf-8"
        )
    (project / "lfs.py").write_text(functions(), encoding="utf-8")
    (alone / "lfs.py").write_text(functions(alone=True), encoding="utf-8")
    run(project, "read")
    run(alone, "read")
    first = run(project, "apply")
    figures.add(case, "all 30 computed", "seconds", first.seconds, n=1)
    seconds: dict[str, list[float]] = {"one of 30 changed": [], "that function alone": []}
    shares, total = [], 0
    for turn in range(1, repeats + 1):
        before = store_bytes(project)
        (project / "lfs.py").write_text(functions(turn), encoding="utf-8")
        seconds["one of 30 changed"].append(run(project, "apply").seconds)
        after = store_bytes(project)
        total = sum(before.values())
        shares.append(sum(size for file, size in after.items() if file not in before) / total)
        shutil.rmtree(alone / ".weaklabel" / "votes", ignore_errors=True)
        (alone / "lfs.py").write_text(functions(turn, alone=True), encoding="utf-8")
        seconds["that function alone"].append(run(alone, "apply").seconds)
    for arm, found in seconds.items():
        figures.add(case, arm, "seconds", statistics.median(found), min(found), max(found), n=repeats)
    ratio = statistics.median(seconds["one of 30 changed"]) / statistics.median(
        seconds["that function alone"]
    )
    figures.add(case, "one of 30 changed over that function alone", "ratio of seconds", ratio, n=repeats)
    figures.add(
        case,
        "one of 30 changed",
        "bytes written as a share of the store",
        statistics.median(shares),
        n=repeats,
    )
    idle = [run(project, "apply").seconds for _ in range(repeats)]
    figures.add(
        case, "nothing to do: apply", "seconds", statistics.median(idle), min(idle), max(idle), n=repeats
    )
    run(project, "run")
    idle = [run(project, "run").seconds for _ in range(repeats)]
    figures.add(
        case, "nothing to do: run", "seconds", statistics.median(idle), min(idle), max(idle), n=repeats
    )


if __name__ == "__main__":
    main()
