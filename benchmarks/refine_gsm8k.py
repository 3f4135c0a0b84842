"""One decision of iterative label refinement on real solutions: is a comparer of mathematical labeling functions any good?

    python benchmarks/refine_gsm8k.py [--quick] [--only WORDS] [--json docs/results/refine_gsm8k.json]

Labels are the solutions of `6b_verification` to 660 questions of GSM8K's test set, proposals those of `175b_finetuning`;
where their final numbers differ, a label is replaced if p(the proposal is better) > .5. Functions were chosen on one half
of the questions, and gold is drawn from it, of 100 and of 200 questions, twenty times. The comparer is fitted on the gold
pairs and the other half's pairs without gold; all figures are of the other half (330 questions). Gold in which both or
neither is right teaches no direction: it is left out (as ties it was worse on the first half). p is the comparer's, with
the log-odds of `weaklabel.stages.incumbent` added, whose counts come from the same gold.

Rows are means over the draws; intervals resample questions, of the mean over draws. "share of the oracle's gain" is
(accuracy - labels) / (oracle - labels). "gold judges four models": the right answer to a gold question says of all four
models' solutions which are right, so that pairs of any two of them are gold; nothing else differs. Functions of agreement
compare the final number with those of models that are not in the pair. 175b_verification, which the agreement rows listen
to, is right far oftener than either of the two models that the oracle chooses from.

"fitted agreement" is the label model on functions of agreement alone, without any of the family: what the family adds is the
difference to it. "the prior alone" replaces all or nothing.

"less" tables are paired differences in accuracy, in points of 0 to 1. "in rounds" replaces at most 15% of what is in
dispute at a time; proposals stay the same, nothing is trained in between. "every two models" makes the same decision with
each model's solutions as labels and each other's as proposals, from the same labelers. "best of four" lets the labeler of
four models' gold choose among four solutions; "+ model" adds the log-odds of each model's share right on the gold.
"""

from __future__ import annotations

import sys
import warnings
from collections import defaultdict
from importlib.util import find_spec

import numpy as np
from _figures import Figures, arguments, shared_folder
from _kept_rows import keep_rows
from _refine_arms import ALPHA, ARMS, Arm, Task, best_of_four, capped_rounds, fit, log_odds
from _refine_data import (
    DEMONSTRATIONS,
    MODELS,
    PROPOSALS,
    Flags,
    Floats,
    Ints,
    halves,
    make_pool,
    read_solved,
)

SIZES = (100, 200)
N_DRAWS = 20
N_ROUNDS = 3
OURS = "functions + agreement"
LABELS = "labels as they are"
FOUR = f"{OURS}, gold judges four models"
FITTED = "fitted agreement, gold judges four models"
PRIOR = "the prior alone: all proposals or none"
AGREEMENT = "more other models agree with the proposal"
PEERS = (
    LABELS,
    AGREEMENT,
    PRIOR,
    "fitted agreement",
    "175b_verification agrees",
    f"majority vote of {OURS}",
    f"Snorkel on {OURS}",
)


class Kept:
    """Per arm and question of the figures, the mean over draws of whether it is right, and how many were replaced."""

    def __init__(self, unseen: Ints) -> None:
        self.unseen = unseen
        self.right: dict[str, list[Floats]] = defaultdict(list)
        self.replaced: dict[str, list[int]] = defaultdict(list)

    def add(self, arm: str, task: Task, replaced: Flags) -> None:
        self.right[arm].append(task.right(replaced)[self.unseen].astype(float))
        self.replaced[arm].append(int((replaced & task.disagree)[self.unseen].sum()))

    def add_right(self, arm: str, right: Floats) -> None:
        self.right[arm].append(right[self.unseen])

    def mean(self, arm: str) -> Floats:
        return np.asarray(np.mean(self.right[arm], axis=0))


def resampled(n: int) -> Floats:
    """`(2000, n)`: how often each question is in each resample; the same in every table, so that differences are paired."""
    return np.random.default_rng(1).multinomial(n, np.full(n, 1 / n), size=2000).astype(float) / n


def report(figures: Figures, case: str, kept: Kept, base: Floats, best: Floats) -> None:
    """Accuracy, gain over `base`, share of the gain of `best`, and replacements of every arm."""
    draws = resampled(len(kept.unseen))
    oracle = (best - base).mean()
    for arm in kept.right:
        mine = kept.mean(arm)
        gap = draws @ (mine - base)
        found = {
            "accuracy": (mine.mean(), draws @ mine),
            "gain": ((mine - base).mean(), gap),
            "share of the oracle's gain": ((mine - base).mean() / oracle, gap / (draws @ (best - base))),
        }
        for metric, (value, drawn) in found.items():
            low, high = np.quantile(drawn, [0.025, 0.975])
            figures.add(case, arm, metric, float(value), float(low), float(high), len(mine))
        if kept.replaced[arm]:
            figures.add(case, arm, "replaced", float(np.mean(kept.replaced[arm])))


