"""Do the probabilities mean what they say: with all gold, with little, on data of another kind, whatever the seed?

    python benchmarks/calibration.py [--quick] [--processes 1] [--json docs/results/calibration.json]

Real pairs, all shipped labeling functions, `pair_model` through the public `fit` and `label`; everything fitted inside
the fold. Four parts:

- **all gold**: five folds by prompt, five shuffles; ECE per shuffle beside the 90% band of a perfectly calibrated model,
  and the end of that band where repeated pairs (a third of MT-Bench) have one outcome.
- **gold pairs kept**: gold of 25 to 200 pairs of each training part, the rest hidden. The weights that agreement gives
  without gold (one temperature on the gold), gold without agreement, and both; "both less the better one" pairs both
  with whichever of the two has the lower NLL. Five draws, and five more that no choice was made on.
- **elsewhere**: fitted to each set whole and applied to the other two, every calibrator: accuracy less that of the
  uncalibrated log-odds (p = .5 counts half), and the share of pairs whose p is exactly .5 although the log-odds spoke.
- **choices**: which calibrator `auto` takes with twenty seeds, on the same out-of-fold log-odds; and as it was before,
  by one draw of folds with isotonic regression at any size.
"""

from __future__ import annotations

import sys
import warnings
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
from _figures import Figures, arguments, shared_folder
from _label_quality_rows import differ, measure
from label_quality import _CASES, DATA_SETS, OURS, Arm, Case, held_out, read_case

import weaklabel.labeler.labeler
from weaklabel.calibration import (
    CALIBRATORS,
    CANDIDATES,
    SCALED_CANDIDATES,
    choose_calibrator,
    get_calibrator,
)
from weaklabel.calibration import choose as choosing
from weaklabel.label_models.pair.model import PairModel
from weaklabel.metrics import ece, nll
from weaklabel.types import FloatArray, Pairs, sigmoid

SIZES = (25, 50, 100, 200)
DRAWS = {"": range(5), ", five other draws": range(5, 10)}
_GOLD_ALONE = (("leave_out", ("agreement",)),)


def curve(size: int) -> tuple[Arm, Arm, Arm]:
    """Agreement alone, gold alone, both."""
    return (
        Arm(f"{size}: agreement alone", "shipped", "agreement", gold=size),
        Arm(f"{size}: gold alone", "shipped", OURS, gold=size, settings=_GOLD_ALONE),
        Arm(f"{size}: both", "shipped", OURS, gold=size),
    )


def without_figures(name: str, arm: Arm, seed: int) -> FloatArray:
    """`held_out` by labelers that do not work out how good they are themselves, which costs more than little gold does."""
    weaklabel.labeler.labeler.cross_calibrated = lambda logit, *_args, **_kwargs: logit
    return held_out(name, arm, seed)


def by_draw(pool: ProcessPoolExecutor, case: Case, arm: Arm, draws: Sequence[int]) -> list[FloatArray]:
    jobs = [pool.submit(without_figures, case.name, arm, seed) for seed in draws]
    found = [job.result() for job in jobs]
    print(f"{case.name}: {arm.name}, draws {draws[0]} to {draws[-1]}", file=sys.stderr, flush=True)
    return found


def all_gold(figures: Figures, pool: ProcessPoolExecutor, case: Case, shuffles: range) -> None:
    arm = Arm(OURS, "shipped", OURS)
    found = by_draw(pool, case, arm, shuffles)
    measure(figures, case.name, arm.name, found, case.pairs)
    ends = [repeated_band(p, case.pairs) for p in found]
    figures.add(
        f"{case.name}: ece per shuffle", arm.name, "end of the band, repeats as one", float(np.mean(ends))
    )


def repeated_band(p: FloatArray, pairs: Pairs, n_draws: int = 500) -> float:
    """The 95th percentile of the ECE of a perfectly calibrated model whose repeated pairs have one outcome for all."""
    columns = (pairs.table[name].to_pylist() for name in ("prompt", "response_a", "response_b"))
    rows = list(zip(*columns, strict=True))
    forth = np.array([a <= b for _, a, b in rows])
    keys = [(prompt, *sorted((a, b))) for prompt, a, b in rows]
    number = {key: k for k, key in enumerate(dict.fromkeys(keys))}
    of = np.array([number[key] for key in keys])
    rng = np.random.default_rng(0)
    # A pair the other way round has the other outcome.
    coins = rng.random((n_draws, len(number)))[:, of]
    won = np.where(forth, coins < p, coins >= 1 - p)
    return float(np.percentile([ece(p, y.astype(float)) for y in won], 95))


