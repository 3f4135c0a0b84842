"""This tree against another commit: the same commands with the package of either, in turns.

    python benchmarks/against.py COMMIT [--quick] [--json FILE] [--runs N]

Arms are those of `lf_apply` (votes of twelve functions on 20,000 pairs, two workers), `change_one` (one function of thirty
changed, and nothing changed, 20,000 pairs) and `label_model_scale` (1,000,000 rows of 20 votes). Each
commit runs its own scripts on the same data. Seconds are CPU seconds of a command and its workers, imports
included, since wall time on a shared machine says more of its neighbours; wall seconds stand beside them. "ratio" is the
median of now / before over the pairs of runs, with an interval of at least 95% from seven runs on.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median

import change_one
import label_model_scale
import lf_apply
from _commits import BEFORE, NOW, ROOT, Cost, ratio_of, run_with, tree_of
from _figures import Figures, arguments
from _lf_pairs import write_pairs
from soak import write_pairs_file

Arm = Callable[[str, int], Cost]
"""Carries a case out with the package of "now" or "before", in turn so-and-so."""


def applying(trees: dict[str, Path], folder: Path, n_pairs: int) -> dict[str, Arm]:
    write_pairs(folder / "raw.parquet", n_pairs)
    read = "import sys; from weaklabel.data import convert_pairs; convert_pairs(sys.argv[1], sys.argv[2])"
    for name, tree in trees.items():
        run_with(tree, ["-c", read, str(folder / "raw.parquet"), str(folder / f"{name}.parquet")], folder)

    def arm(title: str) -> Arm:
        def run(which: str, turn: int) -> Cost:
            votes = folder / f"{which}.npy"
            shutil.rmtree(votes.with_suffix(".store"), ignore_errors=True)
            pairs = str(folder / f"{which}.parquet")
            script = str(trees[which] / "benchmarks" / "lf_apply.py")
            return run_with(trees[which], [script, "--arm", title, pairs, str(votes)], folder)

        return run

    titles = [title for title, kind in lf_apply.OURS.items() if kind in ("shipped", "plain", "mixed")]
    return {f"lf_apply: {title.removeprefix('weaklabel, ')}": arm(title) for title in titles}


def changing(trees: dict[str, Path], folder: Path, n_pairs: int) -> dict[str, Arm]:
    write_pairs_file(folder / "generated.parquet", n_pairs)
    for name, tree in trees.items():
        project = folder / name
        project.mkdir()
        (project / "weaklabel.toml").write_text(change_one.TOML.format(pairs=folder / "generated.parquet"))
        (project / "lfs.py").write_text(change_one.functions())
        for command in ("read", "apply"):
            run_with(tree, ["-m", "weaklabel.cli", command], project)

    def changed(which: str, turn: int) -> Cost:
        (folder / which / "lfs.py").write_text(change_one.functions(turn + 1))
        return run_with(trees[which], ["-m", "weaklabel.cli", "apply"], folder / which)

    def idle(which: str, turn: int) -> Cost:
        return run_with(trees[which], ["-m", "weaklabel.cli", "apply"], folder / which)

    return {"change_one: one of 30 changed": changed, "change_one: nothing to do": idle}


def modelling(trees: dict[str, Path], folder: Path, n_rows: int) -> dict[str, Arm]:
    votes = label_model_scale.draw(folder, n_rows, 20)

    def arm(name: str) -> Arm:
        def run(which: str, turn: int) -> Cost:
            script = str(trees[which] / "benchmarks" / "label_model_scale.py")
            return run_with(
                trees[which], [script, "--arm", name, "--votes", str(votes), "--repeats", "3"], folder
            )

        return run

    named = ("moments", "triplet", "weighted_vote", label_model_scale.SHARDED, label_model_scale.SAMPLED)
    return {f"label_model_scale: {name}": arm(name) for name in named}


def main() -> None:
    parser = arguments(__doc__ or "")
    parser.add_argument("commit", nargs="?", default="HEAD", help="what this tree is held against; HEAD")
    parser.add_argument("--runs", type=int, help="runs of each; 7")
    options = parser.parse_args()
    runs = options.runs or (1 if options.quick else 7)
    n_pairs, n_rows = (2_000, 20_000) if options.quick else (20_000, 1_000_000)
    figures = Figures("against", ("weaklabel", "numpy", "pyarrow", "polars"))
    short = subprocess.run(
        ["git", "rev-parse", "--short", options.commit], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.strip()
    with tempfile.TemporaryDirectory(prefix="weaklabel-against-") as name:
        folder = Path(name)
        trees = {NOW: ROOT, BEFORE: tree_of(options.commit, folder / "tree")}
        for make, size in ((applying, n_pairs), (changing, n_pairs), (modelling, n_rows)):
            place = folder / make.__name__
            place.mkdir()
            for case, arm in make(trees, place, size).items():
                measure(figures, f"{case}, against {short}", arm, runs)
                print(case, file=sys.stderr)
            shutil.rmtree(place)
    figures.finish(options.json)


def measure(figures: Figures, case: str, arm: Arm, runs: int) -> None:
    """Warm up once, then run both in turns, each first in every other turn."""
    found: dict[str, list[Cost]] = {NOW: [], BEFORE: []}
    for turn in range(-1, runs):
        for which in (NOW, BEFORE) if turn % 2 else (BEFORE, NOW):
            cost = arm(which, turn + 1)
            if turn >= 0:
                found[which].append(cost)
    for metric in ("cpu_s", "wall_s"):
        values = {which: [getattr(cost, metric) for cost in costs] for which, costs in found.items()}
        for which, of_it in values.items():
            figures.add(case, which, metric, median(of_it), min(of_it), max(of_it), runs)
        figures.add(case, "ratio", metric, *ratio_of(values[NOW], values[BEFORE]), runs)


if __name__ == "__main__":
    main()