def differ(figures: Figures, case: str, kept: Kept, arm: str, others: list[str]) -> None:
    for other in others:
        gap = kept.mean(arm) - kept.mean(other)
        _add_mean(figures, f"{case}: {arm} less", other, "accuracy", gap)


def references(kept: Kept, task: Task) -> None:
    """What needs neither functions nor gold."""
    n = len(task.solved.ids)
    right = task.solved.right
    kept.add(LABELS, task, np.zeros(n, dtype=np.bool_))
    kept.add("longer solution", task, task.longer())
    kept.add(AGREEMENT, task, task.agreement())
    others = [m for m in range(len(MODELS)) if m not in (task.labels, task.proposals)]
    for m in others:
        kept.add(f"{MODELS[m]} agrees with the proposal", task, task.agreement((m,)))
        kept.add_right(f"the answers of {MODELS[m]}", right[:, m].astype(float))
    kept.add("all proposals", task, np.ones(n, dtype=np.bool_))
    kept.add("oracle", task, right[:, task.proposals] & ~right[:, task.labels])


def at_random(kept: Kept, task: Task, arm: str) -> None:
    """As many replaced as an arm replaces, drawn among those in dispute: the expectation."""
    share = np.mean(kept.replaced[arm]) / task.disagree[kept.unseen].sum()
    everything, nothing = (
        task.right(np.full(len(task.disagree), all_)).astype(float) for all_ in (True, False)
    )
    kept.add_right(f"random replacement, as many as {arm}", share * everything + (1 - share) * nothing)


def draw(chosen_on: Ints, size: int, seed: int) -> Ints:
    return np.sort(np.random.default_rng([size, seed]).permutation(chosen_on)[:size])


def decide(kept: Kept, rounds: Kept, task: Task, arm: Arm, toward: Floats, gold: Ints) -> None:
    odds = task.prior(gold).log_odds
    kept.add(arm.name, task, toward + odds > 0)
    kept.add(f"{arm.name}, without the prior", task, toward > 0)
    if arm.name.startswith("functions"):
        asked = np.isin(np.arange(len(toward)), rounds.unseen)
        for k, replaced in enumerate(capped_rounds(toward + odds, task.disagree & asked, N_ROUNDS), 1):
            rounds.add(f"{arm.name}, round {k}", task, replaced)


def run(figures: Figures, tasks: list[Task], size: int, n_draws: int, words: str) -> None:
    """The arms whose name holds the words, with gold of `size` questions."""
    main = next(t for t in tasks if (MODELS[t.labels], MODELS[t.proposals]) == (DEMONSTRATIONS, PROPOSALS))
    chosen_on, unseen = halves(len(main.solved.ids))
    kept, rounds, best = Kept(unseen), Kept(unseen), Kept(unseen)
    by_task = {task: Kept(unseen) for task in tasks} if size == SIZES[0] else {}
    references(kept, main)
    for task, some in by_task.items():
        references(some, task)
    best_references(best, main)
    arms = [arm for arm in ARMS if words in arm.name]
    if find_spec("snorkel") is None:
        arms = [arm for arm in arms if arm.model != "snorkel"]
    priors = []
    for seed in range(n_draws):
        gold = draw(chosen_on, size, seed)
        priors.append(main.prior(gold))
        for task, some in by_task.items():
            some.add(PRIOR, task, np.full(len(task.disagree), task.prior(gold).log_odds > 0))
        kept.add(PRIOR, main, np.full(len(main.disagree), main.prior(gold).log_odds > 0))
        right = main.solved.right
        best.add_right("model best on the gold", right[:, right[gold].mean(axis=0).argmax()].astype(float))
        for arm in arms:
            found = log_odds(main.pool, fit(main, arm, gold, unseen, seed), unseen)
            decide(kept, rounds, main, arm, main.toward_proposals(found), gold)
            if arm.judged == "four":
                for task, some in by_task.items():
                    decide(some, Kept(unseen), task, arm, task.toward_proposals(found), gold)
                verify(best, main, arm, found, gold)
        print(f"gold of {size}: draw {seed + 1} of {n_draws}", file=sys.stderr, flush=True)
    if OURS in kept.right:
        at_random(kept, main, OURS)
    case = f"gold of {size} questions"
    labels, oracle = kept.mean(LABELS), kept.mean("oracle")
    report(figures, case, kept, labels, oracle)
    figures.add(case, "gold", "decided pairs", float(np.mean([p.better + p.worse for p in priors])))
    figures.add(
        case, "gold", "prior's share of better proposals", float(np.mean([p.share.value for p in priors]))
    )
    for ours in (name for name in (OURS, FOUR) if name in kept.right):
        differ(figures, case, kept, ours, [arm for arm in kept.right if arm.startswith(PEERS)])
    report(figures, f"{case}, in rounds of at most {ALPHA:.0%}", rounds, labels, oracle)
    case_best = f"{case}, best of four"
    report(figures, case_best, best, best.mean("one of four at random"), best.mean("oracle"))
    for end in ("", " + model"):
        ours = f"verifier: {FOUR}{end}"
        others = ("most frequent answer", "model best on the gold", f"verifier: {FITTED}{end}")
        differ(figures, case_best, best, ours, [arm for arm in others if arm in best.right])
    if by_task:
        every_two(figures, case, by_task)


