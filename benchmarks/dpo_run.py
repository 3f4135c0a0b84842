"""From labeling functions to a policy on a CPU: what `weaklabel run` takes with and without a stage of DPO.

    python benchmarks/dpo_run.py [--quick] [--json FILE] [--runs N]

A generated sample of 3,000 pairs, 400 of them with gold, all shipped functions; the policy is a model from scratch of
the size "tiny", and learns every label outside the locked test part once. Nothing is fetched. Each run is a project of
its own, and arms take turns; seconds and memory are those of `_processes`, with one thread of BLAS a process. Below them
stands what the policy came to: how often the rewards that it implies are right about the locked gold.
"""

from __future__ import annotations

import json
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from statistics import median

from _commits import ROOT
from _figures import Figures, arguments
from _processes import Cost, measured

TOML = """[data]
pairs = "../pairs.jsonl"
gold = "../gold.jsonl"
[lfs]
use = ["shipped"]
"""
STAGE = """[[stage]]
kind = "dpo"
from_scratch = "tiny"
learning_rate = 1e-3
"""
ARMS = {"without a stage": TOML, "with dpo": TOML + STAGE}
TOLD = ("comparisons", "steps", "accuracy", "nll")


def write(folder: Path, n_pairs: int, n_gold: int) -> None:
    from weaklabel.data.sample import write_sample

    write_sample(folder, n_pairs=n_pairs, n_gold=n_gold)


def main() -> None:
    parser = arguments(__doc__ or "")
    parser.add_argument(
        "--runs", type=int, default=3, help="runs of each arm, of which the median is told; 3"
    )
    options = parser.parse_args()
    n_pairs, n_gold = (300, 80) if options.quick else (3_000, 400)
    runs = 1 if options.quick else options.runs
    figures = Figures("dpo_run", ("weaklabel", "torch", "transformers", "accelerate", "numpy", "pyarrow"))
    case = f"{n_pairs:,} generated pairs"
    found: dict[str, list[Cost]] = {arm: [] for arm in ARMS}
    told: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory(prefix="weaklabel-dpo-") as name:
        folder = Path(name)
        # In a process of its own: what a command's parent holds counts in the peak that the system tells of the command.
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as writer:
            writer.submit(write, folder, n_pairs, n_gold).result()
        for turn in range(runs):
            for number, arm in enumerate(list(ARMS)[:: -1 if turn % 2 else 1]):
                project = folder / f"{turn}-{number}"
                project.mkdir()
                (project / "weaklabel.toml").write_text(ARMS[arm], encoding="utf-8")
                found[arm].append(measured(ROOT, "run", project))
                print(f"{arm}: {found[arm][-1]}", file=sys.stderr, flush=True)
                made = project / "runs" / "base" / "dpo" / "round-00" / "round.json"
                if made.is_file():
                    told.append(json.loads(made.read_text(encoding="utf-8"))["figures"])
    for arm, costs in found.items():
        for metric in Cost._fields:
            values = [getattr(cost, metric) for cost in costs]
            figures.add(case, arm, metric, median(values), min(values), max(values), len(values))
    for metric in TOLD:
        figures.add(case, "with dpo", metric, median(each[metric] for each in told))
    figures.finish(options.json)


if __name__ == "__main__":
    main()
