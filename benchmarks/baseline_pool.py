"""How many pairs without gold do the linear baselines of a run's figures need?

    python benchmarks/baseline_pool.py [--quick] [--json docs/results/baseline_pool.json] [--draws 3]

A run's table holds linear reward models taught by the labels of majority vote and of Snorkel's label model. They read as
many pairs without gold as the reward of functions does, which costs a fraction of reading all. Here they read an eighth, a
quarter, a half and all of what there is: on the three real sets, and on all of them together, with 200 gold pairs and 30%
of the prompts held out (draws together, intervals resample prompts, differences from all are paired); and 5,000 or all of
18,900 pairs of `default_run.py`, with 402 gold pairs and 401 held out.
"""

from __future__ import annotations

import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from _figures import Figures, arguments
from default_run import pairs_file
from numpy.typing import NDArray
from sweep import REAL, read

import weaklabel as wl
from weaklabel.errors import WeaklabelWarning
from weaklabel.metrics import bootstrap, paired_difference
from weaklabel.pipeline.sweep.grid import draw
from weaklabel.pipeline.sweep.making import with_gold
from weaklabel.reward import train_reward, training_targets
from weaklabel.reward.functions.pool import POOL, some_without_gold
from weaklabel.types import CANONICAL, FloatArray, Pairs

MODELS = ("majority_vote", "snorkel")
SHARES = (8, 4, 2, 1)
N_GOLD = 200
Answer = tuple[str, str, FloatArray, FloatArray, NDArray[np.int64]]
"""Label model, pairs read, and of the held-out pairs P(B), gold and prompts."""


def of_set(pairs: Pairs, seed: int) -> Iterator[Answer]:
    """Every share of the pairs outside the held-out prompts, label model and reward fitted to it."""
    votes = wl.apply(wl.load_lfs("shipped"), pairs, max_fault_share=None)
    drawn, groups = draw(pairs, 0.3, seed), pairs.prompt_groups
    held, gold = pairs.take(drawn.held), drawn.gold_slice(N_GOLD)
    pool = np.setdiff1d(np.flatnonzero(~np.isin(groups, groups[drawn.held])), gold)
    pool = np.random.default_rng(seed).permutation(pool)
    for share in SHARES:
        rows = np.sort(np.concatenate([gold, pool[: len(pool) // share]]))
        taught = with_gold(pairs.take(rows), np.where(np.isin(rows, gold), pairs.y[rows], np.nan))
        for model in MODELS:
            labeler = wl.fit(wl.load_lfs("shipped"), taught, model=model, votes=votes.take(rows), seed=seed)
            labels = labeler.label_known(taught, votes.take(rows))
            p = train_reward(labels, "linear", allow_uncalibrated=True).compare(held)
            yield model, f"1/{share} of the pool" if share > 1 else "all", p, held.y, held.prompt_groups


def of_default_run(n_pairs: int, draws: int) -> Iterator[Answer]:
    """The pairs of the default run, with the label model fitted to all of them: the pool alone differs."""
    with tempfile.TemporaryDirectory() as folder:
        pairs_file(Path(folder) / "pairs.parquet", n_pairs)
        pairs = wl.read_pairs(Path(folder) / "pairs.parquet")
    lfs, test = wl.load_lfs("shipped"), pairs.test
    votes = wl.apply(lfs, pairs, max_fault_share=None)
    for model in MODELS:
        labeler = wl.fit(lfs, pairs, model=model, votes=votes)
        labels = labeler.label_known(pairs, votes)
        asked, _, _, y = training_targets(labels)
        whole = train_reward(labels, "linear").compare(test)
        for seed in range(draws):
            some = asked.take(some_without_gold(y, seed))
            p = train_reward(labeler.label_known(some, votes.on(some.ids)), "linear").compare(test)
            yield model, f"{POOL:,} pairs", p, test.y, test.prompt_groups
            yield model, "all", whole, test.y, test.prompt_groups


def add(figures: Figures, case: str, answers: list[Answer]) -> None:
    for model in MODELS:
        mine = [answer for answer in answers if answer[0] == model]
        for read_ in dict.fromkeys(answer[1] for answer in mine):
            p, y, prompts = (np.concatenate([a[k] for a in mine if a[1] == read_]) for k in (2, 3, 4))
            whole = np.concatenate([a[2] for a in mine if a[1] == "all"])
            for metric in ("accuracy", "nll"):
                found = bootstrap(metric, p, y, prompts)
                figures.add(case, f"{model}, {read_}", metric, found.value, found.low, found.high, len(y))
                if read_ != "all":
                    gap = paired_difference(metric, p, whole, y, prompts)
                    figures.add(
                        case, f"{model}, {read_}", f"{metric} - all", gap.value, gap.low, gap.high, len(y)
                    )


def main() -> None:
    parser = arguments(__doc__ or "")
    parser.add_argument("--draws", type=int, default=3, help="draws of held-out prompts, gold and pool; 3")
    options = parser.parse_args()
    warnings.simplefilter("ignore", WeaklabelWarning)
    figures = Figures("baseline_pool", ("weaklabel", "snorkel", "numpy", "scipy"))
    sets = {name: read(name) for name in REAL}
    tables = [pairs.table.select(CANONICAL.names).cast(CANONICAL) for pairs in sets.values()]
    sets["all three"] = Pairs(pa.concat_tables(tables))
    if options.quick:
        sets, options.draws = {REAL[0]: sets[REAL[0]]}, 1
    for name, pairs in sets.items():
        print(name, file=sys.stderr)
        add(figures, name, [answer for seed in range(options.draws) for answer in of_set(pairs, seed)])
        figures.save(options.json)
    if not options.quick:
        print("the default run", file=sys.stderr)
        add(figures, "20,000 pairs of the default run", list(of_default_run(20_000, options.draws)))
    figures.finish(options.json)


if __name__ == "__main__":
    main()
