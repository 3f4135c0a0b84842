"""What the benchmarks of acquisition share: arms by task and seed, resumable, and their rows against random."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from _acquisition_tasks import Arm, Made, Real, Scores
from _figures import Figures, arguments
from scipy import stats

Task = Made | Real
Found = dict[tuple[str, int], list[Scores]]
"""Arm and seed -> scores at each number of gold."""


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


def options_of(description: str) -> argparse.ArgumentParser:
    """The flags of both."""
    parser = arguments(description)
    parser.add_argument("--only", default="", metavar="WORDS", help="tasks whose name holds these words")
    parser.add_argument("--seeds", type=int, help="default: 10, with --quick 2")
    parser.add_argument("--work", type=Path, metavar="FOLDER", help="where finished arms are kept")
    return parser


def run_all(
    benchmark: str, tasks: Sequence[Task], options: argparse.Namespace, n_arms: int | None = None
) -> None:
    """Measure the tasks, a few of their arms and numbers of gold with --quick, and write the figures after each."""
    seeds = options.seeds or (2 if options.quick else 10)
    figures = Figures(benchmark, ("weaklabel", "numpy", "scipy", "scikit-learn"))
    for task in tasks:
        if options.only not in task.name:
            continue
        budgets = task.budgets[: 2 if options.quick else None]
        arms = task.arms[: n_arms if options.quick else None]
        found = measured(task, arms, seeds, budgets, options.work)
        tell(figures, task, arms, seeds, budgets, found)
        figures.save(options.json)
    figures.finish(options.json)
