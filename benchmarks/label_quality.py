"""How good are the labels? Ours beside majority vote, Dawid-Skene, Snorkel and others, on real pairs.

    python benchmarks/label_quality.py [--quick] [--processes 2] [--only WORDS] [--json docs/results/label_quality.json]

Five folds by prompt, everything fitted inside the fold through the public `fit` and `label`, five shuffles of the
folds. Every arm gets the same labeling functions, the same gold and the same choice of calibrators: "as shipped" means
without gold and without a calibrator, "+ calibrator" the same model with the calibrator that gold of the training folds
chose. Accuracy, NLL and Brier are means over the shuffles with an interval that resamples prompts; ECE (15 bins on
[.5, 1]) is taken per shuffle, never pooled, and stands with its range over the shuffles beside the 90% band of a
perfectly calibrated model with the same p ("ece if perfect"). Tables "ece per shuffle" have each shuffle's ECE with
the band of that shuffle, and the share of shuffles whose ECE is not above the band's end.

crowd-kit, FlyingSquid and skweak answer on the rows that they are fitted to and on no others. They use no gold, so
they are fitted once to the votes on all pairs, the held-out ones among them, which can only help them; their
calibrators see gold of the training folds alone, as everyone's. A peer that fails on a set counts as p = .5 there,
and its row says so.

Rows named "no gold: ..." are what `fit` answers where there is no gold at all. Rows named "pair_model without ..." are
ablations. Then, with the shipped functions: how much gold it takes (gold of
so many training pairs is kept, the rest is hidden), for the weights that agreement gives without gold, for gold
without agreement, and for both; every arm calibrated on the same gold where it is enough to calibrate.

With --only, just the arms whose name holds these words are run, without differences, and all other rows stay as they stand in
the file that --json names.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from _figures import Figures, arguments, shared_folder
from _kept_rows import keep_rows
from _label_model_peers import Peer, all_peers, answer
from _label_quality_rows import differ, measure, references
from numpy.typing import NDArray

import weaklabel as wl
import weaklabel.labeler.asking
import weaklabel.labeler.labeler
from weaklabel.calibration import CANDIDATES, Temperature, choose_calibrator
from weaklabel.groups import folds_by_prompt
from weaklabel.metrics import nll
from weaklabel.text.ngrams import pair_features
from weaklabel.types import FloatArray, PairFeatures, Pairs, Votes, sigmoid

DATA_SETS = {"mt_bench_train": "mt_bench", "ultrafeedback_train": "ultrafeedback", "hh_rlhf_train": "hh"}
SIZES = (25, 50, 100, 200, 400)
MODELS = ("majority_vote", "weighted_vote", "dawid_skene", "triplet", "moments", "snorkel")
FAST_PEERS = ("crowd-kit DawidSkene", "FlyingSquid", "skweak NaiveBayes")
PEERS = (*FAST_PEERS, "crowd-kit OneCoinDawidSkene", "crowd-kit GLAD", "crowd-kit MACE")
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

    @property
    def title(self) -> str:
        return f"{self.lfs}: {self.name}"

    def seconds(self, n: int) -> float:
        """About how long one fit to `n` pairs takes on a free core, as measured once: only to foretell the run."""
        if self.model == OURS:
            of_texts = 0.0 if dict(self.settings).get("text") is False else 1.6e-6
            return (1e-6 + of_texts) * n**2 if self.gold is None else 0.1 + 1e-3 * self.gold
        return {"linear": 1.4e-3 * n, "snorkel": 0.3, "agreement": 0.02}.get(self.model, 0.12)


def arms(quick: bool) -> Iterator[Arm]:
    for lfs in ("preset", "shipped"):
        for model in MODELS:
            if model == "snorkel" and find_spec("snorkel") is None:
                continue
            yield Arm(f"{model}, as shipped", lfs, model, "none")
            yield Arm(f"{model} + calibrator", lfs, model)
        for model in (OURS, "auto"):
            yield Arm(f"no gold: {model}, as shipped", lfs, model, "none", gold=0)
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
        yield Arm(f"pair_model without {what}", "shipped", OURS, settings=(("leave_out", parts),))


def curve(quick: bool) -> Iterator[Arm]:
    for size in SIZES[:1] if quick else SIZES:
        gold_alone = (("leave_out", ("agreement",)),)
        yield Arm(f"{size}: agreement alone", "shipped", "agreement", gold=size)
        yield Arm(f"{size}: gold alone", "shipped", OURS, gold=size, settings=gold_alone)
        yield Arm(f"{size}: both", "shipped", OURS, gold=size)


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
    asking = weaklabel.labeler.asking
    asking.pair_features = asking.asked_features = lambda pairs, _rows=None: case.features.take(
        np.array([rows[i] for i in pairs.ids], dtype=np.intp)
    )
    for fold in range(5):
        held = folds == fold
        p[held] = labelled(case, arm, held, seed)
    return p


@cache
def peers() -> tuple[dict[str, Peer], list[str]]:
    """The peers that this benchmark runs, and lines about those that are not installed.

    Called by workers only: what peers import (torch) must not be there when the process is forked.
    """
    found, missing = all_peers()
    return {name: found[name] for name in PEERS if name in found}, [
        line for line in missing if line.partition(":")[0] in PEERS
    ]


def peer_names() -> tuple[list[str], list[str]]:
    found, missing = peers()
    return list(found), missing


def asked(name: str, lfs: str, peer: str) -> tuple[FloatArray, str]:
    """A peer's P(B) of every pair, fitted to all votes and no gold, and a remark where it failed."""
    warnings.simplefilter("ignore")
    p, remark = answer(peers()[0][peer], _CASES[name].votes[lfs].L, 2)
    return p[:, 1], remark


