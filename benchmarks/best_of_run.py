"""What the best of n is worth by rewards of different quality, and whether pessimism helps: a toy on a CPU.

    python benchmarks/best_of_run.py [--quick] [--json FILE] [--work FOLDER]

A model of two layers answers with words drawn at random. Every word has a true worth, drawn anew per seed, and a response is worth the
sum of its words: that is the programmatic reward. Linear rewards learn it from a few noisy pairs of such responses, chosen by Bradley and
Terry's model of the true worth; each chooses among 16 samples of 100 prompts, plainly and less its spread by Laplace or by folds.
The true worth is the held-out reward. Samples of a seed are drawn once for all arms.

In the second case the pairs are older than the policy: a third of its words stand in none of them, and those are worth one less on
average. That is what pessimism supposes, that what nobody has judged is worse.

Figures are gains in the true worth over one sample, in standard deviations of a prompt's samples: what n samples by a perfect reward
would give is the row of the true worth itself. Intervals are over five seeds (t). An estimate is printed first; with --work a run
that was stopped goes on.
"""

from __future__ import annotations

import json
import math
import random
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from _figures import Figures, arguments, over_seeds

WORDS = [
    a + b
    for a in ("ka", "lo", "mi", "ne", "pu", "ra", "si", "to")
    for b in ("ban", "den", "fir", "gos", "hul", "jam")
]
SIZES = (60, 240)
SEEDS = 5


GAIN = "gain in true worth, sd"
LIKE, OLDER = "pairs like the samples", "pairs without a third of the words"
N_OLD = 32


@dataclass(frozen=True)
class Arm:
    """A reward that chooses, and how careful it is."""

    name: str
    pairs: int = 0
    pessimism: float = 0.0
    spread: str | None = None


def arms(quick: bool) -> list[Arm]:
    """The true worth, then every linear reward plainly and with each spread."""
    sizes, careful = (SIZES[:1], (1.0,)) if quick else (SIZES, (0.5, 1.0, 2.0))
    found = [Arm("true worth")]
    for n in sizes:
        found.append(Arm(f"linear, {n} pairs", n))
        for spread in ("laplace", "folds"):
            found += [Arm(f"linear, {n} pairs, less {x:g} {spread}", n, x, spread) for x in careful]
    return found


class Worth:
    """The sum of the true worths of a response's words, of one seed."""

    def __init__(self, case: str, seed: int) -> None:
        draw = random.Random(f"worth {seed}")
        self.of = {word: draw.gauss(0, 1) for word in WORDS}
        if case == OLDER:
            self.of |= {word: self.of[word] - 1 for word in WORDS[N_OLD:]}
        self.identity = f"{case} {seed}"

    def score(self, prompts: Any, responses: Any) -> Any:
        import numpy as np

        return np.array([sum(self.of.get(word, 0.0) for word in text.split()) for text in responses])


def answer(draw: random.Random, words: list[str] = WORDS) -> str:
    return " ".join(draw.choices(words, k=draw.randint(4, 9)))


def make_policy(work: Path, steps: int) -> Path:
    """The model that answers with words at random."""
    from weaklabel.stages import sft

    draw = random.Random("policy")
    rows = [{"prompt": f"Say {k}.", "completion": answer(draw)} for k in range(2000)]
    done = sft(
        rows,
        output_dir=work / "policy",
        from_scratch="tiny",
        max_steps=steps,
        learning_rate=3e-3,
        groups_per_batch=32,
        max_length=64,
        audit=False,
    )
    return done.model


def gold_pairs(case: str, n: int, seed: int) -> Any:
    """Pairs of two answers, of which people of noisy taste name the better."""
    import weaklabel as wl

    draw, worth = random.Random(f"pairs {seed}"), Worth(case, seed)
    words = WORDS[:N_OLD] if case == OLDER else WORDS
    rows = []
    for k in range(n):
        a, b = answer(draw, words), answer(draw, words)
        d = float(worth.score([""], [b])[0] - worth.score([""], [a])[0])
        gold = "b" if draw.random() < 1 / (1 + math.exp(-d)) else "a"
        rows.append({"id": str(k), "prompt": f"Ask {k}.", "response_a": a, "response_b": b, "gold": gold})
    return wl.read_pairs(rows, test_share=0.0)


