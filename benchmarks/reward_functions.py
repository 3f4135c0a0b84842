"""Is the reward that reads the labeling functions better than gold alone, and as good as the label model?

    python benchmarks/reward_functions.py [--quick] [--only mt_bench_train] [--draws 5] [--first 0] [--workers 1]
                                          [--folder build/reward_functions] [--json docs/results/reward_functions.json]

Three real sets and four seeds of the generated sample (3,000 pairs, 800 with gold), all shipped labeling functions. A
draw holds out 30% of the prompts with gold and puts the rest in order: 25, 50, 100, 200, 400 or all of their gold is
known, all other pairs outside the held-out prompts have none. Arms, all on the same pairs:

- gold only: the linear model on n-grams, of the gold alone;
- linear, our labels: the same, of gold and of the labels that a labeler fitted to that gold gives all other pairs;
- the label model: that labeler itself, on the held-out pairs;
- functions: the labeling functions read one response at a time; with no start, with n-grams taught by the label model
  without gold (agreement), or with readings taught by the label model (labels).

On the sample also with half of the functions unreadable, drawn per seed: given as functions of pairs, with the same
votes. Figures are over all draws together, intervals resample prompts; differences are paired. "clear losses" counts the
differences from gold only, in accuracy and NLL at each size, whose interval lies on the wrong side of 0.

Held-out logits are kept below --folder, by a hash of the package's sources: a killed run continues.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from _figures import Figures, arguments
from sweep import REAL, read

import weaklabel as wl
from weaklabel.artifacts import content_hash
from weaklabel.data.sample import sample_pairs
from weaklabel.lf.core import LabelingFunction, PairFunction
from weaklabel.logistic import one_thread
from weaklabel.metrics import bootstrap, paired_difference
from weaklabel.pipeline.sweep.grid import Draw, draw
from weaklabel.pipeline.sweep.making import _with_gold
from weaklabel.reward import get_reward_model
from weaklabel.types import Labels, Pairs, Votes

SAMPLE = "sample"
SIZES = (25, 50, 100, 200, 400, 0)  # 0 stands for all there is
GOLD_ONLY, LABELS, LABEL_MODEL = "gold only", "linear, our labels", "the label model"
METRICS = ("accuracy", "nll")
STARTS = {"none": "no start", "agreement": "agreement's start", "labels": "labels' start"}


@dataclass
class Data:
    """A set of pairs with the functions' votes on it, and one draw of who is held out."""

    name: str
    number: int

    @cached_property
    def pairs(self) -> Pairs:
        return sample_pairs(3000, 800, seed=self.number) if self.name == SAMPLE else read(self.name)

    @cached_property
    def lfs(self) -> Sequence[LabelingFunction]:
        return wl.load_lfs("shipped")

    @cached_property
    def votes(self) -> Votes:
        return wl.apply(self.lfs, self.pairs, max_fault_share=None)

    @cached_property
    def half(self) -> Sequence[LabelingFunction]:
        """The functions, every second of which, in a drawn order, scores no single response."""
        order = np.random.default_rng(self.number).permutation(len(self.lfs))
        return [
            lf if i % 2 else PairFunction(name=lf.name, family=lf.family, fn=lambda pair: wl.ABSTAIN)
            for i, lf in zip(order, self.lfs, strict=True)
        ]

    @cached_property
    def draw(self) -> Draw:
        return draw(self.pairs, 0.3, self.number)

    @cached_property
    def held(self) -> Pairs:
        return self.pairs.take(self.draw.held)


