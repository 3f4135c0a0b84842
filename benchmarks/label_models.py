"""Label models on ordinary matrices of weak labels: ours beside Snorkel, crowd-kit, FlyingSquid and skweak.

    python benchmarks/label_models.py [--quick] [--only ARM ...] [--json docs/results/label_models.json]

Seven published matrices, every arm on the same votes, no gold in any fit. Rows without a vote are set to uniform
for every arm, and ties share: "as predicted" is the accuracy without the first of these. NLL in nats counts a
probability below 1e-6 as that, Brier is summed over classes, ECE has 15 equal bins of the largest probability on
[0, 1]. Intervals (95%) resample rows. "auto less the best peer" takes, for each metric, the peer that is best in
it on that matrix, with hindsight; differences are paired. Then cases with known truth, drawn over and over:
figures are means over draws, with the lowest and the highest draw. A peer that fails on a matrix counts as uniform
there, and its row says so.

Then crowds drawn with known truth (`_drawn_crowds.py`): 40 kinds, by classes, balance, size and trouble, on the seeds 10, 11
and 12. (Seeds 0 and 1 were looked at while `auto` was made.) Figures are means over the kinds, with an interval that
resamples them; "the best single model of each crowd" is chosen by its truth. Last, what a large sparse crowd costs.

With --only, arms not named are not run, and their rows stay as they stand in the file that --json names.
"""

from __future__ import annotations

import logging
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from _drawn_crowds import CROWDS, draw_crowd
from _figures import Figures, arguments, shared_folder
from _kept_rows import keep_rows, renew_differences
from _label_model_peers import Peer, all_peers, answer
from numpy.typing import NDArray

from weaklabel.label_models import get_label_model

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))
from synthetic import KNOWN_TRUTH

OURS = ("majority_vote", "weighted_vote", "dawid_skene", "one_sided", "triplet", "moments", "auto")
METRICS = ("accuracy", "nll", "brier", "ece")
BINS = 15
DRAWS = 1000
# On drawn votes the slow ones would take hours, and say nothing that Dawid-Skene does not.
FAST_PEERS = ("Snorkel LabelModel", "crowd-kit DawidSkene", "FlyingSquid", "skweak NaiveBayes")

Array = NDArray[np.float64]


Drawn = dict[str, dict[str, Array]]
"""By arm and metric, `(1 + DRAWS,)`: the figure, then its resamples."""


@dataclass
class Scored:
    """One arm's per-row parts on one matrix, so that any resampling is a product with weights."""

    accuracy: Array
    nll: Array
    brier: Array
    gaps: Array = field(repr=False)  # (n, bins): confidence less right, in the row's bin

    def figure(self, metric: str, weights: Array) -> Array:
        """The metric under each row of `weights` `(draws, n)`, rows summing to 1."""
        if metric == "ece":
            return np.abs(weights @ self.gaps).sum(axis=1)
        return weights @ getattr(self, metric)


def scored(p: Array, gold: NDArray[np.int64]) -> Scored:
    n, k = p.shape
    best = np.isclose(p, p.max(axis=1, keepdims=True), atol=1e-9)
    right = best[np.arange(n), gold] / best.sum(axis=1)
    confidence = p.max(axis=1)
    gaps = np.zeros((n, BINS))
    gaps[np.arange(n), np.minimum((confidence * BINS).astype(int), BINS - 1)] = confidence - right
    nll = -np.log(np.clip(p[np.arange(n), gold], 1e-6, 1.0))
    return Scored(right, nll, ((p - np.eye(k)[gold]) ** 2).sum(axis=1), gaps)


def weights_of(n: int, seed: int = 0) -> Array:
    """`(1 + DRAWS, n)`: first the rows as they are, then resampled."""
    counts = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=DRAWS)
    return np.vstack([np.full((1, n), 1 / n), counts / n])


def our(name: str) -> Peer:
    return lambda L, k: get_label_model(name, n_classes=k).fit(L).predict_proba(L)


