"""SuperHF on a toy: what superbatches, the prior and accumulation do, what a second reward sees, and which teacher is hacked.

    python benchmarks/superhf_toy.py [--quick] [--json FILE] [--work FOLDER]

A model of two layers has learned middling descriptions of things. SuperHF trains it on a count of adjectives, while people like
different adjectives and no word twice (`_superhf_task.py`). One setting at a time is swept around a chosen point; best-of-n is
held against it at equal samples. Then other teachers take the count's place: rewards and a labeler that learned from
pairs which people judged. Five seeds; an estimate is printed first; with --work, what is done is not done again.

Figures are of four samples for each of 64 prompts that no training saw. Intervals are over seeds (t).
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from _figures import Figures, arguments, over_seeds
from _superhf_policy import LENGTH, base_policy, samples
from _superhf_task import Scores, count, functions, labelled, prompts, quality

import weaklabel as wl
from weaklabel.artifacts import write_text
from weaklabel.metrics import Interval
from weaklabel.pictures.curves import curves_picture
from weaklabel.stages.audit import Audit

CHOSEN = {"superbatch_size": 8, "beta": 0.1, "prompt_accumulation_steps": 8}
SWEEPS: dict[str, Sequence[float]] = {
    "superbatch_size": (1, 2, 4, 8, 16, 32),
    "beta": (0.0, 0.03, 0.1, 0.3, 1.0),
    "prompt_accumulation_steps": (1, 2, 8, 32, 0),
}
TEACHERS = ("count", "linear", "functions", "labeler")
BETAS = (0.1, 0.0)
MEASURES = ("reward", "quality", "sameness", "words")
MARGIN = 0.25  # people's points; less is chance


class Seed:
    """What all arms of a seed share: a folder, the policy they start from, prompts, and people's judgements."""

    def __init__(self, number: int, work: Path, size: Mapping[str, int]) -> None:
        self.number, self.folder, self.size = number, work / f"seed-{number}", size
        self.base = base_policy(number, self.folder / "base", size)
        self.prompts = [{"prompt": p} for p in prompts(size["prompts"], 200 + number)]
        self.test = prompts(64, 9000)
        write_rows(self.folder / "watched.jsonl", [{"prompt": p} for p in prompts(96, 8000)])

    def arm(self, name: str, **changed: Any) -> Path:
        """A run of SuperHF; the folder of its round."""
        given = (
            {"comparer": Scores(count), "held_out": Scores(quality), "audit": False, "beta": 0.0}
            | CHOSEN
            | changed
        )
        done = wl.stages.superhf(
            self.prompts,
            output_dir=self.folder / name,
            model=str(self.base),
            num_rounds=1,
            learning_rate=1e-3,
            minibatch_size=8,
            batch_size=128,
            top_p=1.0,
            seed=self.number,
            **LENGTH,
            **given,
        )
        return done.rounds[-1].folder

    def imitated(self, epochs: int) -> Path:
        """The best of as many samples of the policy at the start, learned by SFT."""
        drawn = wl.stages.best_of(
            self.prompts,
            output_dir=self.folder / "best-of",
            comparer=Scores(count),
            model=str(self.base),
            num_generations=CHOSEN["superbatch_size"],
            max_new_tokens=LENGTH["max_new_tokens"],
            batch_size=128,
            groups=False,
            seed=self.number,
        )
        done = wl.stages.sft(
            str(drawn.rounds[-1].folder / "demonstrations.jsonl"),
            output_dir=self.folder / f"imitated-{epochs}",
            model=str(self.base),
            learning_rate=1e-3,
            lr_scheduler_type="cosine",
            num_train_epochs=epochs,
            groups_per_batch=8,
            max_length=LENGTH["max_length"],
            audit=False,
            seed=self.number,
        )
        return done.rounds[-1].folder

    def measured(self, folder: Path) -> dict[str, float]:
        """Of a policy's samples on the test prompts."""
        kept = folder.parent / f"{folder.name}.measured.json"
        if not kept.exists():
            texts = samples(folder / "model", self.test, 4, self.number)
            kept.write_text(json.dumps(figures_of(self.test * 4, texts)), encoding="utf-8")
        found: dict[str, float] = json.loads(kept.read_text(encoding="utf-8"))
        return found

    def teacher(self, name: str) -> Any:
        """Who is to be pleased: the count, or what learned from 200 pairs of samples that people judged."""
        if name == "count":
            return Scores(count)
        if name == "labeler":
            return wl.fit(functions(), self.judged(300), seed=self.number)
        return wl.train_reward(
            self.judged(300), name, **({"lfs": functions()} if name == "functions" else {})
        )

    def held_out(self) -> Any:
        """A reward that learned from other pairs than the teacher's."""
        return wl.train_reward(self.judged(301), "linear")

    def judged(self, draw: int) -> wl.Pairs:
        asked = prompts(self.size["judged"], draw + 10 * self.number)
        texts = samples(self.base, asked, 2, self.number)
        n = len(asked)
        return labelled(list(zip(asked, texts[:n], texts[n:], strict=True)), draw + 10 * self.number)


