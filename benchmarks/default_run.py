"""The whole job by default settings, command by command: CPU seconds, wall seconds and peak memory of each.

    python benchmarks/default_run.py [--quick] [--json FILE] [--pairs N] [--runs N] [--until STEP] [--against COMMIT]

20,000 pairs, 803 of them with gold, all shipped labeling functions, everything else as it comes. Texts are those of the
development pairs where the real data is, each further round of them with its sentences in another order, so that no two
responses are alike; elsewhere they are generated. The steps are the commands of a user, one after the other in one
project; `run`, which comes last, has the figures left to make. "whole" is their sum, and the largest of their peaks.
Below it stands what is asked of the finished run. `--against COMMIT` carries all of it out with the package of that
commit too, in turns.

CPU seconds are those of a command and its workers, user and system, with one thread of BLAS and of polars a process.
Memory is resident, added up over the processes of a command ten times a second, so pages that they share count in each.
"""

from __future__ import annotations

import random
import re
import shutil
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from statistics import median

import pyarrow as pa
import pyarrow.parquet as pq
from _commits import BEFORE, NOW, ROOT, ratio_of, tree_of
from _figures import Figures, arguments, shared_folder
from _lf_pairs import write_pairs
from _processes import Cost, measured

FILES = ("hh_rlhf_train", "mt_bench_train", "ultrafeedback_train")
GOLD_SHARE, LEAST_GOLD = 803 / 20_000, 60
STEPS = ("read", "apply", "fit", "label", "export", "reward train", "run")
ASKED = ("label --explain p0", "reward eval", "report")
TOML = '[data]\npairs = "{pairs}"\n[lfs]\nuse = ["shipped"]\n'
_BREAK = re.compile(r"((?<=[.!?])\s+|\n+)")
Row = tuple[str, str, str, str | None]


def pairs_file(path: Path, n_pairs: int) -> str:
    """Write the pairs; gives back what their texts are."""
    rng = random.Random(0)
    try:
        folder = shared_folder()
    except SystemExit:
        write_pairs(path, n_pairs)
        table = pq.read_table(path, columns=["prompt", "response_a", "response_b"])
        rows: list[Row] = [
            (*texts, rng.choice("ab")) for texts in zip(*table.to_pydict().values(), strict=True)
        ]
        kind = "generated texts"
    else:
        rows, kind = real_rows(folder, n_pairs, rng), "real texts"
    with_gold = [i for i, row in enumerate(rows) if row[3]]
    kept = set(rng.sample(with_gold, min(len(with_gold), max(round(n_pairs * GOLD_SHARE), LEAST_GOLD))))
    columns: dict[str, list[str | None]] = {"id": [f"p{i}" for i in range(len(rows))]}
    for name, values in zip(
        ("prompt", "response_a", "response_b", "gold"), zip(*rows, strict=True), strict=True
    ):
        columns[name] = list(values)
    columns["gold"] = [gold if i in kept else None for i, gold in enumerate(columns["gold"])]
    pq.write_table(pa.table(columns), path)
    return kind


def real_rows(folder: Path, n_pairs: int, rng: random.Random) -> list[Row]:
    """The development pairs in a drawn order, and again with reshuffled sentences until there are enough."""
    known: list[Row] = []
    for name in FILES:
        table = pq.read_table(folder / "data" / "preferences" / f"{name}.parquet")
        columns = table.select(["prompt", "response_a", "response_b", "label"]).to_pydict().values()
        known += [(p, a, b, {0: "a", 1: "b"}.get(label)) for p, a, b, label in zip(*columns, strict=True)]
    rng.shuffle(known)
    rows: list[Row] = []
    for number in range(n_pairs):
        turn, (prompt, a, b, gold) = number // len(known), known[number % len(known)]
        if turn:  # people have judged the texts as they were
            again = reshuffled(a, rng), reshuffled(b, rng)
            a, b = again if again[0].strip() != again[1].strip() else (a, b)
            prompt, gold = f"{reshuffled(prompt, rng)}\n\n(Version {turn}.)", None
        rows.append((prompt, a, b, gold))
    rng.shuffle(rows)
    return rows


def reshuffled(text: str, rng: random.Random) -> str:
    """The text with its sentences in another order, and what stood between them where it was."""
    parts = _BREAK.split(text)
    sentences = parts[::2]
    rng.shuffle(sentences)
    parts[::2] = sentences
    return "".join(parts)


def one_run(tree: Path, project: Path, pairs: Path, last: str) -> dict[str, Cost]:
    """Every command up to the last one wanted, in a project of its own that is gone afterwards."""
    project.mkdir()
    (project / "weaklabel.toml").write_text(TOML.format(pairs=pairs), encoding="utf-8")
    found = {}
    wanted = STEPS[: STEPS.index(last) + 1]
    for words in (*wanted, *(ASKED if last == STEPS[-1] else ())):
        found[words] = measured(tree, words, project)
        print(f"  {words}: {found[words].cpu_s:.1f} CPU s, {found[words].peak_mb:.0f} MB", file=sys.stderr)
        if words == last:
            costs = list(found.values())
            found["whole"] = Cost(
                sum(c.cpu_s for c in costs), sum(c.wall_s for c in costs), max(c.peak_mb for c in costs)
            )
    shutil.rmtree(project)
    return found


def main() -> None:
    parser = arguments(__doc__ or "")
    parser.add_argument("--pairs", type=int, help="how many (default: 20,000, with --quick 300)")
    parser.add_argument(
        "--runs", type=int, default=1, help="runs of each commit, of which the median is told; 1"
    )
    parser.add_argument("--until", choices=STEPS, default=STEPS[-1], help="the last step to carry out; run")
    parser.add_argument("--against", metavar="COMMIT", help="carry it out with this commit's package too")
    options = parser.parse_args()
    n_pairs = options.pairs or (300 if options.quick else 20_000)
    figures = Figures("default_run", ("weaklabel", "numpy", "scipy", "scikit-learn", "pyarrow", "polars"))
    with tempfile.TemporaryDirectory(prefix="weaklabel-default-") as name:
        folder = Path(name)
        trees = {NOW: ROOT}
        if options.against:
            trees[BEFORE] = tree_of(options.against, folder / "tree")
        pairs = folder / "pairs.parquet"
        # In a process of its own: what a command's parent holds counts in the peak that the system tells of the command.
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as writer:
            kind = writer.submit(pairs_file, pairs, n_pairs).result()
        case = f"{n_pairs:,} pairs, {kind}"
        found: dict[str, list[dict[str, Cost]]] = {which: [] for which in trees}
        for turn in range(options.runs):
            for which in list(trees)[:: -1 if turn % 2 else 1]:
                print(f"{case}, {which}", file=sys.stderr)
                found[which].append(one_run(trees[which], folder / which, pairs, options.until))
    titles = {NOW: case, BEFORE: f"{case}, at {options.against}"}
    for which, runs in found.items():
        for step in runs[0]:
            for metric in Cost._fields:
                values = [getattr(run[step], metric) for run in runs]
                band = (min(values), max(values)) if len(values) > 1 else (None, None)
                figures.add(titles[which], step, metric, median(values), *band, len(values))
    if options.against:
        for step in found[NOW][0]:
            for metric in Cost._fields:
                sides = ([getattr(run[step], metric) for run in found[which]] for which in (BEFORE, NOW))
                ratio, *band = ratio_of(*sides)
                band = band if options.runs > 1 else [None, None]
                figures.add(
                    f"{case}: {options.against} over now", step, f"{metric} ratio", ratio, *band, options.runs
                )
    figures.finish(options.json)


if __name__ == "__main__":
    main()