@dataclass
class Cell:
    """One amount of gold on one draw."""

    data: Data
    size: int

    @cached_property
    def gold(self) -> Any:
        return self.data.draw.gold_slice(self.size or len(self.data.draw.gold))

    @cached_property
    def taught(self) -> Pairs:
        """All pairs outside the held-out prompts, with the gold of this cell alone."""
        y = np.full(len(self.data.pairs), np.nan)
        y[self.gold] = self.data.pairs.y[self.gold]
        rows = np.sort(self.data.draw.train)
        return _with_gold(self.data.pairs.take(rows), y[rows])

    @cached_property
    def votes(self) -> Votes:
        return self.data.votes.take(np.sort(self.data.draw.train))

    @cached_property
    def labeler(self) -> Any:
        return wl.fit(self.data.lfs, self.taught, votes=self.votes, seed=self.data.number)

    @cached_property
    def labels(self) -> Labels:
        return self.labeler.label_known(self.taught, self.votes)


def gold_only(cell: Cell) -> Any:
    known = cell.taught.take(cell.taught.has_gold)
    return get_reward_model("linear").fit(known, known.y, gold=known.y).compare(cell.data.held)


def our_labels(cell: Cell) -> Any:
    model = wl.train_reward(cell.labels, "linear", allow_uncalibrated=True)
    return model.compare(cell.data.held)


def label_model(cell: Cell) -> Any:
    held = cell.labeler.label_known(cell.data.held, cell.data.votes.take(cell.data.draw.held))
    return held.p


def functions(half: bool, **settings: Any) -> Callable[[Cell], Any]:
    def arm(cell: Cell) -> Any:
        lfs = cell.data.half if half else cell.data.lfs
        model = get_reward_model("functions", lfs=lfs, votes=cell.votes, seed=cell.data.number, **settings)
        pairs = cell.taught
        model.fit(pairs, np.where(pairs.has_gold, pairs.y, 0.5), gold=pairs.y)
        return model.compare(cell.data.held)

    return arm


ARMS: dict[str, Callable[[Cell], Any]] = {
    GOLD_ONLY: gold_only,
    LABELS: our_labels,
    LABEL_MODEL: label_model,
    **{f"functions, {what}": functions(False, start=start) for start, what in STARTS.items()},
}
HALF = {f"functions, half unreadable, {what}": functions(True, start=start) for start, what in STARTS.items()}


def arms_of(name: str) -> dict[str, Callable[[Cell], Any]]:
    return ARMS | (HALF if name == SAMPLE else {})


def measure(folder: Path, name: str, number: int, size: int, arms: Sequence[str]) -> None:
    """The held-out p of these arms on one draw and amount of gold, where they are not known yet."""
    global _DATA
    missing = [arm for arm in arms if not place(folder, name, number, size, arm).is_file()]
    if not missing:
        return
    if _DATA is None or (_DATA.name, _DATA.number) != (name, number):
        _DATA = Data(name, number)
    cell = Cell(_DATA, size)
    for arm in missing:
        with one_thread():
            p = arms_of(name)[arm](cell)
        target = place(folder, name, number, size, arm)
        target.parent.mkdir(parents=True, exist_ok=True)
        held = _DATA.held
        np.savez(target.with_suffix(".part.npz"), p=p, y=held.y, groups=held.prompt_groups)
        target.with_suffix(".part.npz").rename(target)


_DATA: Data | None = None


def place(folder: Path, name: str, number: int, size: int, arm: str) -> Path:
    file = re.sub("[^a-z]+", "_", arm.lower())
    return folder / name / f"{number}-{size or 'all'}" / f"{file}.npz"


def together(
    folder: Path, name: str, numbers: Sequence[int], sizes: Sequence[int], arm: str
) -> tuple[Any, Any, Any]:
    """p, gold and prompts of an arm over draws and sizes; on the sample, prompts of two seeds are two prompts."""
    parts = []
    for number, size in product(numbers, sizes):
        found = np.load(place(folder, name, number, size, arm))
        groups = found["groups"] + (number * 10**6 if name == SAMPLE else 0)
        parts.append((found["p"], found["y"], groups))
    p, y, groups = (np.concatenate(column) for column in zip(*parts, strict=True))
    return p, y, groups


