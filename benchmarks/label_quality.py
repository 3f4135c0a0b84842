"""How good are the labels? Ours beside majority vote, Dawid-Skene, Snorkel and others, on real pairs.

    python benchmarks/label_quality.py [--quick] [--json docs/results/label_quality.json]

Five folds by prompt, everything fitted inside the fold through the public `fit` and `label`, five shuffles of the
folds (two for ablations and for the curve over gold). Every arm gets the same labeling functions, the same gold and
the same choice of calibrators: "as shipped" means without gold and without a calibrator, "+ calibrator" the same
model with the calibrator that gold of the training folds chose. Accuracy, NLL and Brier are means over the shuffles with an interval that resamples prompts;
ECE (15 bins on [.5, 1]) is taken per shuffle, never pooled, and stands with its range over the shuffles beside the
90% band of a perfectly calibrated model with the same p ("ece if perfect").

Rows named "pair_model without ..." are ablations. Then, with the shipped functions: how much gold it takes (gold of
so many training pairs is kept, the rest is hidden), for the weights that agreement gives without gold, for gold
without agreement, and for both; every arm calibrated on the same gold where it is enough to calibrate.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from _figures import Figures, arguments, shared_folder
from numpy.typing import NDArray

import weaklabel as wl
import weaklabel.labeler.asking
import weaklabel.labeler.labeler
from weaklabel.calibration import Temperature
from weaklabel.groups import folds_by_prompt
from weaklabel.lf.hashed_text import pair_features
from weaklabel.metrics import bootstrap, ece, ece_when_perfect, nll, paired_difference
from weaklabel.report.ceiling import gold_agreement
from weaklabel.types import FloatArray, PairFeatures, Pairs, Votes, sigmoid

DATA_SETS = {"mt_bench_train": "mt_bench", "ultrafeedback_train": "ultrafeedback", "hh_rlhf_train": "hh"}
SIZES = (25, 50, 100, 200, 400)
VIEWS = ("words", "characters", "layout", "style")
PEERS = ("majority_vote", "weighted_vote", "dawid_skene", "triplet", "moments", "snorkel")
OURS = "pair_model"


class Arm(NamedTuple):
    """A label model with what it may see. `lfs` is "preset" (the reference paper's) or "shipped" (all)."""

    name: str
    lfs: str
    model: str
    calibration: str = "auto"
    margins: bool = True
    settings: tuple[tuple[str, Any], ...] = ()
    gold: int | None = None
    """Gold pairs kept in each training part; None for all."""
    shuffles: int = 5


def arms(quick: bool) -> Iterator[Arm]:
    for lfs in ("preset", "shipped"):
        for model in PEERS:
            if model == "snorkel" and find_spec("snorkel") is None:
                continue
            yield Arm(f"{model}, as shipped", lfs, model, "none")
            yield Arm(f"{model} + calibrator", lfs, model)
        yield Arm(
            "pair_model without margins and text", lfs, OURS, margins=False, settings=(("text", False),)
        )
        yield Arm("pair_model without text", lfs, OURS, settings=(("text", False),))
        yield Arm(OURS, lfs, OURS)
    yield Arm("gold alone: linear reward on n-grams", "shipped", "linear")
    yield Arm("agreement alone + temperature", "shipped", "agreement")
    if quick:
        return
    without = {
        "one shape of effects": ("wide", "votes", "even"),
        "agreement": ("agreement",),
        "prompt gate": ("gate",),
        "words and characters": ("words", "characters"),
        "layout": ("layout",),
        "style": ("style",),
    }
    for what, parts in without.items():
        yield Arm(f"pair_model without {what}", "shipped", OURS, settings=(("leave_out", parts),), shuffles=2)


def curve(quick: bool) -> Iterator[Arm]:
    for size in SIZES[:1] if quick else SIZES:
        gold_alone = (("leave_out", ("agreement",)),)
        yield Arm(f"{size}: agreement alone", "shipped", "agreement", gold=size, shuffles=2)
        yield Arm(f"{size}: gold alone", "shipped", OURS, gold=size, settings=gold_alone, shuffles=2)
        yield Arm(f"{size}: both", "shipped", OURS, gold=size, shuffles=2)


class Case(NamedTuple):
    """One data set with what every arm reads from it."""

    name: str
    pairs: Pairs
    lfs: Mapping[str, list[wl.LabelingFunction]]
    votes: Mapping[str, Votes]
    features: PairFeatures


def read_case(name: str, preset: str, path: Path, quick: bool) -> Case:
    pairs = wl.read_pairs(path, test_share=0.0)
    pairs = pairs.take(pairs.has_gold)
    if quick:
        pairs = pairs.take(pairs.prompt_groups < 40)
    lfs = {"preset": wl.load_lfs(f"shipped:{preset}"), "shipped": wl.load_lfs("shipped")}
    return Case(name, pairs, lfs, {k: wl.apply(v, pairs) for k, v in lfs.items()}, pair_features(pairs))


# Read by the worker processes, which are forked when it is filled: loaded functions cannot be sent.
_CASES: dict[str, Case] = {}


def held_out(name: str, arm: Arm, seed: int) -> NDArray[np.float64]:
    """P(B) of every pair by something that saw only the other folds."""
    warnings.simplefilter("ignore")
    case = _CASES[name]
    p = np.empty(len(case.pairs))
    folds = folds_by_prompt(case.pairs.prompt_groups, 5, seed)
    rows = {id_: i for i, id_ in enumerate(case.pairs.ids)}
    # Folds are of one kind by construction, so nothing is asked about a shift. And the features of the texts do not
    # depend on the fold: computed once, each fold takes its rows.
    weaklabel.labeler.labeler.Reference.of = lambda *_args, **_kwargs: None
    weaklabel.labeler.asking.pair_features = lambda pairs, _rows=None: case.features.take(
        np.array([rows[i] for i in pairs.ids], dtype=np.intp)
    )
    for fold in range(5):
        held = folds == fold
        p[held] = labelled(case, arm, held, seed)
    return p


def labelled(case: Case, arm: Arm, held: NDArray[np.bool_], seed: int) -> FloatArray:
    seen, asked = hide_gold(case.pairs.take(~held), arm.gold, seed), case.pairs.take(held)
    if arm.model == "linear":
        from weaklabel.reward.linear import LinearReward

        known = seen.take(seen.has_gold)
        reward = LinearReward(seed=seed).fit(known, known.y, gold=known.y)
        return reward.compare(asked)
    votes = case.votes[arm.lfs]
    if not arm.margins:
        votes = Votes(votes.L, np.full_like(votes.margins, np.nan), votes.lf_names, votes.ids)
    if arm.model == "agreement":
        return agreement_alone(votes, seen, held)
    labeler = wl.fit(
        case.lfs[arm.lfs],
        seen,
        model=arm.model,
        settings=dict(arm.settings),
        calibration=arm.calibration,
        votes=votes.take(~held),
        seed=seed,
    )
    return labeler.label(asked, votes=votes.take(held)).p


def agreement_alone(votes: Votes, seen: Pairs, held: NDArray[np.bool_]) -> FloatArray:
    """The weights learned without gold, and one temperature on the gold there is."""
    from weaklabel.label_models.pair_model import PairModel

    inside = votes.take(~held)
    model = PairModel(text=False).fit(inside.L, margins=inside.margins)
    known = seen.has_gold
    inside = inside.take(known)
    temperature = Temperature().fit(model.predict_logit(inside.L, margins=inside.margins), seen.y[known])
    outside = votes.take(held)
    return sigmoid(temperature.transform(model.predict_logit(outside.L, margins=outside.margins)))


def hide_gold(pairs: Pairs, n: int | None, seed: int) -> Pairs:
    """The pairs with the gold of `n` of them, drawn anew for every seed."""
    if n is None or n >= len(pairs):
        return pairs
    kept = np.zeros(len(pairs), dtype=np.bool_)
    kept[np.random.default_rng(seed).permutation(len(pairs))[:n]] = True
    gold = [g if keep else None for g, keep in zip(pairs.table["gold"].to_pylist(), kept, strict=True)]
    at = pairs.table.column_names.index("gold")
    return Pairs(pairs.table.set_column(at, pairs.table.schema.field("gold"), pa.array(gold, pa.string())))


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


def run_case(figures: Figures, case: Case, shuffles: range, quick: bool) -> None:
    y, prompts = case.pairs.y, case.pairs.prompt_groups
    longer = bootstrap("accuracy", longer_response(case.pairs), y, prompts)
    figures.add(
        case.name, "longer response wins", "accuracy", longer.value, longer.low, longer.high, longer.n
    )
    human = gold_agreement(case.pairs)
    if human.agree is not None:
        figures.add(
            case.name,
            "gold with itself, where pairs repeat",
            "accuracy",
            human.agree.value,
            human.agree.low,
            human.agree.high,
            human.agree.n,
        )
    main_arms, curve_arms = list(arms(quick)), list(curve(quick))
    _CASES[case.name] = case
    with ProcessPoolExecutor(2, mp_context=get_context("fork")) as pool:
        jobs = {
            arm: [pool.submit(held_out, case.name, arm, seed) for seed in shuffles[: arm.shuffles]]
            for arm in (*main_arms, *curve_arms)
        }
        found = {}
        for arm, each in jobs.items():
            found[arm] = [job.result() for job in each]
            print(f"{case.name}: {arm.lfs}: {arm.name}", file=sys.stderr, flush=True)
    for arm in main_arms:
        measure(figures, case.name, f"{arm.lfs}: {arm.name}", found[arm], case.pairs)
    ours = next(arm for arm in main_arms if arm.name == OURS and arm.lfs == "shipped")
    for arm in main_arms:
        if arm.model != OURS or arm.settings:
            differ(
                figures,
                case,
                f"{case.name}: pair_model less",
                f"{arm.lfs}: {arm.name}",
                found[ours],
                found[arm],
            )
    for arm in curve_arms:
        measure(figures, f"{case.name}: gold pairs kept", arm.name, found[arm], case.pairs)
    for start in range(0, len(curve_arms), 3):
        alone, gold, both = curve_arms[start : start + 3]
        better = min((alone, gold), key=lambda arm: np.mean([nll(p, y) for p in found[arm]]))
        name = f"{both.gold}: both less {better.name.partition(': ')[2]}"
        differ(
            figures,
            case,
            f"{case.name}: gold pairs kept, both less the better one",
            name,
            found[both],
            found[better],
        )


def differ(
    figures: Figures, case: Case, title: str, name: str, ours: list[FloatArray], theirs: list[FloatArray]
) -> None:
    """Paired differences on the same pairs, prompts resampled."""
    ours = ours[: len(theirs)]
    y, prompts = np.tile(case.pairs.y, len(ours)), np.tile(case.pairs.prompt_groups, len(ours))
    for metric in ("accuracy", "nll"):
        gap = paired_difference(metric, np.concatenate(ours), np.concatenate(theirs), y, prompts)
        figures.add(title, name, metric, gap.value, gap.low, gap.high, len(case.pairs))


def main() -> None:
    options = arguments(__doc__ or "").parse_args()
    folder = shared_folder() / "data" / "preferences"
    figures = Figures("label_quality", ("weaklabel", "snorkel", "numpy", "scikit-learn"))
    for name, preset in DATA_SETS.items():
        case = read_case(name, preset, folder / f"{name}.parquet", options.quick)
        run_case(figures, case, range(1 if options.quick else 5), options.quick)
    figures.finish(options.json)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