def every_two(figures: Figures, case: str, by_task: dict[Task, Kept]) -> None:
    """Gains of every two models, their mean, and differences of the mean."""
    title = f"{case}, every two models"
    gains: dict[str, list[Floats]] = defaultdict(list)
    for task, some in by_task.items():
        for arm in some.replaced:
            if arm == LABELS or "agrees" in arm or "longer" in arm:
                continue  # of models that are not the same for every two
            gains[arm].append(some.mean(arm) - some.mean(LABELS))
        name = f"{MODELS[task.labels]} <- {MODELS[task.proposals]}"
        for arm in gains:
            _add_mean(figures, f"{title}: gain", name, arm, gains[arm][-1])
    means = {arm: np.asarray(np.mean(each, axis=0)) for arm, each in gains.items()}
    for arm, each in means.items():
        _add_mean(figures, f"{title}: gain", "mean of the twelve", arm, each)
    for ours in (FOUR, ARMS[2].name):
        for other in (arm for arm in means if arm.startswith(PEERS) and ours in means):
            _add_mean(figures, f"{title}: {ours} less", other, "accuracy", means[ours] - means[other])


def _add_mean(figures: Figures, case: str, arm: str, metric: str, each: Floats) -> None:
    low, high = np.quantile(resampled(len(each)) @ each, [0.025, 0.975])
    figures.add(case, arm, metric, float(each.mean()), float(low), float(high), len(each))


def best_references(best: Kept, task: Task) -> None:
    right = task.solved.right.astype(float)
    best.add_right("one of four at random", right.mean(axis=1))
    best.add_right("oracle", right.max(axis=1))
    counts = np.column_stack(
        [sum(task.solved.same(m, other) for other in range(len(MODELS))) for m in range(len(MODELS))]
    )
    frequent = counts == counts.max(axis=1, keepdims=True)
    # Where several answers are as frequent, one is drawn: the expectation over solutions.
    best.add_right("most frequent answer", (right * frequent).sum(axis=1) / frequent.sum(axis=1))
    best.add_right("175b_verification", right[:, MODELS.index("175b_verification")])


def verify(best: Kept, task: Task, arm: Arm, found: Floats, gold: Ints) -> None:
    right = task.solved.right
    n = len(right)
    share = {
        m: float(np.log((right[gold, m].sum() + 1) / ((~right[gold, m]).sum() + 1)))
        for m in range(len(MODELS))
    }
    for name, bonus in (("", {}), (" + model", share)):
        chosen = best_of_four(task.pool, found, bonus, n)
        best.add_right(f"verifier: {arm.name}{name}", right[np.arange(n), chosen].astype(float))


def main() -> None:
    parser = arguments(__doc__ or "")
    parser.add_argument(
        "--only",
        metavar="WORDS",
        default="",
        help="only arms whose name holds these words, 100 gold questions",
    )
    options = parser.parse_args()
    solved = read_solved(shared_folder() / "data" / "gsm8k")
    pool = make_pool(solved)
    places = range(len(MODELS))
    tasks = [Task(solved, pool, i, j) for i in places for j in places if i != j]
    figures = Figures("refine_gsm8k", ("weaklabel", "snorkel", "numpy", "scikit-learn"))
    for size in SIZES[:1] if options.quick or options.only else SIZES:
        run(figures, tasks, size, 1 if options.quick else N_DRAWS, options.only)
        if not options.only:
            figures.save(options.json)
    if options.only and options.json and options.json.exists():
        keep_rows(figures, options.json)
        renewed = [
            f"arms named '... {options.only} ...' with {SIZES[0]} gold questions, and rows that need no fit"
        ]
        figures.earlier = {**(figures.earlier or {}), "renewed": renewed}
    figures.finish(options.json)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
