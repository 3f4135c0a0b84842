"""What a leak in the scale of a reward model costs, and what the gentle factor gives: linear rewards taught by weak labels.

    python benchmarks/reward_scale.py [--quick] [--json docs/results/reward_scale.json]

A reward model multiplies its scores by one factor, fitted on gold out of fold. Labels of pairs without gold hold what
gold taught the labeler, so a model that never saw a prompt may still have been taught by its gold. Here the same models
get their factor in several ways: none; a temperature on gold that the labeler had seen ("before"); the same on labels
made without the gold that judges; the gentle factor on either ("now" is gentle, without leak), also with other priors. Weights of the scores do not
differ between these arms, so their accuracy is the same.

Four generated samples (1,200 of 3,000 pairs with gold, half of it held out; one draw each), and the three real sets with
the shipped functions (40% of the prompts held out; five draws). Of the rest so many pairs keep their gold, the others are
the pool. All figures are of held-out pairs, intervals resample prompts, differences are paired. "leak" shows how right the
models of left-out prompts are on dev gold, by what taught them, beside held-out pairs.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from _figures import Figures, arguments, shared_folder
from numpy.typing import NDArray

import weaklabel as wl
from weaklabel.calibration import Temperature
from weaklabel.data.sample import sample_pairs
from weaklabel.metrics import accuracy, bootstrap, paired_difference
from weaklabel.pipeline.sweep.grid import draw
from weaklabel.pipeline.sweep.making import with_gold
from weaklabel.reward import RewardModel, scale
from weaklabel.types import FloatArray, Labels, Pairs, Votes, sigmoid

SIZES = (50, 100, 200, 400)
REAL = ("mt_bench_train", "ultrafeedback_train", "hh_rlhf_train")
BEFORE, NOW, GOLD = "before: temperature, leak", "now: gentle, no leak", "gold only, now"
OTHER_SPREADS = (0.25, 1.0)
_gentle = scale.gentle_factor


@dataclass
class Judged:
    """What the models of left-out prompts said of gold, as `scale_out_of_fold` came to know it; empty below its least."""

    z: FloatArray = field(default_factory=lambda: np.empty(0))
    y: FloatArray = field(default_factory=lambda: np.empty(0))
    groups: NDArray[Any] = field(default_factory=lambda: np.empty(0))

    def temperature(self) -> float:
        return Temperature().fit(self.z, self.y).factor_ if len(self.z) else 1.0

    def gentle(self, spread: float = scale.SPREAD) -> float:
        return _gentle(self.z, self.y, self.groups, spread=spread) if len(self.z) else 1.0


@dataclass
class Cell:
    """One draw of one size: per arm P(B) of the held-out pairs and the factor; the leak's figures."""

    y: FloatArray
    prompts: NDArray[Any]
    p: dict[str, FloatArray] = field(default_factory=dict)
    factor: dict[str, float] = field(default_factory=dict)
    right: dict[str, float] = field(default_factory=dict)


def trained(labels: Labels | Pairs) -> tuple[RewardModel, Judged]:
    """A linear reward, and what its folds said."""
    seen = Judged()

    def remember(z: FloatArray, y: FloatArray, groups: NDArray[Any], *, spread: float) -> float:
        seen.z, seen.y, seen.groups = z, y, groups
        return _gentle(z, y, groups, spread=spread)

    scale.gentle_factor = remember
    try:
        return wl.train_reward(labels, "linear", allow_uncalibrated=True), seen
    finally:
        scale.gentle_factor = _gentle


def cell_of(lfs: Any, pairs: Pairs, votes: Votes, held: NDArray[np.intp], gold: NDArray[np.intp]) -> Cell:
    groups = pairs.prompt_groups
    inside = np.flatnonzero(~np.isin(groups, groups[held]))
    known = np.where(np.isin(inside, gold), pairs.y[inside], np.nan)
    taught = with_gold(pairs.take(inside), known)
    labeler = wl.fit(lfs, taught, votes=votes.take(inside))
    labels = labeler.label_known(taught, votes.take(inside))
    blind = replace(
        labels, refit=None, in_sample=np.zeros(len(labels), dtype=np.bool_)
    )  # as if it had seen no gold
    model, nested = trained(labels)
    of_gold, own = trained(taught)
    asked = pairs.take(held)
    of_labels = labeler.label_known(asked, votes.take(held)).p
    raw = difference(model, asked), difference(of_gold, asked)
    return scaled(asked.y, groups[held], raw, of_labels, nested, trained(blind)[1], own)


