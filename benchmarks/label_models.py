"""Label models on ordinary matrices of weak labels: ours beside Snorkel, crowd-kit, FlyingSquid and skweak.

    python benchmarks/label_models.py [--quick] [--json docs/results/label_models.json]

Seven published matrices, every arm on the same votes, no gold in any fit. Rows without a vote are set to uniform
for every arm, and ties share: "as predicted" is the accuracy without the first of these. NLL in nats counts a
probability below 1e-6 as that, Brier is summed over classes, ECE has 15 equal bins of the largest probability on
[0, 1]. Intervals (95%) resample rows. "auto less the best peer" takes, for each metric, the peer that is best in
it on that matrix, with hindsight; differences are paired. Then cases with known truth, drawn over and over:
figures are means over draws, with the lowest and the highest draw. A peer that fails on a matrix counts as uniform
there, and its row says so.
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
from _figures import Figures, arguments, shared_folder
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
        for metric in METRICS:
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


def main() -> None:
    options = arguments(__doc__ or "").parse_args()
    files = sorted((shared_folder() / "data" / "label_matrices").glob("*.npz"))
    peers, missing = all_peers()
    packages = ("weaklabel", "numpy", "snorkel", "crowd-kit", "flyingsquid", "skweak", "torch")
    figures = Figures("label_models", packages)
    arms: dict[str, Callable[..., Array]] = {**{name: our(name) for name in OURS}, **peers}
    if options.quick:
        files, arms = files[:1], {n: a for n, a in arms.items() if n in (*OURS, *FAST_PEERS)}
        peers = {n: a for n, a in peers.items() if n in arms}
    by_set, worked = {}, {}
    for file in files:
        by_set[file.stem], worked[file.stem] = run_matrix(figures, file, arms)
        print(f"{file.stem} done", file=sys.stderr)
    summarise(figures, by_set, worked, list(peers))
    seeds = range(1 if options.quick else 5)
    few = {n: a for n, a in arms.items() if n in (*OURS, *FAST_PEERS)}
    run_known_truth(figures, few, 1000 if options.quick else 10_000, seeds)
    for line in missing:
        print(line)
    figures.finish(options.json)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    main()