def rows_of(figures: Figures, folder: Path, name: str, options: Any) -> None:
    """Every arm with its figures and its differences from gold only and from the label model."""
    numbers, sizes = numbers_of(options, name), options.sizes
    arms = [arm for arm in arms_of(name) if wanted(options, arm)]
    cases = {f"{size or 'all'} gold": [size] for size in sizes}
    cases["50 to 400 gold"] = [size for size in sizes if 50 <= size <= 400]
    for label, some in cases.items():
        if not some:
            continue
        against = {
            base: together(folder, name, numbers, some, base)[0]
            for base in (GOLD_ONLY, LABEL_MODEL)
            if base in arms
        }
        for arm in arms:
            p, y, groups = together(folder, name, numbers, some, arm)
            for metric in METRICS:
                i = bootstrap(metric, p, y, groups)
                figures.add(f"{name}, {label}", arm, metric, i.value, i.low, i.high, i.n)
            for (base, q), metric in product(against.items(), METRICS):
                if base != arm:
                    i = paired_difference(metric, p, q, y, groups)
                    figures.add(f"{name}, {label}", arm, f"{metric} less {base}", i.value, i.low, i.high, i.n)


def count_losses(figures: Figures, names: Sequence[str]) -> None:
    """Differences from gold only whose interval lies on the wrong side of 0, over the real sets and sizes."""
    for arm in ARMS:
        found = [
            row
            for row in figures.rows
            if row.arm == arm
            and row.metric in [f"{metric} less {GOLD_ONLY}" for metric in METRICS]
            and row.case.split(",")[0] in names
            and "to" not in row.case.split(", ")[1].split()
        ]
        if found:
            lost = [row for row in found if (row.high < 0 if "accuracy" in row.metric else row.low > 0)]
            won = [row for row in found if (row.low > 0 if "accuracy" in row.metric else row.high < 0)]
            for what, rows in (("clear losses", lost), ("clear gains", won)):
                figures.add("real sets, all sizes", arm, f"{what} against gold only", len(rows), n=len(found))


def tasks(options: Any, folder: Path) -> Iterator[tuple[Any, ...]]:
    for name in options.only:
        for number, size in product(numbers_of(options, name), options.sizes):
            yield folder, name, number, size, [arm for arm in arms_of(name) if wanted(options, arm)]


def wanted(options: Any, arm: str) -> bool:
    return not options.arm or arm in options.arm


def numbers_of(options: Any, name: str) -> list[int]:
    n = min(options.draws, 4) if name == SAMPLE else options.draws
    return list(range(options.first, options.first + n))


def main() -> None:
    parser = arguments(__doc__ or "")
    parser.add_argument("--folder", type=Path, default=Path("build/reward_functions"))
    parser.add_argument("--only", action="append", choices=(*REAL, SAMPLE), help="these sets; may repeat")
    parser.add_argument(
        "--draws", type=int, default=5, help="of held-out prompts and gold; 5, of the sample 4"
    )
    parser.add_argument("--first", type=int, default=0, help="number of the first draw")
    parser.add_argument("--arm", action="append", help="these arms, gold only among them; may repeat")
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES), help="gold pairs; 0 is all")
    options = parser.parse_args()
    options.only = options.only or [SAMPLE, *REAL]
    if options.quick:
        options.only, options.draws, options.sizes = ["mt_bench_train"], 2, [50]
    sources = sorted(Path(wl.__file__).parent.rglob("*.py"))
    folder = options.folder / content_hash(*(path.read_text(encoding="utf-8") for path in sources))[:12]
    for number, task in enumerate(todo := list(tasks(options, folder)), 1):
        print(f"{number} of {len(todo)}: {task[1]}, draw {task[2]}, {task[3] or 'all'} gold", file=sys.stderr)
        measure(*task)
    figures = Figures("reward_functions", ("weaklabel", "numpy", "scipy"))
    for name in options.only:
        rows_of(figures, folder, name, options)
    count_losses(figures, REAL)
    figures.finish(options.json)


if __name__ == "__main__":
    main()