def scaled(
    y: FloatArray,
    prompts: NDArray[Any],
    raw: tuple[FloatArray, FloatArray],
    of_labels: FloatArray,
    nested: Judged,
    leaky: Judged,
    own: Judged,
) -> Cell:
    """The arms of one draw: unscaled differences of the taught model and of gold only, each with its factors."""
    cell = Cell(y, prompts)
    factors = {
        "factor 1": (0, 1.0),
        BEFORE: (0, leaky.temperature()),
        "temperature, no leak": (0, nested.temperature()),
        "gentle, leak": (0, leaky.gentle()),
        NOW: (0, nested.gentle()),
        **{f"gentle, no leak, spread {s:g}": (0, nested.gentle(s)) for s in OTHER_SPREADS},
        "gold only, factor 1": (1, 1.0),
        "gold only, before: temperature": (1, own.temperature()),
        GOLD: (1, own.gentle()),
        **{f"gold only, spread {s:g}": (1, own.gentle(s)) for s in OTHER_SPREADS},
    }
    for arm, (who, factor) in factors.items():
        cell.p[arm], cell.factor[arm] = sigmoid(factor * raw[who]), factor
    cell.p["the label model"] = of_labels
    if len(leaky.z):
        cell.right = {
            "dev gold, leak": accuracy(sigmoid(leaky.z), leaky.y),
            "dev gold, no leak": accuracy(sigmoid(nested.z), nested.y),
            "held out": accuracy(cell.p[NOW], cell.y),
        }
    return cell


def difference(model: RewardModel, pairs: Pairs) -> FloatArray:
    """Score of b less that of a, before it is scaled."""
    prompts = pairs.table["prompt"].to_pylist()
    a, b = (model.score(prompts, pairs.table[name].to_pylist()) for name in ("response_a", "response_b"))
    return np.asarray((b - a) / model.scale_)


def cells(quick: bool) -> Iterator[tuple[str, int, Cell]]:
    """(set, gold pairs, cell)."""
    lfs = wl.load_lfs("shipped")
    sizes, draws = (SIZES[:1], 1) if quick else (SIZES, 5)
    for seed in range(1 if quick else 4):
        for name, size, cell in of_pairs(
            lfs, "sample", sample_pairs(3000, n_gold=1200, seed=seed), 0.5, [seed], sizes
        ):
            cell.prompts = cell.prompts + 10_000 * seed  # no two samples share a prompt
            yield name, size, cell
    for name in REAL[:1] if quick else REAL:
        pairs = wl.read_pairs(shared_folder() / "data" / "preferences" / f"{name}.parquet", test_share=0.0)
        yield from of_pairs(lfs, name, pairs, 0.4, range(draws), sizes)


def of_pairs(
    lfs: Any, name: str, pairs: Pairs, share: float, seeds: Any, sizes: tuple[int, ...]
) -> Iterator[tuple[str, int, Cell]]:
    pairs = with_gold(pairs, pairs.y)  # all gold is dev gold: who is held out is drawn here
    votes = wl.apply(lfs, pairs)
    for seed in seeds:
        drawn = draw(pairs, share, seed)
        for size in (n for n in sizes if n <= len(drawn.gold)):
            began = time.process_time()
            yield name, size, cell_of(lfs, pairs, votes, drawn.held, drawn.gold_slice(size))
            took = time.process_time() - began
            print(f"{name}, draw {seed}, {size} gold: {took:.1f} CPU seconds", file=sys.stderr, flush=True)


def report(figures: Figures, case: str, found: list[Cell]) -> None:
    """Figures of some cells together."""
    y = np.concatenate([cell.y for cell in found])
    prompts = np.concatenate([cell.prompts for cell in found])
    p: Mapping[str, FloatArray] = {arm: np.concatenate([cell.p[arm] for cell in found]) for arm in found[0].p}
    for arm, answers in p.items():
        for metric in ("accuracy", "nll"):
            one = bootstrap(metric, answers, y, prompts)
            figures.add(case, arm, metric, one.value, one.low, one.high, len(y))
        if arm in found[0].factor:
            each = [cell.factor[arm] for cell in found]
            figures.add(case, arm, "factor", float(np.mean(each)), min(each), max(each), len(each))
    for less in (BEFORE, GOLD, "the label model"):
        for metric in ("accuracy", "nll"):
            gap = paired_difference(metric, p[NOW], p[less], y, prompts)
            figures.add(f"{case}: now less", less, metric, gap.value, gap.low, gap.high, len(y))
    leaks = [cell.right for cell in found if cell.right]
    for arm in leaks[0] if leaks else ():
        each = [leak[arm] for leak in leaks]
        figures.add(f"{case}: leak", arm, "accuracy", float(np.mean(each)), min(each), max(each), len(each))


def report_all(figures: Figures, found: Mapping[tuple[str, int], list[Cell]]) -> None:
    """Every set over all sizes, then every size."""
    for name in dict.fromkeys(name for name, _ in found):
        report(
            figures, f"{name}, all sizes", [c for (n, _), many in found.items() if n == name for c in many]
        )
    for (name, size), many in found.items():
        report(figures, f"{name}, {size} gold", many)


def main() -> None:
    options = arguments(__doc__ or "").parse_args()
    warnings.simplefilter("ignore")
    figures = Figures("reward_scale", ("weaklabel", "numpy", "scipy"))
    found: dict[tuple[str, int], list[Cell]] = defaultdict(list)
    for name, size, cell in cells(options.quick):
        found[name, size].append(cell)
    report_all(figures, found)
    figures.finish(options.json)


if __name__ == "__main__":
    main()
