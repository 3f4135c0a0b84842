"""DPO on labels whose noise is systematic: which use of beliefs, weights and intervals gives the better policy?

    python benchmarks/dpo_labels.py [--quick] [--seeds 0 1 2 3 4 100 101] [--folder build/dpo_labels]
                                    [--json docs/results/dpo_labels.json] [--picture docs/results/dpo_labels.svg]

A small policy from scratch learns by SFT to repeat five digits, about two thirds of them right, half of the time with a
flourish of confident words (`_dpo_labels_task.py`). People want digits right, and a flourish costs a little. On 0 to 4 of four
topics three of the five labeling functions go by flourish, so that 0 to 40% of the majority's labels are wrong, all of
them in favour of a flourish. Beliefs and intervals come from `wl.fit` on 100 gold pairs of 800; "unseen" is the case of
20% in which none of that gold is on a topic where functions err. The pairs are the same at each level.

Arms (`_dpo_labels_arms.py`) train on the same pairs for the same number of steps, from the same policy. "Doubtful" are pairs of
which the labeler contradicts the majority: "majority" keeps them as they are voted, "majority, doubtful removed" leaves
them out, "hard" flips them, "soft" gives every pair its belief, and "nearest point"
the point of its interval that is nearest .5. The kept figures have one arm more, "interval": a loss that took the worst
belief of each interval, and that is gone because it was no better (docs/dpo.md).

Measured on answers drawn to held-out prompts: mean quality, which is what counts, share of digits right, of answers with a
flourish, and KL to the reference in nats; and on held-out gold pairs the accuracy of the implied reward. Intervals are
of Student's t over seeds; differences are paired by seed. Beta and learning rate were chosen on gold of seeds 100 and 101,
in the table "choice": of those within a standard error, .01, of the best quality the one with the least KL. They are the
same for all arms; nine arms also ran at a beta of .3.

Rows that are done are kept below --folder, by a hash of the sources: a killed run continues, and runs of different
--seeds may go side by side. All of it takes half an hour on one free core.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path

from _dpo_labels_arms import (
    ARMS,
    HARD,
    MAJORITY,
    NEAREST,
    REMOVED,
    SOFT,
    Case,
    labelled,
    quality_of_labels,
)
from _dpo_labels_figures import CHOICE, LABELS, START, Done, add_figures, picture
from _dpo_labels_policy import Seed, Sizes, task_of
from _dpo_labels_task import TOPICS, functions
from _figures import Figures, arguments

import weaklabel as wl
from weaklabel.artifacts import content_hash

CHOSEN = {"beta": 1.0, "learning_rate": 6e-4}


def named(beta: float, learning_rate: float) -> str:
    return f"beta {beta:g}, learning rate {learning_rate:g}"


TRIED = {
    named(beta, rate): {"beta": beta, "learning_rate": rate}
    for beta, rate in product((0.1, 0.3, 1.0, 3.0), (3e-4, 6e-4, 1e-3, 2e-3))
}
CHOICE_SEEDS = (100, 101)
LEVELS = {f"{10 * n}%": tuple(range(n)) for n in range(len(TOPICS) + 1)}
UNSEEN = "20%, unseen"
LOOSE = {"20%, beta .3": {"beta": 0.3}}
LOOSE_ARMS = [
    "gold of all pairs",
    MAJORITY,
    REMOVED,
    HARD,
    SOFT,
    NEAREST,
    "geometric",
    "filtered at .75",
]
GOLD = "gold of all pairs"
SECONDS = 2.5  # of one run on one free core
QUICK = Sizes(
    demonstrations=400, sft_epochs=1, pairs=160, gold=60, held_prompts=40, held_pairs=40, dpo_steps=4
)


def case_of(seed: Seed, level: str) -> Case:
    unknown = LEVELS[level.split(",")[0]]
    every = range(len(TOPICS))
    seen = [topic for topic in every if topic not in unknown] if level == UNSEEN else list(every)
    return labelled(task_of(seed, seen), functions(unknown), unknown, seed.number)


def rows_of(seed: Seed, level: str, arms: list[str]) -> Iterator[tuple[str, dict[str, float]]]:
    """(arm, measures), where an arm is one of `ARMS` or of `TRIED`, or "labels", or "no DPO"."""
    if level == START:
        yield START, seed.start()
        return
    case = case_of(seed, "0%" if level == CHOICE else level)
    for arm in arms:
        if arm == LABELS:
            yield arm, quality_of_labels(case)
            continue
        said = ARMS[GOLD if level == CHOICE else arm](case)
        settings: Mapping[str, object] = (
            TRIED[arm]
            if level == CHOICE
            else {
                **CHOSEN,
                **LOOSE.get(level, {}),
                **said.settings,
            }
        )
        yield arm, said.shares(case) | seed.trained(said.groups(case), **settings)


def plan(seeds: list[int], quick: bool) -> dict[int, dict[str, list[str]]]:
    """Seed -> level -> arms, all that is asked for."""
    # In this order they are measured; tables have them by rising noise.
    levels = ["20%"] if quick else ["20%", "40%", UNSEEN, *LOOSE, "0%", "10%", "30%"]
    of_arms = {START: [START]}
    of_arms |= {level: LOOSE_ARMS if level in LOOSE else [LABELS, *ARMS] for level in levels}
    of_choice = {CHOICE: list(TRIED)[:1] if quick else list(TRIED)}
    return {number: of_choice if number in CHOICE_SEEDS else of_arms for number in seeds}


def kept_rows(file: Path) -> dict[tuple[str, str], dict[str, float]]:
    """(level, arm) -> measures that an earlier run has written; a line that was cut short is done again."""
    found = {}
    for line in file.read_text(encoding="utf-8").splitlines() if file.is_file() else ():
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            continue
        found[row["level"], row["arm"]] = row["measures"]
    return found


def run(wanted: Mapping[int, Mapping[str, list[str]]], sizes: Sizes, folder: Path) -> Done:
    """All rows that are wanted, each written down when it is done."""
    of_arms = f"{named(**CHOSEN)}.jsonl"
    files = {n: folder / (f"{n}.jsonl" if n in CHOICE_SEEDS else f"{n}, {of_arms}") for n in wanted}
    done = {(number, *key): found for number, file in files.items() for key, found in kept_rows(file).items()}
    left = sum(
        (number, level, arm) not in done and arm not in (START, LABELS)
        for number, levels in wanted.items()
        for level, arms in levels.items()
        for arm in arms
    )
    taught = sum(not (folder / str(number) / "sft").is_dir() for number in wanted)
    minutes = (left * SECONDS + taught * 40) / 60
    tell(f"{left} runs of DPO and {taught} of SFT are left: about {minutes:.0f} minutes on one free core")
    began = time.monotonic()
    seeds = {number: Seed(number, sizes, folder / str(number)) for number in wanted}
    # Level by level over all seeds: what says most is whole first.
    for level in dict.fromkeys(level for levels in wanted.values() for level in levels):
        for number, levels in wanted.items():
            missing = [arm for arm in levels.get(level, ()) if (number, level, arm) not in done]
            for arm, measures in rows_of(seeds[number], level, missing) if missing else ():
                done[number, level, arm] = measures
                keep(files[number], {"level": level, "arm": arm, "measures": measures})
                gone = (time.monotonic() - began) / 60
                tell(f"{gone:5.1f} minutes: seed {number}, {level}, {arm}: {measures.get('quality', '')}")
    return done


def keep(file: Path, row: Mapping[str, object]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    cut_short = file.is_file() and not file.read_bytes().endswith(b"\n")
    with file.open("a", encoding="utf-8") as kept:
        kept.write(("\n" if cut_short else "") + json.dumps(row) + "\n")


def tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main() -> None:
    parser = arguments((__doc__ or "").split("\n", 1)[0])
    parser.add_argument(
        "--folder", type=Path, default=Path("build/dpo_labels"), help="for rows that are done"
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[*range(5), *CHOICE_SEEDS])
    parser.add_argument("--picture", type=Path, metavar="FILE", help="draw the qualities to FILE (.svg)")
    options = parser.parse_args()
    sizes = QUICK if options.quick else Sizes()
    wanted = plan([0, 1, 100] if options.quick else options.seeds, options.quick)
    # What is meant here would be said at every run: rates that the robust loss cuts, topics without gold.
    warnings.simplefilter("ignore")
    sources = sorted(Path(wl.__file__).parent.rglob("*.py"))
    sources += [Path(__file__).with_name(f"_dpo_labels_{part}.py") for part in ("task", "policy", "arms")]
    made_by = content_hash(*(path.read_text(encoding="utf-8") for path in sources), repr(sizes))
    done = run(wanted, sizes, options.folder / made_by[:12])
    figures = Figures("dpo_labels", ("weaklabel", "torch", "transformers"))
    add_figures(figures, done, wanted)
    figures.finish(options.json)
    if options.picture:
        options.picture.write_text(picture(done, wanted).svg() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