def calibrated(name: str, p: FloatArray, seed: int) -> FloatArray:
    """The same with the calibrator that gold of the other folds chose, as `fit` does for a model without gold."""
    warnings.simplefilter("ignore")
    pairs = _CASES[name].pairs
    sure = np.clip(p, 1e-9, 1 - 1e-9)
    logit, folds = np.log(sure) - np.log1p(-sure), folds_by_prompt(pairs.prompt_groups, 5, seed)
    out = np.empty(len(p))
    for fold in range(5):
        seen, held = folds != fold, folds == fold
        calibrator, _ = choose_calibrator(
            logit[seen], pairs.y[seen], pairs.prompt_groups[seen], candidates=CANDIDATES, seed=seed
        )
        out[held] = sigmoid(calibrator.transform(logit[held]))
    return out


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
    from weaklabel.label_models.pair.mixture import Weights
    from weaklabel.label_models.pair.model import PairModel

    inside = votes.take(~held)
    model = PairModel(text=False).fit(inside.L, margins=inside.margins)
    # As `pair_model` starts from them with gold: gold's temperature is in place of what held-out votes ask for.
    model.weights_, model.count_share_ = Weights({"sharp": model.prior_}), 0.0
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


Found = dict[Arm, list[FloatArray]]
"""P(B) of every pair, per shuffle."""


def run_arms(pool: ProcessPoolExecutor, case: Case, every: Sequence[Arm], shuffles: range) -> Found:
    """Every arm that `fit` makes."""
    began = time.monotonic()
    jobs = {arm: [pool.submit(held_out, case.name, arm, seed) for seed in shuffles] for arm in every}
    found = {}
    for done, (arm, each) in enumerate(jobs.items(), 1):
        found[arm] = [job.result() for job in each]
        gone = (time.monotonic() - began) / 60
        said = f"{case.name}: {done} of {len(jobs)} arms, {gone:.1f} minutes: {arm.title}"
        print(said, file=sys.stderr, flush=True)
    return found


def run_peers(pool: ProcessPoolExecutor, case: Case, shuffles: range, names: Sequence[str]) -> Found:
    """Every peer on the votes of both sets of functions: as shipped, and with a calibrator."""
    jobs = {(lfs, name): pool.submit(asked, case.name, lfs, name) for lfs in case.lfs for name in names}
    found: Found = {}
    for (lfs, name), job in jobs.items():
        p, remark = job.result()
        print(f"{case.name}: {lfs}: {name}{remark}", file=sys.stderr, flush=True)
        if remark:
            found[Arm(f"{name}{remark}", lfs, name, "none")] = [p for _ in shuffles]
            continue
        found[Arm(f"{name}, as shipped", lfs, name, "none")] = [p for _ in shuffles]
        again = [pool.submit(calibrated, case.name, p, seed) for seed in shuffles]
        found[Arm(f"{name} + calibrator", lfs, name)] = [job.result() for job in again]
    return found