def one(
    work: Path, policy: Path, case: str, arm: Arm, seed: int, n_prompts: int, n: int
) -> list[dict[str, Any]]:
    """The curve of one arm."""
    import weaklabel as wl
    from weaklabel.reward.linear import LinearReward
    from weaklabel.stages import best_of

    worth = Worth(case, seed)
    more: dict[str, Any] = {"comparer": worth, "held_out": Worth(case, seed)}
    if arm.pairs:
        pairs = gold_pairs(case, arm.pairs, seed)
        more["comparer"] = LinearReward().fit(pairs, pairs.y, gold=pairs.y)
        if arm.spread:
            path = work / f"{case}-{seed}-{arm.pairs}.parquet"
            wl.write_pairs(pairs, path)
            more |= {"pessimism": arm.pessimism, "spread": arm.spread, "spread_data": str(path)}
    result = best_of(
        [{"prompt": f"Say {k} of {seed}."} for k in range(n_prompts)],
        output_dir=work / f"{case}, {arm.name} {seed}".replace(" ", "_").replace(",", ""),
        model=str(policy),
        num_generations=n,
        max_new_tokens=40,
        batch_size=64,
        groups=False,
        seed=seed,
        samples_dir=str(work / f"samples-{seed}"),
        **more,
    )
    return list(json.loads((result.rounds[0].folder / "curve.json").read_text(encoding="utf-8")))


def unit(work: Path, case: str, seed: int) -> float:
    """The standard deviation of the true worth of a prompt's samples."""
    import numpy as np

    path = (
        work / f"{case}, true worth {seed}".replace(" ", "_").replace(",", "") / "round-00" / "samples.jsonl"
    )
    by_prompt: dict[str, list[float]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if "held_out" in row:
            by_prompt.setdefault(row["prompt"], []).append(row["held_out"])
    return float(np.sqrt(np.mean([np.var(some, ddof=1) for some in by_prompt.values() if len(some) > 1])))


def main() -> None:
    parser = arguments(__doc__ or "")
    parser.add_argument("--work", type=Path, help="a folder in which arms are kept and gone on with")
    options = parser.parse_args()
    n_prompts, n, steps, seeds = (8, 4, 20, 1) if options.quick else (100, 16, 400, SEEDS)
    cases = (LIKE,) if options.quick else (LIKE, OLDER)
    figures = Figures("best_of_run", ("weaklabel", "torch", "transformers", "numpy"))
    with tempfile.TemporaryDirectory(prefix="weaklabel-best-of-") as name:
        work = options.work or Path(name)
        work.mkdir(parents=True, exist_ok=True)
        began = time.perf_counter()
        policy = make_policy(work, steps)
        every = arms(options.quick)
        one(work, policy, LIKE, every[0], 0, n_prompts, n)
        once = time.perf_counter() - began
        estimate = once * seeds * (1 + 0.1 * len(cases) * len(every)) / 60  # samples of a seed are drawn once
        print(
            f"a policy and one arm took {once:.0f} s; all of it about {estimate:.0f} minutes", file=sys.stderr
        )
        for case in cases:
            gains: dict[str, list[list[float]]] = {arm.name: [] for arm in every}
            for seed in range(seeds):
                for arm in every:
                    curve = one(work, policy, case, arm, seed, n_prompts, n)
                    scale = unit(work, case, seed)
                    gains[arm.name].append([row["held_out_gain"]["value"] / scale for row in curve])
                    print(f"{case}, seed {seed}, {arm.name}", file=sys.stderr, flush=True)
            report(figures, case, every, gains)
            figures.save(options.json)
    figures.finish(options.json)


def report(figures: Figures, case: str, every: list[Arm], gains: dict[str, list[list[float]]]) -> None:
    """Gains at n = 2, 4, 8, 16; and at the largest n what each careful arm has more than its plain twin."""
    most = min(len(curve) for runs in gains.values() for curve in runs)
    for arm in every:
        for at in (2, 4, 8, 16):
            if at <= most:
                told = [curve[at - 1] for curve in gains[arm.name]]
                figures.add(f"{case}, best of {at}", arm.name, GAIN, *over_seeds(told))
    for arm in every:
        if arm.spread:
            plain = gains[f"linear, {arm.pairs} pairs"]
            told = [a[most - 1] - b[most - 1] for a, b in zip(gains[arm.name], plain, strict=True)]
            name = f"{case}, best of {most}, more than without pessimism"
            figures.add(name, arm.name, GAIN, *over_seeds(told))


if __name__ == "__main__":
    main()
