"""The leverage of an evaluation model: n answers of an expert, 9n pairs by the model they teach, and DPO on either.

    python benchmarks/proxy_toy.py [--quick] [--json FILE] [--work FOLDER] [--only ARM ...]

A model of two layers has learned middling descriptions of things; people like other ones (`_superhf_task.py`). Every arm
starts from that policy and may put 50 questions to the expert; the arms are told in `_proxy_arms.py`. DPO's learning rate and
beta are chosen once, by the arm whose 450 questions are all answered, and hold for all. Five seeds, one after the other;
an estimate is printed first; with --work, what is done is not done again.

Figures are of two answers to each of 200 prompts that no training saw. Intervals are over seeds (t), and of differences by seed.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from _figures import Figures, arguments, over_seeds
from _proxy_arms import ALL_ASKED, Seed, Size, arms
from _proxy_picture import gains_picture

from weaklabel.artifacts import write_text
from weaklabel.metrics import Interval

GRID = [{"learning_rate": rate, "beta": beta} for rate in (3e-4, 1e-3) for beta in (0.05, 0.2)]
GAPS = (
    ("proxy", "answers"),
    ("proxy", "answers, as many steps"),
    ("proxy", "answers, three times the passes"),
    ("proxy and answers", "proxy"),
    ("linear proxy", "answers"),
    ("policy proxy", "answers"),
    ("policy proxy", "linear proxy"),
    ("proxy", "proxy, off-policy"),
    ("linear proxy", "linear proxy, off-policy"),
    ("proxy", "proxy, flawless writers"),
    ("linear proxy", "linear proxy, flawless writers"),
    ("linear proxy, coreset", "linear proxy"),
    ("linear proxy, uncertainty", "linear proxy"),
    ("linear proxy, expected gain", "linear proxy"),
    ("linear proxy, scores", "linear proxy"),
    ("proxy, two rounds", "proxy"),
    ("all asked", "answers"),
    ("proxy", "all asked"),
    ("linear proxy", "all asked"),
    ("proxy", "best and worst by the expert"),
)
START = "the policy at the start"
Done = dict[str, dict[int, dict[str, float]]]
"""Arm -> seed -> figures."""


def chosen_dpo(
    figures: Figures, seeds: Sequence[Seed], grid: Sequence[Mapping[str, float]]
) -> Mapping[str, float]:
    """The rate and the beta at which people like the policy best that was taught by 9n answers of the expert."""
    worth = []
    for dpo in grid:
        name = f"learning_rate {dpo['learning_rate']:g}, beta {dpo['beta']:g}"
        told = [seed.made(ALL_ASKED, dpo) for seed in seeds]
        gained = [
            each["quality"] - seed.at_start()["quality"] for each, seed in zip(told, seeds, strict=True)
        ]
        figures.add("choice by all asked", name, "quality gained", *over_seeds(gained))
        worth.append(np.mean(gained))
    return grid[int(np.argmax(worth))]


def add_figures(figures: Figures, done: Done) -> None:
    """Of every arm, and of every gap over the seeds that have both."""
    for arm, of in done.items():
        for name in dict.fromkeys(name for each in of.values() for name in each):
            values = [each[name] for each in of.values() if each.get(name) is not None]
            figures.add("arms", arm, name, *over_seeds(values))
    for one, other in GAPS:
        if one not in done or other not in done:
            continue
        both = sorted(done[one].keys() & done[other].keys())
        for name in ("quality gained", "accuracy on new pairs"):
            if all(name in done[arm][k] for arm in (one, other) for k in both):
                gaps = [done[one][k][name] - done[other][k][name] for k in both]
                figures.add("gaps", f"{one} less {other}", name, *over_seeds(gaps))


def picture(figures: Figures, file: Path) -> None:
    """What every arm gains."""
    rows = [row for row in figures.rows if row.case == "arms" and row.metric == "quality gained"]
    found = {row.arm: Interval(row.value, row.low, row.high, row.n) for row in rows}
    write_text(file, gains_picture(found).svg())


def main() -> None:
    parser = arguments(__doc__ or "")
    parser.add_argument("--work", type=Path, help="a folder in which arms are kept and gone on with")
    parser.add_argument("--only", nargs="+", metavar="ARM", help="these arms alone")
    options = parser.parse_args()
    quick = options.quick
    size = Size(demonstrations=120, epochs=2, queries=8, leverage=3, passes=1, tested=20) if quick else Size()
    grid, seeds_of = (GRID[:1], range(1)) if quick else (GRID, range(5))
    groups = [[arm for arm in group if not options.only or arm.name in options.only] for group in arms(size)]
    figures = Figures("proxy_toy", ("weaklabel", "torch", "transformers", "numpy"))
    with tempfile.TemporaryDirectory(prefix="weaklabel-proxy-") as folder:
        work = options.work or Path(folder)
        began = time.perf_counter()
        seeds = [Seed(number, work, size) for number in seeds_of]
        between = time.perf_counter()
        seeds[0].made(ALL_ASKED, grid[0])
        once = time.perf_counter() - between
        runs = len(seeds) * (sum(map(len, groups)) + len(grid) - 1)
        print(
            f"the policies to start from took {between - began:.0f} s, a run {once:.0f} s (less where it is there already); all of "
            f"it about {runs * once / 60:.0f} minutes",
            file=sys.stderr,
        )
        dpo = chosen_dpo(figures, seeds, grid)
        of_choice = list(figures.rows)
        done: Done = {START: {seed.number: seed.at_start() for seed in seeds}}
        for group in groups:
            for seed in seeds:
                for arm in group:
                    made = seed.made(arm, dpo)
                    gained = made["quality"] - seed.at_start()["quality"]
                    done.setdefault(arm.name, {})[seed.number] = {"quality gained": gained, **made}
                figures.rows[:] = of_choice
                add_figures(figures, done)
                figures.save(options.json)
    figures.finish(options.json)
    if options.json and not quick:
        picture(figures, options.json.with_name(f"{options.json.stem}_arms.svg"))


if __name__ == "__main__":
    main()