def run_matrix(figures: Figures, file: Path, arms: dict[str, Peer]) -> tuple[Drawn, list[str]]:
    """One matrix: figures of every arm; what comparisons need, and the arms that did not fail."""
    with np.load(file) as data:
        L, gold, k = data["L"], data["gold"].astype(int), len(data["classes"])
    known = gold >= 0
    weights = weights_of(int(known.sum()))
    found, worked = {}, []
    for name, arm in arms.items():
        start = time.perf_counter()
        p, remark = answer(arm, L, k)
        seconds = time.perf_counter() - start
        worked += [] if remark else [name]
        as_predicted = scored(p[known], gold[known]).accuracy.mean()
        p[(L < 0).all(axis=1)] = 1 / k
        parts = scored(p[known], gold[known])
        found[name] = {metric: parts.figure(metric, weights) for metric in METRICS}
        for metric, values in found[name].items():
            add(figures, file.stem, name + remark, metric, values, int(known.sum()))
        figures.add(
            file.stem, name + remark, "accuracy as predicted", float(as_predicted), None, None, len(L)
        )
        figures.add(file.stem, name + remark, "seconds", seconds)
    return found, worked


def add(figures: Figures, case: str, arm: str, metric: str, values: Array, n: int) -> None:
    low, high = np.quantile(values[1:], [0.025, 0.975])
    figures.add(case, arm, metric, float(values[0]), float(low), float(high), n)


def summarise(
    figures: Figures, by_set: dict[str, Drawn], worked: dict[str, list[str]], peers: list[str]
) -> None:
    """Means over the matrices, and `auto` against the best peer of each matrix and on average."""
    arms = list(next(iter(by_set.values())))
    mean = {
        arm: {m: np.mean([found[arm][m] for found in by_set.values()], axis=0) for m in METRICS}
        for arm in arms
    }
    for arm in arms:
        for metric in METRICS:
            add(figures, "mean of the matrices", arm, metric, mean[arm][metric], len(by_set))
    for name, found in by_set.items():
        for metric in METRICS if peers else ():
            sign = -1 if metric == "accuracy" else 1
            able = [peer for peer in peers if peer in worked[name]]
            best = min(able, key=lambda p: sign * found[p][metric][0], default="majority_vote")
            for label, other in (
                ("majority_vote", "majority_vote"),
                (f"best peer in {metric}: {best}", best),
            ):
                gap = found["auto"][metric] - found[other][metric]
                add(figures, f"{name}: auto less", label, metric, gap, 0)
    for other in ("majority_vote", *peers):
        for metric in METRICS:
            add(
                figures,
                "mean of the matrices: auto less",
                other,
                metric,
                mean["auto"][metric] - mean[other][metric],
                0,
            )


def run_known_truth(figures: Figures, arms: dict[str, Peer], n: int, seeds: range) -> None:
    for case, draw in KNOWN_TRUTH.items():
        drawn = [draw(n, seed) for seed in seeds]
        for name, arm in arms.items():
            if name == "FlyingSquid" and drawn[0][0].shape[1] > 50:
                continue  # minutes
            results: dict[str, list[float]] = {metric: [] for metric in METRICS}
            for L, y, accuracies in drawn:
                k = int(y.max()) + 1
                p, _ = answer(arm, L, k)
                parts = scored(p, y)
                for metric in METRICS:
                    results[metric].append(float(parts.figure(metric, np.full((1, n), 1 / n))[0]))
                if name in OURS:
                    error = error_of_accuracies(name, L, k, accuracies)
                    results.setdefault("RMSE of accuracies", []).extend(error)
            for metric, values in results.items():
                if values:
                    figures.add(case, name, metric, float(np.mean(values)), min(values), max(values), n)


def error_of_accuracies(name: str, L: NDArray[np.int8], k: int, accuracies: Array) -> list[float]:
    """Root mean square over LFs of the accuracy recovered less the true one; nothing for models without."""
    model = get_label_model(name, n_classes=k).fit(L)
    if name == "dawid_skene":
        recovered = np.einsum("jcc->j", model.confusion_) / k  # type: ignore[attr-defined]
    elif hasattr(model, "accuracies_"):
        recovered = model.accuracies_
    else:
        return []
    return [float(np.sqrt(np.mean((recovered - accuracies) ** 2)))]