def little_gold(
    figures: Figures, pool: ProcessPoolExecutor, case: Case, sizes: Sequence[int], which: str
) -> None:
    for size in sizes:
        arms = curve(size)
        found = [by_draw(pool, case, arm, DRAWS[which]) for arm in arms]
        for arm, p in zip(arms, found, strict=True):
            pooled, y = np.concatenate(p), np.tile(case.pairs.y, len(p))
            figures.add(
                f"{case.name}: gold pairs kept{which}", arm.name, "nll", nll(pooled, y), n=len(case.pairs)
            )
        better = min((0, 1), key=lambda k: np.mean([nll(p, case.pairs.y) for p in found[k]]))
        title = f"{case.name}: gold pairs kept{which}, both less the better one"
        name = f"{size}: both less {arms[better].name.partition(': ')[2]}"
        differ(figures, case.pairs, title, name, found[2], found[better])


def fitted(case: Case) -> tuple[PairModel, FloatArray]:
    """The label model of the whole set, and its out-of-fold log-odds."""
    votes, pairs = case.votes["shipped"], case.pairs
    model = PairModel().fit(
        votes.L, margins=votes.margins, y=pairs.y, groups=pairs.prompt_groups, features=case.features
    )
    assert model.held_out_ is not None
    return model, model.held_out_


def elsewhere(figures: Figures, case: Case, others: Sequence[Case]) -> None:
    model, logit = fitted(case)
    found = {
        name: get_calibrator(name).fit(logit, case.pairs.y, case.pairs.prompt_groups) for name in CALIBRATORS
    }
    for other in others:
        votes = other.votes["shipped"]
        raw = model.predict_logit(votes.L, margins=votes.margins, features=other.features)
        for name, calibrator in found.items():
            p, title = sigmoid(calibrator.transform(raw)), f"fitted on {case.name}, asked about {other.name}"
            differ(figures, other.pairs, f"{title}: less uncalibrated", name, [p], [sigmoid(raw)])
            silenced = float(((p == 0.5) & (raw != 0)).mean())
            figures.add(f"{title}: less uncalibrated", name, "p became .5", silenced, n=len(p))


def choices(figures: Figures, case: Case, seeds: range) -> None:
    _, logit = fitted(case)
    y, groups = case.pairs.y, case.pairs.prompt_groups
    now = Counter(
        choose_calibrator(logit, y, groups, candidates=SCALED_CANDIDATES, seed=seed)[0].name for seed in seeds
    )
    kept = choosing._DRAWS, choosing._ERRORS
    choosing._DRAWS, choosing._ERRORS = 1, 1.0
    every = [get_calibrator(name) for name in CANDIDATES]
    before = Counter(CANDIDATES[choosing.choose_from(every, logit, y, groups, 5, seed)[0]] for seed in seeds)
    choosing._DRAWS, choosing._ERRORS = kept
    for arm, counts in (("now", now), ("before: one draw of folds", before)):
        for name in SCALED_CANDIDATES:
            figures.add(f"{case.name}: chosen with {len(seeds)} seeds", arm, name, counts[name], n=len(y))


def main() -> None:
    parser = arguments(__doc__ or "")
    parser.add_argument("--processes", type=int, default=1, help="fits at a time; 1")
    options = parser.parse_args()
    folder, quick = shared_folder() / "data" / "preferences", options.quick
    figures = Figures("calibration", ("weaklabel", "numpy", "scipy"))
    cases = [read_case(name, preset, folder / f"{name}.parquet", quick) for name, preset in DATA_SETS.items()]
    for case in cases:
        choices(figures, case, range(2 if quick else 20))
        elsewhere(figures, case, [other for other in cases if other is not case])
    _CASES.update({case.name: case for case in cases})
    with ProcessPoolExecutor(options.processes, mp_context=get_context("fork")) as pool:
        for case in cases:
            all_gold(figures, pool, case, range(1 if quick else 5))
            figures.save(options.json)
        for which in [""] if quick else DRAWS:
            for case in cases:
                little_gold(figures, pool, case, SIZES[:1] if quick else SIZES, which)
                figures.save(options.json)
    figures.finish(options.json)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
