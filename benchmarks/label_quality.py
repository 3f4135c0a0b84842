"""How good are the labels? Ours beside majority vote, Dawid-Skene and Snorkel, on real pairs.

    python benchmarks/label_quality.py [--quick] [--json docs/results/label_quality.json]

Five folds by prompt, everything fitted inside the fold through the public `fit` and `label`, several shuffles
of the folds. Every arm gets the same labeling functions and the same gold. "as shipped" means without gold and
without a calibrator, "+ temperature" the same model with one temperature fitted on the training folds' gold.
Accuracy, NLL and Brier are means over the shuffles with an interval that resamples prompts; ECE (15 bins on
[.5, 1]) is taken per shuffle, never pooled, and stands with its range over the shuffles beside the 90% band of a
perfectly calibrated model with the same p ("ece if perfect").
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np
from _figures import Figures, arguments, shared_folder
from numpy.typing import NDArray

import weaklabel as wl
from weaklabel.groups import folds_by_prompt
from weaklabel.metrics import bootstrap, ece, ece_when_perfect, nll, paired_difference
from weaklabel.types import Pairs, Votes

DATA_SETS = {"mt_bench_train": "mt_bench", "ultrafeedback_train": "ultrafeedback", "hh_rlhf_train": "hh"}


class Arm(NamedTuple):
    """A label model with what it may see. `lfs` is "preset" (the reference paper's) or "shipped" (all)."""

    name: str
    lfs: str
    model: str
    calibration: str
    margins: bool = True


def arms() -> Iterator[Arm]:
    for lfs in ("preset", "shipped"):
        for model in ("majority_vote", "dawid_skene", "snorkel"):
            if model == "snorkel" and find_spec("snorkel") is None:
                continue
            yield Arm(f"{model}, as shipped", lfs, model, "none")
            yield Arm(f"{model} + temperature", lfs, model, "temperature")
        yield Arm("pair_model on votes alone", lfs, "pair_model", "auto", margins=False)
        yield Arm("pair_model", lfs, "pair_model", "auto")


def held_out(
    arm: Arm, pairs: Pairs, votes: Votes, lfs: list[wl.LabelingFunction], seed: int
) -> NDArray[np.float64]:
    """P(B) of every pair from a labeler that saw only the other folds."""
    if not arm.margins:
        votes = Votes(votes.L, np.full_like(votes.margins, np.nan), votes.lf_names, votes.ids)
    p = np.empty(len(pairs))
    folds = folds_by_prompt(pairs.prompt_groups, 5, seed)
    for fold in range(5):
        held = folds == fold
        labeler = wl.fit(
            lfs,
            pairs.take(~held),
            model=arm.model,
            calibration=arm.calibration,
            votes=votes.take(~held),
            seed=seed,
        )
        p[held] = labeler.label(pairs.take(held), votes=votes.take(held)).p
    return p


def longer_response(pairs: Pairs) -> NDArray[np.float64]:
    size = [np.array([len(t) for t in pairs.table[c].to_pylist()]) for c in ("response_a", "response_b")]
    return (np.sign(size[1] - size[0]) + 1) / 2


def measure(
    figures: Figures, case: str, arm: str, by_shuffle: list[NDArray[np.float64]], pairs: Pairs
) -> None:
    y, groups = pairs.y, pairs.prompt_groups
    # The mean over shuffles of a mean over rows is a mean over all rows of all shuffles; prompts stay the unit.
    pooled, truth = np.concatenate(by_shuffle), np.tile(y, len(by_shuffle))
    prompts = np.tile(groups, len(by_shuffle))
    for name in ("accuracy", "nll", "brier"):
        interval = bootstrap(name, pooled, truth, prompts)
        figures.add(case, arm, name, interval.value, interval.low, interval.high, len(y))
    each = [ece(p, y) for p in by_shuffle]
    figures.add(case, arm, "ece", float(np.mean(each)), min(each), max(each), len(y))
    bands = [ece_when_perfect(p, n_draws=300) for p in by_shuffle]
    low, high = np.mean([b.low for b in bands]), np.mean([b.high for b in bands])
    figures.add(
        case, arm, "ece if perfect", float(np.mean([b.value for b in bands])), float(low), float(high), len(y)
    )


def main() -> None:
    options = arguments(__doc__ or "").parse_args()
    folder = shared_folder() / "data" / "preferences"
    figures = Figures("label_quality", ("weaklabel", "snorkel", "numpy", "scikit-learn"))
    shuffles = range(1 if options.quick else 3)
    for case, preset in DATA_SETS.items():
        run_case(figures, case, preset, folder / f"{case}.parquet", shuffles, options.quick)
    figures.finish(options.json)


def run_case(figures: Figures, case: str, preset: str, path: Path, shuffles: range, quick: bool) -> None:
    pairs = wl.read_pairs(path, test_share=0.0)
    pairs = pairs.take(pairs.has_gold)
    if quick:
        pairs = pairs.take(pairs.prompt_groups < 40)
    chosen = {"preset": wl.load_lfs(f"shipped:{preset}"), "shipped": wl.load_lfs("shipped")}
    votes = {name: wl.apply(lfs, pairs) for name, lfs in chosen.items()}
    longer = longer_response(pairs)
    interval = bootstrap("accuracy", longer, pairs.y, pairs.prompt_groups)
    figures.add(
        case, "longer response wins", "accuracy", interval.value, interval.low, interval.high, len(pairs)
    )
    ours, theirs = {}, {}
    for arm in arms():
        by_shuffle = [held_out(arm, pairs, votes[arm.lfs], chosen[arm.lfs], seed) for seed in shuffles]
        measure(figures, case, f"{arm.lfs}: {arm.name}", by_shuffle, pairs)
        (ours if arm.name == "pair_model" else theirs)[arm] = by_shuffle
    compare(figures, case, ours, theirs, pairs)


def compare(figures: Figures, case: str, ours: dict, theirs: dict, pairs: Pairs) -> None:  # type: ignore[type-arg]
    """Our best arm against every peer: paired differences on the same pairs, prompts resampled."""
    best = min(ours, key=lambda arm: np.mean([nll(p, pairs.y) for p in ours[arm]]))
    shuffles = len(ours[best])
    y, prompts = np.tile(pairs.y, shuffles), np.tile(pairs.prompt_groups, shuffles)
    for arm, by_shuffle in theirs.items():
        for name in ("accuracy", "nll"):
            gap = paired_difference(name, np.concatenate(ours[best]), np.concatenate(by_shuffle), y, prompts)
            figures.add(
                f"{case}: ours less the peer's",
                f"{arm.lfs}: {arm.name}",
                name,
                gap.value,
                gap.low,
                gap.high,
                gap.n,
            )


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