def run_crowds(figures: Figures, seeds: range, kinds: slice) -> None:
    """Our models on drawn crowds, on average, by trouble and by balance."""
    names = (*(name for name in OURS if name != "auto"), "dawid_skene, balance estimated", "auto")
    crowds = CROWDS[kinds]
    found = {name: np.empty((len(crowds), 2)) for name in names}
    for row, crowd in enumerate(crowds):
        drawn = [draw_crowd(crowd, seed) for seed in seeds]
        for name in names:
            each = [scored(crowd_answer(name, L, crowd.k), y) for L, y in drawn]
            found[name][row] = np.mean([[one.accuracy.mean(), one.nll.mean()] for one in each], axis=0)
    single = np.stack([found[name] for name in names if name != "auto"])
    best = np.take_along_axis(single, single[:, :, 1].argmin(axis=0)[None, :, None], axis=0)[0]
    found["the best single model of each crowd"] = best
    groups = {"drawn crowds": np.ones(len(crowds), dtype=np.bool_)}
    for part in ("trouble", "balance"):
        kind = np.array([getattr(crowd, part) for crowd in crowds])
        groups |= {f"drawn crowds: {part}: {value}": kind == value for value in dict.fromkeys(kind)}
    for case, rows in groups.items():
        weights = weights_of(int(rows.sum()))
        for name, values in found.items():
            for column, metric in enumerate(("accuracy", "nll")):
                add(figures, case, name, metric, weights @ values[rows, column], int(rows.sum()))


def crowd_answer(name: str, L: NDArray[np.int8], k: int) -> Array:
    model, _, estimated = name.partition(", ")
    settings = {"estimate_balance": True} if estimated else {}
    return get_label_model(model, n_classes=k, **settings).fit(L).predict_proba(L)


def run_large_crowd(figures: Figures, n: int, m: int) -> None:
    """CPU-seconds of fit and answer on `n` rows with five votes each of `m` workers."""
    rng = np.random.default_rng(0)
    truth, right = rng.integers(2, size=(n, 1)), rng.uniform(0.55, 0.95, m)
    who = np.argsort(rng.random((n, m)), axis=1)[:, :5]
    L = np.full((n, m), -1, dtype=np.int8)
    votes = np.where(rng.random((n, 5)) < right[who], truth, 1 - truth)
    np.put_along_axis(L, who, votes.astype(np.int8), axis=1)
    for name in ("moments", "dawid_skene", "auto"):
        start = time.process_time()
        p = get_label_model(name, n_classes=2).fit(L).predict_proba(L)
        figures.add(
            f"{n} rows, {m} workers, five votes a row", name, "CPU-seconds", time.process_time() - start
        )
        nll = float(scored(p, truth[:, 0]).nll.mean())
        figures.add(f"{n} rows, {m} workers, five votes a row", name, "nll", nll)


def main() -> None:
    parser = arguments(__doc__ or "")
    parser.add_argument(
        "--only", nargs="*", metavar="ARM", help="arms to run; others stay as --json has them"
    )
    options = parser.parse_args()
    files = sorted((shared_folder() / "data" / "label_matrices").glob("*.npz"))
    peers, missing = all_peers()
    packages = ("weaklabel", "numpy", "snorkel", "crowd-kit", "flyingsquid", "skweak", "torch")
    figures = Figures("label_models", packages)
    arms: dict[str, Callable[..., Array]] = {**{name: our(name) for name in OURS}, **peers}
    if options.quick:
        files, arms = files[:1], {n: a for n, a in arms.items() if n in (*OURS, *FAST_PEERS)}
        peers = {n: a for n, a in peers.items() if n in arms}
    if options.only:
        arms = {n: a for n, a in arms.items() if n in {*options.only, "auto", "majority_vote"}}
        peers = {n: a for n, a in peers.items() if n in arms}
    by_set, worked = {}, {}
    for file in files:
        by_set[file.stem], worked[file.stem] = run_matrix(figures, file, arms)
        print(f"{file.stem} done", file=sys.stderr)
    summarise(figures, by_set, worked, list(peers))
    seeds = range(1 if options.quick else 5)
    few = {n: a for n, a in arms.items() if n in (*OURS, *FAST_PEERS)}
    run_known_truth(figures, few, 1000 if options.quick else 10_000, seeds)
    run_crowds(figures, range(10, 11 if options.quick else 13), slice(None, None, 7 if options.quick else 1))
    run_large_crowd(figures, *((2_000, 100) if options.quick else (20_000, 766)))
    for line in missing:
        print(line)
    if options.only and options.json and options.json.exists():
        keep_rows(figures, options.json)
        renew_differences(figures, "auto")
    figures.finish(options.json)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    main()