def run_case(figures: Figures, case: Case, shuffles: range, quick: bool, processes: int) -> list[str]:
    """All figures of one data set; lines about peers that are not installed."""
    main_arms, curve_arms = list(arms(quick)), list(curve(quick))
    _CASES[case.name] = case
    minutes = sum(5 * len(shuffles) * arm.seconds(len(case.pairs)) for arm in (*main_arms, *curve_arms)) / 60
    said = f"{case.name}: {len(main_arms) + len(curve_arms)} arms, about {minutes / processes:.0f} minutes of fits"
    print(
        f"{said} on {processes} free cores, then a few for peers and intervals", file=sys.stderr, flush=True
    )
    with ProcessPoolExecutor(processes, mp_context=get_context("fork")) as pool:
        names, missing = pool.submit(peer_names).result()
        others = run_peers(pool, case, shuffles, [n for n in names if not quick or n in FAST_PEERS])
        found = others | run_arms(pool, case, [*main_arms, *curve_arms], shuffles)
    references(figures, case.name, case.pairs)
    by_lfs = [arm for lfs in case.lfs for arm in (*others, *main_arms) if arm.lfs == lfs]
    for arm in by_lfs:
        measure(figures, case.name, arm.title, found[arm], case.pairs)
    ours = found[next(arm for arm in main_arms if arm.name == OURS and arm.lfs == "shipped")]
    for arm in by_lfs:
        if arm.name != OURS:
            differ(figures, case.pairs, f"{case.name}: pair_model less", arm.title, ours, found[arm])
    learning_curve(figures, case, curve_arms, found)
    return missing


def run_some(figures: Figures, case: Case, shuffles: range, processes: int, words: str) -> None:
    """Figures of the arms whose name holds the words, and nothing beside them."""
    _CASES[case.name] = case
    with ProcessPoolExecutor(processes, mp_context=get_context("fork")) as pool:
        chosen = [arm for arm in arms(quick=False) if words in arm.name]
        for arm, each in run_arms(pool, case, chosen, shuffles).items():
            measure(figures, case.name, arm.title, each, case.pairs)


def learning_curve(figures: Figures, case: Case, curve_arms: Sequence[Arm], found: Found) -> None:
    """Figures by number of gold pairs, and both sources beside the better one."""
    for arm in curve_arms:
        measure(figures, f"{case.name}: gold pairs kept", arm.name, found[arm], case.pairs)
    title = f"{case.name}: gold pairs kept, both less the better one"
    for start in range(0, len(curve_arms), 3):
        alone, gold, both = curve_arms[start : start + 3]
        better = min((alone, gold), key=lambda arm: np.mean([nll(p, case.pairs.y) for p in found[arm]]))
        name = f"{both.gold}: both less {better.name.partition(': ')[2]}"
        differ(figures, case.pairs, title, name, found[both], found[better])


def main() -> None:
    parser = arguments(__doc__ or "")
    parser.add_argument("--processes", type=int, default=2, help="fits at a time; 2")
    parser.add_argument("--only", metavar="WORDS", help="run just the arms whose name holds these words")
    options = parser.parse_args()
    folder = shared_folder() / "data" / "preferences"
    packages = ("weaklabel", "snorkel", "crowd-kit", "flyingsquid", "skweak", "numpy", "scikit-learn")
    figures = Figures("label_quality", packages)
    missing: list[str] = []
    for name, preset in DATA_SETS.items():
        case = read_case(name, preset, folder / f"{name}.parquet", options.quick)
        shuffles = range(1 if options.quick else 5)
        if options.only:
            run_some(figures, case, shuffles, options.processes, options.only)
            continue
        missing = run_case(figures, case, shuffles, options.quick, options.processes)
    for line in missing:
        print(line)
    if options.only and options.json and options.json.exists():
        keep_rows(figures, options.json)
    figures.finish(options.json)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
