"""Hindsight finetuning on digits to be sorted: what words of feedback do, what negatives add, copying, forgetting, soft feedback.

    python benchmarks/hindsight_toy.py [--quick] [--work build/hindsight_toy] [--json docs/results/hindsight_toy.json]
                                       [--picture docs/results/hindsight_toy.svg]

A model of two layers reads general text about digits, in which one line of seven sorts some; from there every arm starts and
takes as many steps. Good outputs are sorted, bad ones have two neighbours changed. Five seeds; an estimate is printed first, and an
arm that is done is kept in --work, so that a run that was stopped goes on. Figures are of 300 prompts that nobody learned.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from _dpo_labels_figures import mean_of_seeds
from _figures import Figures, arguments
from _hindsight_studies import NOISE, STUDIES, Measures
from _hindsight_task import Seed, Sizes

from weaklabel.pictures.curves import curves_picture

QUICK = Sizes(pairs=60, test=20, general=200, base_steps=3, steps=3, batch=16, few=20)
SECONDS = {"control": 5.0, "few positives": 4.5, "copying": 5.0, "forgetting": 6.0}
"""Of one arm on one free core; of the noise too where it is not named."""
BASE = {
    "control": "hindsight",
    "few positives": "hindsight",
    "copying": "no dropout",
    "forgetting": "no general text",
}
"""The arm that others of a study are held against; "hard" where it is not named."""
Done = dict[tuple[str, str, int], Measures]


def main() -> None:
    parser = arguments((__doc__ or "").split("\n", 1)[0])
    parser.add_argument(
        "--work", type=Path, default=Path("build/hindsight_toy"), help="for arms that are done"
    )
    parser.add_argument("--picture", type=Path, metavar="FILE", help="draw the noise study to FILE (.svg)")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    sizes, seeds = (QUICK, range(1)) if options.quick else (Sizes(), range(5))
    work = options.work / ("quick" if options.quick else "whole")
    figures = Figures("hindsight_toy", ("weaklabel", "torch", "transformers"))
    done: Done = {}
    for study in run(work, sizes, seeds, done):
        add_figures(figures, done, study, seeds)
        figures.save(options.json)
    figures.finish(options.json)
    if options.picture:
        options.picture.write_text(picture(done, seeds) + "\n", encoding="utf-8")


def run(work: Path, sizes: Sizes, seeds: range, done: Done) -> Iterator[str]:
    """Every arm of every seed, study by study; a study is given out when it is whole."""
    work.mkdir(parents=True, exist_ok=True)
    file = work / "done.jsonl"
    for line in file.read_text(encoding="utf-8").splitlines() if file.is_file() else ():
        row = json.loads(line)
        done[row["study"], row["arm"], row["seed"]] = row["measures"]
    left = [
        SECONDS.get(study, 5.0)
        for study, arms in STUDIES.items()
        for arm in arms
        for seed in seeds
        if (study, arm, seed) not in done
    ]
    tell(f"{len(left)} trainings are left: about {sum(left) / 60:.0f} minutes on one free core")
    each = {number: Seed(number, sizes, work / str(number)) for number in seeds}
    began = time.monotonic()
    for study, arms in STUDIES.items():
        for number in seeds:
            for arm, measured in arms.items():
                if (study, arm, number) not in done:
                    found = measured(each[number])
                    done[study, arm, number] = found
                    row = {"study": study, "arm": arm, "seed": number, "measures": found}
                    with file.open("a", encoding="utf-8") as kept:
                        kept.write(json.dumps(row) + "\n")
                    tell(f"{(time.monotonic() - began) / 60:5.1f} minutes: {study}, {arm}, seed {number}")
        yield study


def add_figures(
    figures: Figures, done: Mapping[tuple[str, str, int], Measures], study: str, seeds: range
) -> None:
    """Means over seeds, and the differences to the arm that others are held against, by seed."""
    arms = list(STUDIES[study])
    base = BASE.get(study, "hard")
    for arm in arms:
        for name in done[study, arm, seeds[0]]:
            _add(figures, study, arm, name, [done[study, arm, seed][name] for seed in seeds])
    for arm in arms:
        for name in done[study, arm, seeds[0]]:
            if arm != base and name in done[study, base, seeds[0]]:
                gaps = [done[study, arm, seed][name] - done[study, base, seed][name] for seed in seeds]
                _add(figures, f"{study}: less {base}", arm, name, gaps)


def _add(figures: Figures, case: str, arm: str, name: str, values: Sequence[float]) -> None:
    found = mean_of_seeds(values)
    ends = (found.low, found.high) if found.n > 1 else (None, None)
    figures.add(case, arm, name, found.value, *ends, found.n)


def picture(done: Mapping[tuple[str, str, int], Measures], seeds: range) -> str:
    """Sorted answers by the share of wrong labels, of three arms."""
    name = "asked for good: sorted"
    curves = {
        arm: [
            (
                round(100 * noise),
                mean_of_seeds([done[f"noise {noise:.0%}", arm, seed][name] for seed in seeds]),
            )
            for noise in NOISE
        ]
        for arm in ("hard", "soft", "chosen")
    }
    made = curves_picture(curves, "Share of answers that are sorted", axis="% of labels that are wrong")
    return made.svg()


def tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