def figures_of(asked: Sequence[str], texts: Sequence[str]) -> dict[str, float]:
    from weaklabel.text.meteor import sameness

    both = list(zip(asked, texts, strict=True))
    return {
        "reward": float(np.mean([count(x, y) for x, y in both])),
        "quality": float(np.mean([quality(x, y) for x, y in both])),
        "sameness": sameness(texts, asked).value,
        "words": float(np.mean([len(y.split()) for y in texts])),
    }


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


# ---------------------------------------------------------------------------------------------- what is run
def swept(quick: bool) -> list[tuple[str, float, str, dict[str, Any]]]:
    """(setting, value, folder, what is changed) of every arm of the sweeps; the chosen point stands in each of them."""
    found = []
    for setting, values in SWEEPS.items():
        for value in values[:2] if quick else values:
            changed = {setting: value if setting == "beta" else int(value)}
            name = "chosen" if CHOSEN[setting] == value else f"{setting}-{value:g}"
            found.append((setting, value, name, changed))
    return found


def sweeps(figures: Figures, seeds: Sequence[Seed], quick: bool) -> None:
    """One setting at a time, and what best-of-n makes of as many samples."""
    bases = [figures_of_base(seed) for seed in seeds]
    add(figures, "before", "the policy at the start", bases)
    chosen = [seed.measured(seed.arm("chosen")) for seed in seeds]
    for setting, value, name, changed in swept(quick):
        add(figures, setting, f"{value:g}", [seed.measured(seed.arm(name, **changed)) for seed in seeds])
    for epochs in (1,) if quick else (1, 4):
        learned = [seed.measured(seed.imitated(epochs)) for seed in seeds]
        arm = f"best of 8 of the start, learned {epochs} time" + "s" * (epochs > 1)
        add(figures, "equal samples", arm, learned)
        add(figures, "equal samples", f"chosen less {arm}", differences(chosen, learned))
    if not quick:
        single = [
            seed.measured(seed.arm("prompt_accumulation_steps-0", prompt_accumulation_steps=0))
            for seed in seeds
        ]
        add(figures, "equal samples", "chosen less single pass", differences(chosen, single))


def figures_of_base(seed: Seed) -> dict[str, float]:
    return seed.measured(seed.folder / "base" / "round-00")


def differences(
    these: Sequence[Mapping[str, float]], those: Sequence[Mapping[str, float]]
) -> list[dict[str, float]]:
    return [{name: a[name] - b[name] for name in a} for a, b in zip(these, those, strict=True)]


def teachers(figures: Figures, seeds: Sequence[Seed], quick: bool) -> None:
    """Each teacher at the chosen point, and without a prior; who sees first that it is hacked."""
    for beta in BETAS[-1:] if quick else BETAS:
        for teacher in TEACHERS[:2] if quick else TEACHERS:
            told = [watched(seed, teacher, beta, quick) for seed in seeds]
            names = sorted({name for each in told for name in each})
            for name in names:
                values = [each[name] for each in told if each.get(name) is not None]
                if values:
                    figures.add(f"teachers, beta {beta:g}", teacher, name, *over_seeds(values))


