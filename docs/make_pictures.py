"""Draws the pictures of the pages in this folder: `python docs/make_pictures.py`.

- calibration.md: 600 pairs whose true probabilities are known, and a labeler that boasts: it states twice the log-odds
  that are deserved. A temperature is learned on them out of fold.
- label_models.md: votes of known truth, five functions of twenty being one in five copies; and the curves over gold of
  results/label_quality.json.
- reward_models.md: the curves over gold of results/reward_minilm.json.
- refinement.md and ilr.md: gains of results/refine_gsm8k.json and of results/refine_functions.json.
- workbench.md: shipped functions on the generated sample.

No file of anybody's data is needed, and the same bytes come out each time. Measure one of these files of results again,
and its picture has to be drawn again.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

import weaklabel as wl
from weaklabel.calibration import VennAbers, get_calibrator
from weaklabel.data.sample import sample_pairs
from weaklabel.label_models import get_label_model
from weaklabel.labeler import cross_calibrated
from weaklabel.metrics import Interval
from weaklabel.pictures import (
    Picture,
    calibration_map_picture,
    dependency_picture,
    forest_picture,
    heatmap_picture,
    kept_share_picture,
    reliability_picture,
)
from weaklabel.pictures.drawing import WIDTH, Canvas, Scale, tick
from weaklabel.types import FloatArray, Int8Array, sigmoid

FOLDER = Path(__file__).parent / "pictures"
QUALITY = Path(__file__).parent / "results" / "label_quality.json"
MINILM = Path(__file__).parent / "results" / "reward_minilm.json"
GSM8K = Path(__file__).parent / "results" / "refine_gsm8k.json"
FUNCTIONS = Path(__file__).parent / "results" / "refine_functions.json"
_PANEL = 182
SETS = {"mt_bench_train": "MT-Bench", "ultrafeedback_train": "UltraFeedback", "hh_rlhf_train": "HH-RLHF"}
# Line, words, name in the rows about little gold, and the arm that has all of it.
CURVES = (
    ("wl-la", "wl-ta", "agreement alone", "shipped: agreement alone + temperature"),
    ("wl-l3", "wl-t3", "gold alone", "shipped: pair_model without agreement"),
    ("wl-lb", "wl-tb", "both", "shipped: pair_model"),
)
# What replaces, in few words, and its arm.
REPLACED_BY = (
    ("oracle", "oracle"),
    ("functions + agreement, four", "functions + agreement, gold judges four models"),
    ("functions + agreement", "functions + agreement"),
    ("175b_verification agrees", "175b_verification agrees with the proposal"),
    ("fitted agreement, four", "fitted agreement, gold judges four models"),
    ("Snorkel + agreement", "Snorkel on functions + agreement"),
    ("majority + agreement", "majority vote of functions + agreement"),
    ("more others agree", "more other models agree with the proposal"),
    ("functions, four", "functions, gold judges four models"),
    ("functions", "functions"),
    ("Snorkel", "Snorkel on functions"),
    ("majority vote", "majority vote of functions"),
    ("the longer solution", "longer solution"),
    ("the prior alone", "the prior alone: all proposals or none"),
    ("at random, as many", "random replacement, as many as functions + agreement"),
)
REFINED_BY = (
    ("oracle", "oracle"),
    ("60 gold pairs", "functions, 60 gold pairs"),
    ("functions alone", "functions alone"),
    ("at random", "naive"),
)
REFINED = (("mean", "mean of the tasks"), ("prices", "prices with working"), ("sorting", "sorting"))
REWARDS = (("wl-la", "wl-ta", "linear", "linear"), ("wl-lb", "wl-tb", "minilm-frozen", "minilm-frozen"))


def draw() -> dict[str, Picture]:
    """The pictures by file name."""
    return (
        calibration_pictures()
        | label_model_pictures()
        | workbench_pictures()
        | {"minilm_curves": minilm_curves_picture()}
        | {"refine_gsm8k": refine_gsm8k_picture(), "refine_functions": refine_functions_picture()}
    )


def calibration_pictures() -> dict[str, Picture]:
    rng = np.random.default_rng(0)
    deserved = rng.standard_normal(600)
    y = (rng.random(600) < sigmoid(deserved)).astype(np.float64)
    boasting, pairs = 2 * deserved, np.arange(600)
    repaired = cross_calibrated(boasting, y, pairs, candidates=("temperature",), seed=0)
    fitted = {name: get_calibrator(name).fit(boasting, y) for name in ("temperature", "beta", "isotonic")}
    return {
        "boasting": reliability_picture(sigmoid(boasting), y, note="Stated: twice the log-odds deserved."),
        "repaired": reliability_picture(
            sigmoid(repaired), y, note="The same after a temperature, out of fold."
        ),
        "curves": calibration_map_picture(fitted, VennAbers().fit(boasting, y)),
        "kept": kept_share_picture(sigmoid(repaired), y),
    }


def label_model_pictures() -> dict[str, Picture]:
    L, y = echoing_votes()
    said = {name: get_label_model(name).fit(L).predict_proba(L)[:, 1] for name in ("dawid_skene", "moments")}
    return {
        "echoes_believed": reliability_picture(said["dawid_skene"], y, note="Dawid-Skene, without gold."),
        "echoes_discounted": reliability_picture(said["moments"], y, note="Moments, without gold."),
        "gold_curves": gold_curves_picture(),
    }


def echoing_votes() -> tuple[Int8Array, FloatArray]:
    """Votes of 20 functions on 2,000 pairs: 15 right .6 of the time on their own, and one of them in five more copies."""
    rng = np.random.default_rng(1)
    y = rng.integers(2, size=2000)
    own = np.where(rng.random((2000, 15)) < 0.6, y[:, None], 1 - y[:, None])
    copies = np.where(rng.random((2000, 5)) < 0.95, own[:, :1], 1 - own[:, :1])
    L = np.where(rng.random((2000, 20)) < 0.7, np.hstack([own, copies]), -1)
    return L.astype(np.int8), y.astype(np.float64)


def gold_curves_picture() -> Picture:
    """Per data set, the NLL of held-out gold against the gold pairs that were used."""
    found = json.loads(QUALITY.read_text(encoding="utf-8"))["rows"]
    figures = {(r["case"], r["arm"]): r for r in found if r["metric"] == "nll"}
    canvas, rows, left = Canvas(), [], 2.0
    for _, words, short, _ in CURVES:
        canvas.text(left, 16, short, words)
        left += 14 + 6.6 * len(short)
    for k, (case, name) in enumerate(SETS.items()):
        prefix = f"{case}: gold pairs kept"
        sizes = sorted({int(arm.partition(":")[0]) for group, arm in figures if group == prefix})
        lines = {
            short: [figures[prefix, f"{n}: {short}"]["value"] for n in sizes]
            + [figures[case, whole]["value"]]
            for _, _, short, whole in CURVES
        }
        # Four folds of five have the gold.
        gold_panel(
            canvas, _PANEL * k + 36, name, [*sizes, round(0.8 * figures[case, CURVES[0][3]]["n"])], lines
        )
        rows += [(name, short, *(f"{v:.3f}" for v in line)) for short, line in lines.items()]
    return Picture(
        "How much gold it takes",
        "Three data sets: NLL on held-out gold against the number of gold pairs used (log scale), lower is better. One "
        "line for agreement of the functions alone, one for gold alone, one for both.",
        str(canvas),
        WIDTH,
        _PANEL * len(SETS) + 26,
        ("pairs", "from", *map(str, sizes), "all"),
        rows,
        "Means over shuffles of five folds by prompt; intervals in results/label_quality.md.",
    )


def minilm_curves_picture() -> Picture:
    """NLL of held-out MT-Bench gold against the gold pairs that two reward models learned from."""
    found = json.loads(MINILM.read_text(encoding="utf-8"))["rows"]
    figures = {(r["case"], r["arm"]): r for r in found if r["metric"] == "nll"}
    case, canvas, left = "mt_bench_train", Canvas(), 2.0
    parts = f"{case}: part of the training prompts"
    shares = sorted({float(arm.partition(" ")[0]) for group, arm in figures if group == parts})
    for _, words, short, _ in REWARDS:
        canvas.text(left, 16, short, words)
        left += 14 + 6.6 * len(short)
    lines = {
        short: [figures[parts, f"{share:g} of them: {arm}"]["value"] for share in shares]
        + [figures[case, arm]["value"]]
        for _, _, short, arm in REWARDS
    }
    # Four folds of five have the gold; a part of the prompts has about that part of the pairs.
    at = [round(0.8 * share * figures[case, "linear"]["n"]) for share in (*shares, 1)]
    gold_panel(canvas, 36, SETS[case], at, lines, REWARDS)
    return Picture(
        "Two reward models by gold",
        "NLL on held-out MT-Bench gold against the number of gold pairs learned from (log scale), lower is better. One "
        "line for the linear reward, one for the frozen MiniLM.",
        str(canvas),
        WIDTH,
        _PANEL + 26,
        ("from", *map(str, at)),
        [(short, *(f"{v:.3f}" for v in line)) for short, line in lines.items()],
        "Means over shuffles of five folds by prompt; intervals in results/reward_minilm.md.",
    )


def refine_gsm8k_picture() -> Picture:
    """What replacing labels adds to their accuracy, by what replaces them: GSM8K, gold of 100 questions."""
    gains = gains_of(GSM8K, "gold of 100 questions", "gain")
    return forest_picture(
        [(short, gains[arm]) for short, arm in REPLACED_BY],
        "What one decision about labels adds",
        reference=0.0,
        reference_name="labels as they are",
        axis="gain in accuracy of the labels",
        note="GSM8K, 330 questions, gold of 100 others; intervals in results/refine_gsm8k.md.",
    )


def refine_functions_picture() -> Picture:
    """What two rounds of refinement add to the accuracy of a small policy, by who decides."""
    rows = []
    for task, case in REFINED:
        gains = gains_of(FUNCTIONS, f"{case}: last round less round 0", "test accuracy")
        rows += [(f"{task}: {short}", gains[arm]) for short, arm in REFINED_BY]
    return forest_picture(
        rows,
        "What two rounds of refinement add",
        reference=0.0,
        reference_name="no refinement",
        axis="gain in accuracy on new prompts",
        note="Intervals over three seeds (Student's t), in results/refine_functions.md.",
    )


def gains_of(file: Path, case: str, metric: str) -> dict[str, Interval]:
    """The figures of a case, by arm."""
    return {
        row["arm"]: Interval(row["value"], row["low"], row["high"], row["n"])
        for row in json.loads(file.read_text(encoding="utf-8"))["rows"]
        if (row["case"], row["metric"]) == (case, metric)
    }


def gold_panel(
    canvas: Canvas,
    top: float,
    name: str,
    at: Sequence[int],
    lines: Mapping[str, Sequence[float]],
    curves: Sequence[tuple[str, str, str, str]] = CURVES,
) -> None:
    low, high = min(map(min, lines.values())), max(map(max, lines.values()))
    x = Scale(math.log(at[0]), math.log(at[-1]), 46, WIDTH - 24)
    y = Scale(low - 0.05 * (high - low), high + 0.05 * (high - low), top + _PANEL - 52, top + 24)
    canvas.text(2, top + 8, f"{name}: NLL, nats per pair", "wl-h")
    for value in y.ticks(4):
        canvas.line(x.start, y(value), x.end, y(value), "wl-grid")
        canvas.text(x.start - 6, y(value) + 4, tick(value), "wl-s", anchor="end")
    canvas.line(x.start, y.start, x.end, y.start, "wl-axis")
    for n in at:
        spot, last = x(math.log(n)), n == at[-1]
        canvas.line(spot, y.start, spot, y.start + 4, "wl-axis")
        # The last word ends at the edge of the drawing: "all 1149" is wide.
        words, anchor = (f"all {n}", "end") if last else (str(n), "middle")
        canvas.text(spot + 22 if last else spot, y.start + 16, words, "wl-s", anchor=anchor)
    canvas.text((x.start + x.end) / 2, y.start + 30, "gold pairs used", "wl-s", anchor="middle")
    for look, _, short, _ in curves:
        canvas.path([(x(math.log(n)), y(v)) for n, v in zip(at, lines[short], strict=True)], look)


def workbench_pictures() -> dict[str, Picture]:
    pairs = sample_pairs(n_pairs=600, n_gold=300)
    lfs = wl.load_lfs("shipped:length", "shipped:structure", "shipped:arithmetic")
    votes = wl.apply(lfs, pairs)
    found = wl.dependencies(votes, pairs.dev)
    speak = [j for j in found.order if (votes.L[:, j] >= 0).any()]
    edges = [(link.one, link.other, link.correlation) for link in found.links]
    return {
        "agreement": heatmap_picture(
            np.where(found.both > 0, found.agreement, np.nan),
            votes.lf_names,
            "How often two functions agree where both vote",
            middle=0.5,
            top=0.5,
            order=speak,
            words="Blue agrees more than a coin would, orange less, white like a coin. An empty frame: never both.",
        ),
        "err_together": dependency_picture(edges, order=[votes.lf_names[j] for j in found.order]),
    }


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name, picture in draw().items():
        (FOLDER / f"{name}.svg").write_text(picture.svg() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
