"""Iterative label refinement against DPO on digits to be sorted, with the same number of comparisons scored.

    python benchmarks/refine_toy.py [--quick] [--json FILE] [--work FOLDER] [--only ARM ...]

A model of two layers learns to sort four digits from demonstrations of which half are wrong. Comparers have two accuracies
and two biases; every arm scores as many comparisons a round. The rate and the beta of DPO, and which share of its pairs it learns,
are chosen once, with a comparer that is always right, on two seeds and two rounds; the best two are run for every comparer. Five seeds, five rounds;
ablations are run for one comparer, on three seeds. An estimate is printed first.

With --work every arm of every seed is a folder that is gone on with: a run that was stopped continues there. Test
accuracy is of 500 prompts that nobody learned; intervals are over seeds (t).
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from _figures import Figures, arguments, over_seeds
from _sorting import Regime, comparer, demonstrations, is_right, write_test

from weaklabel.artifacts import write_text
from weaklabel.metrics import Interval
from weaklabel.pictures.curves import curves_picture
from weaklabel.stages.refinement.arms import ARMS

REGIMES = [Regime(accuracy, bias) for accuracy in (0.75, 0.62) for bias in (0.5, 1.5)]
ABLATED = REGIMES[0]
BOTH = ("learned", "naive")
ABLATIONS = (
    "oracle",
    "reliable_demos",
    "single_model",
    "ensemble",
    "filter_only",
    "sft_on_chosen",
    "dpo_on_edits",
)
GRID = [
    {"learning_rate": rate, "beta": beta, "alpha": share}
    for rate in (1e-5, 3e-5, 1e-4)
    for beta in (0.1, 0.5)
    for share in (0.15, 1.0)
]
ALWAYS_RIGHT = Regime(1.0, 0.0)
Runs = dict[tuple[str, str], dict[int, list[dict[str, Any]]]]
"""(comparer, arm) -> seed -> figures of every round."""
SHOWN = ("test accuracy", "label accuracy", "comparer accuracy", "accepted", "comparisons")


def one_arm(
    work: Path,
    arm: str,
    regime: Regime,
    seed: int,
    n_rounds: int,
    size: dict[str, Any],
    *,
    test: Path | None = None,
    **more: Any,
) -> list[dict[str, Any]]:
    """The figures of every round."""
    from weaklabel.stages import ilr

    if not ARMS[arm].asks:  # one run serves every comparer
        regime = ALWAYS_RIGHT
    named = "-".join([arm, regime.name, str(seed), *(f"{k}={v:g}" for k, v in sorted(more.items()))])
    given = {"alpha": more["alpha"]} if "alpha" in more else {}
    result = ilr(
        demonstrations(size["train"], seed),
        output_dir=work / named.replace(" ", "_").replace(",", "").replace("/", "_"),
        comparer=comparer(regime, seed),
        truth=is_right,
        test_data=str(test or work / "test.jsonl"),
        arm=arm,
        num_rounds=n_rounds,
        max_comparisons=size["comparisons"],
        agree="exact",
        from_scratch="tiny",
        learning_rate=4e-3,
        lr_scheduler_type="cosine",
        num_train_epochs=size["epochs"],
        groups_per_batch=64,
        save_steps=10**6,  # a training of seconds is begun again, not continued
        max_length=64,
        audit=False,
        seed=seed,
        proposals={"max_new_tokens": 14, "num_beams": 1, "batch_size": 256},
        samples={"max_new_tokens": 14, "batch_size": 256, "num_generations": 2},
        dpo={key: value for key, value in more.items() if key != "alpha"},
        **given,
    )
    return [dict(each.figures) for each in result.rounds]


def main() -> None:
    parser = arguments(__doc__ or "")
    parser.add_argument("--work", type=Path, help="a folder in which arms are kept and gone on with")
    parser.add_argument("--only", nargs="+", metavar="ARM", help="these arms alone")
    options = parser.parse_args()
    quick = options.quick
    size = {"train": 120, "test": 40, "epochs": 2, "comparisons": 40} if quick else {
        "train": 600, "test": 500, "epochs": 24, "comparisons": 350,
    }  # fmt: skip
    seeds, n_rounds = (range(1), 1) if quick else (range(5), 5)
    regimes = REGIMES[:1] if quick else REGIMES
    figures = Figures("refine_toy", ("weaklabel", "torch", "transformers", "numpy"))
    with tempfile.TemporaryDirectory(prefix="weaklabel-refine-") as folder:
        work = options.work or Path(folder)
        work.mkdir(parents=True, exist_ok=True)
        write_test(work / "test.jsonl", size["test"])
        began = time.perf_counter()
        one_arm(Path(folder) / "estimate", "learned", ABLATED, 0, 1, size, test=work / "test.jsonl")
        once = (time.perf_counter() - began) / 3  # two trainings on half and two on all of the labels
        refined = len(seeds) * (len(regimes) + 1) + len(seeds[:3]) * (len(ABLATIONS) - 2)
        by_dpo = len(seeds) * len(regimes) * 2 + len(seeds[:3]) * 2
        trainings = n_rounds * (2.2 * refined + by_dpo) + 2 * 2 * len(GRID)
        estimate = (trainings + refined + by_dpo) * once / 3600
        print(f"one training takes about {once:.1f} s; all of it about {estimate:.1f} hours", file=sys.stderr)
        chosen = GRID[:1] if quick else best_of_dpo(figures, work, size)
        of_choice = list(figures.rows)
        done: Runs = {}
        for seed, regime, arm, more in wanted(seeds, regimes, chosen):
            if options.only and arm not in options.only:
                continue
            name = ", ".join(part for part in (arm, told(more)) if part)
            made = one_arm(work, arm, regime, seed, n_rounds, size, **more)
            done.setdefault((regime.name, name), {})[seed] = made
            figures.rows[:] = of_choice
            add_figures(figures, done)
            figures.save(options.json)
    figures.finish(options.json)
    if options.json and not quick:
        pictures(figures, options.json)


def pictures(figures: Figures, file: Path) -> None:
    """For every comparer the accuracy on new prompts, round by round: the method, the first setting of DPO, and chance."""
    for regime in REGIMES:
        rows = [
            row
            for row in figures.rows
            if row.case.startswith(f"{regime.name}, round") and row.metric == "test accuracy"
        ]
        arms = list(dict.fromkeys(row.arm for row in rows))
        first_dpo = next((arm for arm in arms if arm.startswith("dpo_iterated")), "")
        curves = {
            name: [
                (int(row.case.rpartition(" ")[2]), Interval(row.value, row.low, row.high, row.n))
                for row in rows
                if row.arm == arm
            ]
            for name, arm in (("ILR", "learned"), ("DPO", first_dpo), ("replaced at random", "naive"))
        }
        title = f"Comparer right {regime.accuracy:.2f} of the time, bias {regime.bias:g}"
        picture = curves_picture(curves, title, axis="accuracy on new prompts", across="round")
        name = f"{file.stem}_{round(100 * regime.accuracy)}_{round(10 * regime.bias)}.svg"
        write_text(file.parent / name, picture.svg())


def wanted(
    seeds: Sequence[int], regimes: Sequence[Regime], chosen: Sequence[dict[str, Any]]
) -> Iterator[tuple[int, Regime, str, dict[str, Any]]]:
    """(seed, comparer, arm, settings of DPO) of every run, whole seeds first: what is stopped early has fewer of them."""
    for seed in seeds:
        for regime in regimes:
            yield from ((seed, regime, arm, {}) for arm in BOTH)
            yield from ((seed, regime, "dpo_iterated", each) for each in chosen)
    for seed in seeds[:3]:
        for arm in ABLATIONS:
            yield seed, ABLATED, arm, chosen[0] if arm.startswith("dpo") else {}


def add_figures(figures: Figures, done: Runs) -> None:
    """Every arm round by round, and what the method has more than each of them after the last one, seed by seed."""
    for (regime, name), runs in done.items():
        rounds = list(runs.values())
        for number in range(len(rounds[0])):
            for metric in SHOWN:
                values = [run[number].get(metric) for run in rounds]
                if all(value is not None for value in values):
                    figures.add(f"{regime}, round {number}", name, metric, *over_seeds(values))
    for (regime, name), runs in done.items():
        ours = done.get((regime, "learned"), {})
        if name == "learned" or not (both := sorted(ours.keys() & runs.keys())):
            continue
        gaps = [ours[seed][-1]["test accuracy"] - runs[seed][-1]["test accuracy"] for seed in both]
        figures.add(f"{regime}, last round", f"learned less {name}", "test accuracy", *over_seeds(gaps))


def best_of_dpo(figures: Figures, work: Path, size: dict[str, Any]) -> list[dict[str, Any]]:
    """The two best settings by test accuracy, where every comparison is right: two seeds, two rounds."""
    found = []
    for settings in GRID:
        runs = [one_arm(work, "dpo_iterated", ALWAYS_RIGHT, seed, 2, size, **settings) for seed in range(2)]
        after = float(np.mean([run[-1]["test accuracy"] for run in runs]))
        before = float(np.mean([run[0]["test accuracy"] for run in runs]))
        for metric, value in (("test accuracy", after), ("before", before)):
            figures.add("choice of DPO, always right", told(settings), metric, value, n=len(runs))
        found.append(after)
    return [GRID[k] for k in np.argsort(found, kind="stable")[::-1][:2]]


def told(settings: dict[str, Any]) -> str:
    return ", ".join(f"{key} {value:g}" for key, value in settings.items())


if __name__ == "__main__":
    main()
