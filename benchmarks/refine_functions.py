"""Do labeling functions alone refine demonstrations? Two small tasks, a policy from scratch, no gold.

    python benchmarks/refine_functions.py [--quick] [--json FILE] [--work FOLDER]

A model of two layers learns prices with working, and sorting (`_refine_functions_tasks.py`), each from 800 demonstrations of
which .6 are wrong. The comparer is a label model over five or six functions, of which one misleads. It is
fitted on what the first round will compare: labels and proposals that disagree, found by a round of the arm "naive". One arm
has gold of 60 of these pairs, of those in which one answer is right. Two rounds replace at most a share .3 of what disagrees.

Test accuracy is of 300 prompts that no demonstration has. Intervals are over three seeds (Student's t), differences by seed.

With --work every run is a folder that is gone on with: what was stopped continues there. An estimate is printed first.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from _dpo_labels_figures import mean_of_seeds
from _figures import Figures, arguments
from _refine_functions_tasks import TASKS, Task

import weaklabel as wl

ALPHA = 0.3
N_GOLD = 60
FUNCTIONS, GOLD = "functions alone", f"functions, {N_GOLD} gold pairs"
COUNTED = "functions, votes counted"
# "naive" first: its pairs are what labelers are fitted on.
ARMS = ("naive", FUNCTIONS, GOLD, "oracle")
SHOWN = ("test accuracy", "label accuracy", "comparer accuracy", "disagreed", "accepted")
TRAININGS = 3  # a round: two on half of the labels, one on all


class Sizes(NamedTuple):
    """How much of everything."""

    train: int = 800
    test: int = 300
    epochs: int = 12
    n_rounds: int = 2
    seeds: int = 3


def written(folder: Path, task: Task, seed: int, sizes: Sizes) -> list[dict[str, str]]:
    """The demonstrations; the prompts of the test are written beside the runs."""
    draw = random.Random(f"{task.name} {seed}")
    taken: set[str] = set()
    learned, tested = (task.prompts(n, draw, taken) for n in (sizes.train, sizes.test))
    folder.mkdir(parents=True, exist_ok=True)
    rows = [{"prompt": prompt, "completion": task.right(prompt)} for prompt in tested]
    (folder / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return [{"prompt": prompt, "completion": task.demonstrated(prompt, draw)} for prompt in learned]


def refined(
    folder: Path, task: Task, seed: int, sizes: Sizes, arm: str, comparer: Any
) -> list[dict[str, Any]]:
    """The figures of every round."""
    result = wl.stages.ilr(
        written(folder, task, seed, sizes),
        output_dir=folder / arm.replace(" ", "_").replace(",", ""),
        comparer=comparer,
        arm=arm if comparer is None else "learned",
        truth=task.is_right,
        test_data=str(folder / "test.jsonl"),
        num_rounds=sizes.n_rounds,
        alpha=ALPHA,
        agree="exact",
        from_scratch="tiny",
        learning_rate=3e-3,
        lr_scheduler_type="cosine",
        num_train_epochs=sizes.epochs,
        groups_per_batch=32,
        max_length=64,
        audit=False,
        seed=seed,
        proposals={"max_new_tokens": 40, "num_beams": 1, "batch_size": 256},
    )
    return [dict(each.figures) for each in result.rounds]


class Compared(NamedTuple):
    """Pairs of a label (a) and a proposal (b), and whether each is right, `(n_pairs, 2)` bool."""

    rows: list[dict[str, Any]]
    right: np.ndarray

    @property
    def decided(self) -> np.ndarray:
        """`(n_pairs,)`: whether one of the two is right."""
        return np.asarray(self.right[:, 0] != self.right[:, 1])

    def pairs(self, gold: Sequence[int] = ()) -> wl.Pairs:
        """With the gold of these pairs alone."""
        known = set(gold)
        told = [("b" if self.right[k, 1] else "a") if k in known else None for k in range(len(self.rows))]
        return wl.read_pairs([{**row, "gold": one} for row, one in zip(self.rows, told, strict=True)])

    def gold(self, seed: int) -> list[int]:
        """`N_GOLD` of the decided ones, drawn."""
        decided = np.flatnonzero(self.decided).tolist()
        return random.Random(seed).sample(decided, min(N_GOLD, len(decided)))


def compared_first(folder: Path, task: Task) -> Compared:
    """What disagrees in the first round of every arm, as the arm "naive" has found it."""
    file = folder / "naive" / "round-01" / "decisions.jsonl"
    found = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    right = [[task.is_right(row["prompt"], row[side]) for side in ("label", "proposal")] for row in found]
    rows = [
        {"prompt": row["prompt"], "response_a": row["label"], "response_b": row["proposal"]} for row in found
    ]
    return Compared(rows, np.array(right))


def labeler(compared: Compared, task: Task, seed: int, arm: str) -> wl.Labeler:
    """Fitted on these pairs, with gold of some where the arm has it."""
    pairs = compared.pairs(compared.gold(seed) if arm == GOLD else ())
    more: dict[str, Any] = {"model": "majority_vote"} if arm == COUNTED else {}
    return wl.fit(list(task.lfs), pairs, seed=seed, **more)


def all_arms(work: Path, task: Task, seed: int, sizes: Sizes) -> dict[str, list[dict[str, Any]]]:
    """Arm -> the figures of every round."""
    folder = folder_of(work, task, seed)
    found = {}
    for arm in ARMS:
        comparer = None
        if arm not in ("naive", "oracle"):
            comparer = labeler(compared_first(folder, task), task, seed, arm)
        found[arm] = refined(folder, task, seed, sizes, arm, comparer)
        tell(f"{task.name}, seed {seed}, {arm}: {[round(f['test accuracy'], 3) for f in found[arm]]}")
    return found


def folder_of(work: Path, task: Task, seed: int) -> Path:
    return work / task.name.replace(" ", "_") / f"seed-{seed}"


def before_training(work: Path, task: Task, sizes: Sizes, figures: Figures) -> None:
    """On decided pairs of the first rounds: how often each function speaks and is right, and how often labelers are."""
    said: dict[str, list[np.ndarray]] = {lf.name: [] for lf in task.lfs}
    right: dict[str, list[float]] = {arm: [] for arm in (FUNCTIONS, COUNTED, GOLD)}
    for seed in range(sizes.seeds):
        compared = compared_first(folder_of(work, task, seed), task)
        proposal, decided = compared.right[:, 1], compared.decided
        votes = wl.apply(list(task.lfs), compared.pairs()).L
        for j, lf in enumerate(task.lfs):
            said[lf.name].append(np.where(votes[:, j] < 0, np.nan, votes[:, j] == proposal)[decided])
        unseen = decided.copy()
        unseen[compared.gold(seed)] = False
        for arm, values in right.items() if unseen.any() else ():
            p = labeler(compared, task, seed, arm).compare(compared.pairs())
            values.append(float(np.mean(np.where(p == 0.5, 0.5, (p > 0.5) == proposal)[unseen])))
    for name, parts in said.items():
        votes = np.concatenate(parts)
        spoke = ~np.isnan(votes)
        figures.add(f"{task.name}: functions", name, "speaks", float(spoke.mean()), n=len(votes))
        if spoke.any():
            figures.add(
                f"{task.name}: functions", name, "right", float(votes[spoke].mean()), n=int(spoke.sum())
            )
    for arm, values in right.items() if all(right.values()) else ():
        add(figures, f"{task.name}: who compares, before the first round", arm, "accuracy", values)


def add(figures: Figures, case: str, arm: str, metric: str, values: Sequence[float]) -> None:
    found = mean_of_seeds(values)
    ends = (found.low, found.high) if found.n > 1 else (None, None)
    figures.add(case, arm, metric, found.value, *ends, found.n)


def report(figures: Figures, name: str, by_seed: Sequence[dict[str, list[dict[str, Any]]]]) -> None:
    """The rounds of every arm, and differences of the last one, by seed."""
    for arm in ARMS:
        for number in range(len(by_seed[0][arm])):
            for metric in SHOWN:
                values = [runs[arm][number].get(metric) for runs in by_seed]
                if all(value is not None for value in values):
                    add(figures, name, f"{arm}, round {number}", metric, values)  # type: ignore[arg-type]


def last(metric: str, runs: dict[str, list[dict[str, Any]]], arm: str) -> float:
    return float(runs[arm][-1][metric])


def differ(figures: Figures, name: str, found: Sequence[Sequence[dict[str, list[dict[str, Any]]]]]) -> None:
    """Means over tasks of differences by seed; `found` holds the runs of a seed for each task."""
    for metric in ("test accuracy", "label accuracy"):
        for arm in ARMS:
            gains = [np.mean([last(metric, r, arm) - r[arm][0][metric] for r in runs]) for runs in found]
            add(figures, f"{name}: last round less round 0", arm, metric, gains)
        for arm in ARMS:
            if arm != FUNCTIONS:
                gaps = [
                    np.mean([last(metric, r, FUNCTIONS) - last(metric, r, arm) for r in runs])
                    for runs in found
                ]
                add(figures, f"{name}: {FUNCTIONS} less", arm, metric, gaps)


def estimate(folder: Path, sizes: Sizes) -> None:
    """How long all of it takes, by a round of the first task."""
    began = time.perf_counter()
    refined(folder / "estimate", TASKS[0], 0, sizes._replace(n_rounds=1), "naive", None)
    once = (time.perf_counter() - began) / (1 + TRAININGS)
    n = len(TASKS) * sizes.seeds * len(ARMS) * (1 + TRAININGS * sizes.n_rounds)
    tell(
        f"a training takes about {once:.1f} s, answers included; all {n} of them {n * once / 60:.0f} minutes"
    )


def tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main() -> None:
    parser = arguments(__doc__ or "")
    parser.add_argument("--work", type=Path, help="a folder in which runs are kept and gone on with")
    options = parser.parse_args()
    sizes = Sizes(200, 40, 10, 1, 1) if options.quick else Sizes()
    figures = Figures("refine_functions", ("weaklabel", "torch", "transformers", "numpy"))
    with tempfile.TemporaryDirectory(prefix="weaklabel-refine-") as name:
        work = options.work or Path(name)
        estimate(Path(name), sizes)
        found: list[list[dict[str, list[dict[str, Any]]]]] = [[] for _ in range(sizes.seeds)]
        for task in TASKS:
            for seed in range(sizes.seeds):
                found[seed].append(all_arms(work, task, seed, sizes))
            runs = [each[-1] for each in found]
            report(figures, task.name, runs)
            differ(figures, task.name, [[each] for each in runs])
            before_training(work, task, sizes, figures)
            figures.save(options.json)
        differ(figures, "mean of the tasks", found)
    figures.finish(options.json)


if __name__ == "__main__":
    # What is meant here would be said at every fit: no gold, so beliefs are not calibrated.
    warnings.simplefilter("ignore")
    main()
