"""Weak labels first, then expert answers where they are wanted most: at how many is a labeler as good as with all of them?

    python benchmarks/acquisition_weak_first.py [--quick] [--json FILE] [--only WORDS] [--seeds 10] [--work FOLDER]
        [--pictures FOLDER]

MT-Bench, UltraFeedback and HH-RLHF. For each seed half of the prompts are held out and the gold of the rest is hidden. The
labeler (`pair_model`, all shipped functions, votes on all pairs) begins without gold. Then answers are asked in rounds: on
pairs where the labels and a reward model out of fold contradict each other (`disagreement`, as RLHF with targeted feedback
does), on the most uncertain, and at random; and by the first two with a fifth of the questions at random, as `weaklabel next`
has it unless it is told otherwise. After each round it is fitted again and judged on what is held out. "all gold" is
the same labeler with the gold of every pair that could be asked.

"accuracy less" is that of all gold less ours, "NLL more" is ours less that of all gold, "NLL over no gold" ours less what the
same labeler had before it asked: means over seeds with a 95% interval of
Student's t of the paired differences. Seeds share pairs, so an interval says whether a difference holds over splits and draws,
not over new data. An arm has *reached* all gold from the smallest number on at which the mean, there and at every larger
number, is at most .01 (of accuracy, or nats) short of it; *surely*, where the whole interval is. A number that is missing was
never reached.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from _acquisition_arms import Found, Task, interval, measured, options_of
from _acquisition_tasks import Arm, Real
from _figures import Figures, shared_folder

from weaklabel.metrics import Interval
from weaklabel.pictures.curves import curves_picture

SETS = {
    "mt_bench_train": ("MT-Bench", (0, 25, 50, 100, 200)),
    "ultrafeedback_train": ("UltraFeedback", (0, 25, 50, 100, 200, 300, 400)),
    "hh_rlhf_train": ("HH-RLHF", (0, 25, 50, 100, 200, 400, 600)),
}
ARMS = [
    Arm("random"),
    Arm("uncertainty"),
    Arm("disagreement"),
    Arm("uncertainty", random_share=0.2),
    Arm("disagreement", random_share=0.2),
]
DRAWN = ARMS[:3]
ALL = (10**9,)
SHORT = 0.01
METRICS = (("accuracy", "accuracy less", 0, -1), ("NLL", "NLL more", 1, 1))
"""Of each score: its name, that of what it is short of all gold, its column, and the sign by which more is worse."""


def short_of_all(found: Found, arm: Arm, at: int, column: int, sign: int, everything: Found) -> np.ndarray:
    """Per seed: by how much an arm is worse than all gold."""
    seeds = [seed for name, seed in found if name == str(arm)]
    ours = np.array([found[str(arm), seed][at][column] for seed in seeds])
    return sign * (ours - [everything["random", seed][0][column] for seed in seeds])


def reached(budgets: Sequence[int], short: Sequence[float]) -> int | None:
    """The smallest budget from which on no value is above `SHORT`.

    >>> reached([0, 25, 50], [0.2, 0.01, 0.0]), reached([0, 25, 50], [0.0, 0.0, 0.2])
    (25, None)
    """
    late = [i for i, value in enumerate(short) if value > SHORT]
    first = late[-1] + 1 if late else 0
    return budgets[first] if first < len(budgets) else None


def tell(figures: Figures, task: Task, budgets: Sequence[int], found: Found, everything: Found) -> None:
    seeds = len(everything)
    for name, _, column, _ in METRICS:
        of_all = [everything["random", seed][0][column] for seed in range(seeds)]
        figures.add(f"{task.name}: all gold", "all gold", name, float(np.mean(of_all)), n=seeds)
    for at, budget in enumerate(budgets):
        for arm in ARMS:
            case = f"{task.name}: {budget} gold"
            for name, difference, column, sign in METRICS:
                scores = [found[str(arm), seed][at][column] for seed in range(seeds)]
                figures.add(case, str(arm), name, float(np.mean(scores)), n=seeds)
                short = short_of_all(found, arm, at, column, sign, everything)
                figures.add(case, str(arm), difference, float(short.mean()), *interval(short), n=seeds)
            if budget:
                more = short_of_all(found, arm, at, 1, 1, everything)
                more = more - short_of_all(found, arm, 0, 1, 1, everything)
                figures.add(case, str(arm), "NLL over no gold", float(more.mean()), *interval(more), n=seeds)
    for arm in ARMS:
        for name, _, column, sign in METRICS:
            shorts = [short_of_all(found, arm, at, column, sign, everything) for at in range(len(budgets))]
            for how, values in (
                ("reached", [short.mean() for short in shorts]),
                ("surely reached", [interval(short)[1] for short in shorts]),
            ):
                if (budget := reached(budgets, values)) is not None:
                    figures.add(f"{task.name}: gold needed", str(arm), f"{name} {how}", budget, n=seeds)


def picture(name: str, budgets: Sequence[int], found: Found, everything: Found) -> str:
    """How many nats each arm is short of all gold, as SVG."""
    _, _, column, sign = METRICS[1]
    shorts = {
        str(arm): [short_of_all(found, arm, at, column, sign, everything) for at in range(len(budgets))]
        for arm in DRAWN
    }
    curves = {
        arm: [
            (budget, Interval(float(short.mean()), *interval(short), len(short)))
            for budget, short in zip(budgets, of_arm, strict=True)
        ]
        for arm, of_arm in shorts.items()
    }
    made = curves_picture(
        curves,
        f"{name}: NLL more than with all gold",
        axis="nats",
        across="gold",
        reference=SHORT,
        reference_name=".01 nats",
    )
    return made.svg()


def main() -> None:
    parser = options_of(__doc__ or "")
    parser.add_argument(
        "--pictures", type=Path, metavar="FOLDER", help="draw the NLL of each set to a file there (.svg)"
    )
    options = parser.parse_args()
    seeds = options.seeds or (2 if options.quick else 10)
    figures = Figures("acquisition_weak_first", ("weaklabel", "numpy", "scipy", "scikit-learn"))
    folder = shared_folder() / "data" / "preferences"
    for file, (name, budgets) in list(SETS.items())[: 1 if options.quick else None]:
        task = Real(folder / f"{file}.parquet", name, budgets, [], "pair_model")
        if options.only not in task.name:
            continue
        budgets = budgets[: 3 if options.quick else None]
        everything = measured(task, [Arm("random")], seeds, ALL, options.work)
        found = measured(task, ARMS, seeds, budgets, options.work)
        tell(figures, task, budgets, found, everything)
        n_open = float(np.mean([task.n_open(seed) for seed in range(seeds)]))
        figures.add(f"{task.name}: all gold", "all gold", "pairs, mean", n_open, n=seeds)
        figures.save(options.json)
        if options.pictures is not None:
            drawn = options.pictures / f"acquisition_weak_first_{file}.svg"
            drawn.write_text(picture(name, budgets, found, everything), encoding="utf-8")
    figures.finish(options.json)


if __name__ == "__main__":
    main()