def watched(seed: Seed, teacher: str, beta: float, quick: bool) -> dict[str, float]:
    """A run under the audit: what people think of it at the end, and after which share of it who noticed."""
    folder = seed.arm(
        f"{teacher}-{beta:g}",
        comparer=seed.teacher(teacher),
        held_out=seed.held_out(),
        beta=beta,
        num_train_epochs=1 if quick else 2,
        eval_data=str(seed.folder / "watched.jsonl"),
        audit={"audit_prompts": 96, "max_new_tokens": LENGTH["max_new_tokens"], "batch_size": 96},
        lfs=functions(),
    )
    found = Audit.load(folder / "audit")
    steps = [look.step for look in found.looks]
    files = [folder / "audit" / "samples" / f"step-{step}.jsonl" for step in steps]
    rows = [[json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] for file in files]
    both = [[(row["prompt"], row["answer"].strip()) for row in some] for some in rows]
    liked = [float(np.mean([quality(x, y) for x, y in some])) for some in both]
    warned = [len(found.warnings_at(look)) > 0 for look in found.looks]
    held = [look.figures["held_out_comparer"].value < 0.5 for look in found.looks]
    worse = [each < liked[0] - MARGIN for each in liked]
    told = {
        "quality, start": liked[0],
        "quality, best look": max(liked),
        "quality, end": liked[-1],
        "count, end": float(np.mean([count(x, y) for x, y in both[-1]])),
        "seeds that end worse than they began": float(worse[-1]),
        "seeds with a warning of the audit": float(any(warned)),
        "seeds in which the held-out reward falls": float(any(held)),
    }
    for name, seen in (
        ("people like it less", worse),
        ("the audit warns", warned),
        ("the held-out reward falls", held),
    ):
        if any(seen):
            told[f"share of the run after which {name}"] = steps[seen.index(True)] / steps[-1]
    return told


# ---------------------------------------------------------------------------------------------- figures
def add(figures: Figures, case: str, arm: str, found: Sequence[Mapping[str, float]]) -> None:
    for name in MEASURES:
        figures.add(case, arm, name, *over_seeds([each[name] for each in found]))


def pictures(figures: Figures, folder: Path, stem: str) -> None:
    """What the policy is trained on and what people like, over each swept setting."""
    for setting, axis, place in (
        ("superbatch_size", "log2 of superbatch_size", lambda value: round(np.log2(value))),
        ("beta", "100 x beta", lambda value: round(100 * value)),
    ):
        rows = [row for row in figures.rows if row.case == setting]
        curves = {
            told: [
                (place(float(row.arm)), Interval(row.value, row.low, row.high, row.n))
                for row in rows
                if row.metric == metric
            ]
            for metric, told in (
                ("reward", "count of adjectives, which is trained on"),
                ("quality", "what people like"),
            )
        }
        picture = curves_picture(curves, f"SuperHF by {setting}", axis="points", across=axis)
        write_text(folder / f"{stem}_{setting}.svg", picture.svg())


def main() -> None:
    parser = arguments(__doc__ or "")
    parser.add_argument("--work", type=Path, help="a folder in which runs are kept and gone on with")
    options = parser.parse_args()
    quick = options.quick
    size = {"demonstrations": 200, "epochs": 4, "prompts": 24, "judged": 60} if quick else {
        "demonstrations": 600, "epochs": 10, "prompts": 128, "judged": 200,
    }  # fmt: skip
    numbers = range(1) if quick else range(5)
    figures = Figures("superhf_toy", ("weaklabel", "torch", "transformers", "numpy"))
    with tempfile.TemporaryDirectory(prefix="weaklabel-superhf-") as folder:
        work = options.work or Path(folder)
        work.mkdir(parents=True, exist_ok=True)
        began = time.perf_counter()
        seeds = [Seed(number, work, size) for number in numbers]
        between = time.perf_counter()
        seeds[0].measured(seeds[0].arm("chosen"))
        once, n_runs = time.perf_counter() - between, len({name for _, _, name, _ in swept(quick)}) + 3
        n_runs += 2 * 2 * len(TEACHERS)  # longer ones
        print(
            f"the policies to start from took {between - began:.0f} s; a run takes about {once:.0f} s, all of it about "
            f"{len(seeds) * n_runs * once / 60:.0f} minutes",
            file=sys.stderr,
        )
        sweeps(figures, seeds, quick)
        figures.save(options.json)
        teachers(figures, seeds, quick)
        figures.finish(options.json)
        if options.json and not quick:
            pictures(figures, options.json.parent, options.json.stem)


if __name__ == "__main__":
    main()
