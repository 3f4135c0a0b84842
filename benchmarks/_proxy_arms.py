"""The arms of `proxy_toy.py`, on the task of `_superhf_task.py`: who is asked what, and what teaches the policy.

The expert sees the quality of a response without error. Other hands, whose pairs the off-policy arms ask about, are careful
writers: they name the right thing, use up to five different adjectives, and rarely say one twice, so that most of their
answers are good ones. Flawless writers make no mistake, so that nothing asked about them tells what a mistake costs.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from _superhf_policy import LENGTH, base_policy, samples
from _superhf_task import ADJECTIVES, FULL, THINGS, Scores, functions, prompts, quality, thing_of

import weaklabel as wl
from weaklabel.comparers.expert import ByScore
from weaklabel.reward.registry import load_reward
from weaklabel.types import Pairs

BEST = FULL + 2
"""The highest quality."""
FIGURES = {
    "held-out agreement": "agreement on learned pairs",
    "told apart": "told apart",
    "asked about in the upper half": "asked about in the upper half",
    "pairs learned": "pairs learned",
    "steps": "steps",
}
"""Of those of a round -> their names here."""


@dataclass(frozen=True)
class Arm:
    """A way from the same policy to another one.

    Attributes:
        name: in tables.
        settings: of the stage, beside those that all arms share; sizes are words of `Size`.
        by_expert: whether the expert chooses best and worst of every prompt, and no stage asks.
    """

    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    by_expert: bool = False

    @property
    def evaluates(self) -> bool:
        """Whether an evaluation model has a say in what is learned."""
        return not self.by_expert and self.settings.get("learn") != "answers"

    @property
    def folder(self) -> str:
        return self.name.replace(",", "").replace(" ", "_")


@dataclass(frozen=True)
class Size:
    """How much of everything; `queries` are the n of the questions."""

    demonstrations: int = 600
    epochs: int = 10
    queries: int = 50
    leverage: int = 9
    passes: int = 2
    tested: int = 200

    @property
    def many(self) -> int:
        """Pairs of the evaluation model, and prompts."""
        return self.queries * self.leverage

    @property
    def steps(self) -> int:
        """Of DPO, in an arm that learns `many` pairs."""
        return self.passes * -(-self.many // GROUPS)


GROUPS = 16
CAREFUL, FLAWLESS = "careful", "flawless"
LINEAR: Mapping[str, Any] = {"evaluator": "linear", "lfs": ()}
POLICY: Mapping[str, Any] = {
    "evaluator": "transformer",
    "evaluator_settings": {
        "base": "policy",
        "learning_rate": 1e-3,
        "num_train_epochs": 10,
        "groups_per_batch": 16,
        "max_length": LENGTH["max_length"],
        "save_steps": 10**6,
    },
    "lfs": (),
}
"""As published: the evaluation model begins with the policy itself."""


ALL_ASKED = Arm("all asked", {"learn": "answers", "queries": "many"})


def arms(size: Size) -> list[list[Arm]]:
    """All of them, in groups that are run one after the other; "functions" is the evaluation model where none is named."""
    n, batch = size.queries, -(-size.queries // 3)
    in_batches = {**LINEAR, "query_batch": batch}
    asked_otherwise = [
        Arm("linear proxy, coreset", {**in_batches, "acquisition": "coreset"}),
        Arm("linear proxy, expected gain", {**in_batches, "acquisition": "expected_gain"}),
        Arm("linear proxy, scores", {**LINEAR, "unit": "responses", "rubric": (0, BEST)}),
        Arm("proxy, two rounds", {"queries": n // 2, "num_rounds": 2}),
        Arm("proxy and answers", {"learn": "both"}),
    ]
    flawless = [
        Arm("proxy, flawless writers", {"off_policy": FLAWLESS}),
        Arm("linear proxy, flawless writers", {**LINEAR, "off_policy": FLAWLESS}),
    ]
    others = [
        Arm("policy proxy", POLICY),
        Arm("linear proxy, uncertainty", {**in_batches, "acquisition": "uncertainty"}),
    ]
    return [
        [
            ALL_ASKED,
            Arm("best and worst by the expert", by_expert=True),
            Arm("answers", {"learn": "answers"}),
            Arm("answers, three times the passes", {"learn": "answers", "num_train_epochs": 3 * size.passes}),
            Arm("answers, as many steps", {"learn": "answers", "max_steps": size.steps}),
            Arm("proxy"),
            Arm("proxy, off-policy", {"off_policy": CAREFUL}),
            Arm("linear proxy", LINEAR),
            Arm("linear proxy, off-policy", {**LINEAR, "off_policy": CAREFUL}),
        ],
        asked_otherwise,
        flawless,
        others,
    ]


class Seed:
    """What all arms of a seed share: the policy they start from, prompts, pairs of other hands, and pairs that judge."""

    def __init__(self, number: int, work: Path, size: Size) -> None:
        self.number, self.size, self.folder = number, size, work / f"seed-{number}"
        told = {"demonstrations": size.demonstrations, "epochs": size.epochs}
        self.base = base_policy(number, self.folder / "base", told)
        self.prompts = [{"prompt": p} for p in prompts(size.many, 500 + number)]
        learned = {*prompts(size.demonstrations, 100 + number), *(row["prompt"] for row in self.prompts)}
        self.tested = [p for p in prompts(2 * size.tested, 9500) if p not in learned][: size.tested]
        self.judging = self._judging()

    def _judging(self) -> tuple[Pairs, np.ndarray]:
        """Pairs of the base policy's samples of new prompts that differ in quality, and P(b is better) of each."""
        asked = prompts(2 * self.size.tested, 9600)
        texts = samples(self.base, asked, 2, self.number)
        pairs = wl.read_pairs(
            [
                {"prompt": p, "response_a": a, "response_b": b}
                for p, a, b in zip(asked, texts[: len(asked)], texts[len(asked) :], strict=True)
                if quality(p, a) != quality(p, b)
            ]
        )
        return pairs, ByScore(Scores(quality)).compare(pairs)

    def made(self, arm: Arm, dpo: Mapping[str, float]) -> dict[str, float]:
        """The figures of an arm; a run that is there is read."""
        place = self.folder / f"learning_rate-{dpo['learning_rate']:g}-beta-{dpo['beta']:g}"
        place.mkdir(parents=True, exist_ok=True)
        kept = place / f"{arm.folder}.json"
        if not kept.exists():
            given = {
                "learning_rate": dpo["learning_rate"],
                "beta": dpo["beta"],
                "num_train_epochs": self.size.passes,
                "groups_per_batch": GROUPS,
                "lr_scheduler_type": "cosine",
                "save_steps": 10**6,  # a training of seconds is begun again, not continued
                "max_length": LENGTH["max_length"],
                "model": str(self.base),
                "audit": False,
                "seed": self.number,
            }
            folder = (self._by_expert if arm.by_expert else self._by_stage)(place / arm.folder, arm, given)
            found = json.loads((folder / "round.json").read_text(encoding="utf-8"))["figures"]
            told = {FIGURES[name]: value for name, value in found.items() if name in FIGURES}
            told |= self.worth(folder / "model")
            if arm.evaluates:
                told["accuracy on new pairs"] = self._accuracy(folder / "evaluator")
            kept.write_text(json.dumps(told, indent=1), encoding="utf-8")
        return dict(json.loads(kept.read_text(encoding="utf-8")))

    def at_start(self) -> dict[str, float]:
        """Of the policy that all start from."""
        kept = self.folder / "base.json"
        if not kept.exists():
            kept.write_text(json.dumps(self.worth(self.base)), encoding="utf-8")
        return dict(json.loads(kept.read_text(encoding="utf-8")))

    def worth(self, model: Path) -> dict[str, float]:
        """What people think of two answers to each tested prompt."""
        texts = samples(model, self.tested, 2, self.number)
        liked = [quality(x, y) for x, y in zip(self.tested * 2, texts, strict=True)]
        words = [len(text.split()) for text in texts]
        return {"quality": float(np.mean(liked)), "words": float(np.mean(words))}

    def _accuracy(self, evaluator: Path) -> float:
        pairs, truth = self.judging
        model = load_reward(evaluator, functions())
        return float(np.mean((model.compare(pairs) > 0.5) == (truth > 0.5)))

    def _by_stage(self, folder: Path, arm: Arm, training: Mapping[str, Any]) -> Path:
        told = dict(arm.settings)
        if told.get("queries") == "many":
            told["queries"] = self.size.many
        if "off_policy" in told:
            told["off_policy_data"] = str(self._other_hands(told.pop("off_policy")))
        scored = told.get("unit") == "responses"
        done = wl.stages.proxy(
            self.prompts,
            output_dir=folder,
            expert=Scores(rated if scored else quality),
            held_out=Scores(quality),
            num_generations=8,
            max_new_tokens=LENGTH["max_new_tokens"],
            batch_size=1024,
            curve_points=0,
            **{
                **training,
                "queries": self.size.queries,
                "learn": "proxy",
                "evaluator": "functions",
                "lfs": functions(),
                "max_pairs": self.size.many,
                **told,
            },
        )
        return done.rounds[-1].folder

    def _by_expert(self, folder: Path, arm: Arm, training: Mapping[str, Any]) -> Path:
        """DPO on the best and the worst of each prompt's samples as the expert sees them."""
        drawn = wl.stages.best_of(
            self.prompts,
            output_dir=self.folder / "best_and_worst",
            comparer=Scores(quality),
            model=str(self.base),
            num_generations=8,
            max_new_tokens=LENGTH["max_new_tokens"],
            batch_size=1024,
            groups=False,
            seed=self.number,
        )
        done = wl.stages.dpo(
            str(drawn.rounds[-1].folder / "pairs.parquet"),
            output_dir=folder,
            allow_uncalibrated=True,
            **training,
        )
        return done.rounds[-1].folder

    def _other_hands(self, hands: str) -> Path:
        """Pairs of careful or flawless writers for as many prompts as are sampled."""
        path, draw = self.folder / f"{hands}_hands.jsonl", random.Random(700 + self.number)
        rows = [
            {"prompt": p, "response_a": by_others(p, draw, hands), "response_b": by_others(p, draw, hands)}
            for p in prompts(self.size.many, 700 + self.number)
        ]
        write_rows(path, rows)
        return path


def rated(prompt: str, response: str) -> float:
    """The quality within the rubric, 0 to BEST."""
    return min(max(quality(prompt, response), 0.0), float(BEST))


def by_others(prompt: str, draw: random.Random, hands: str) -> str:
    """By a careful writer, of whose answers one in twenty names another thing and one in ten says a word twice; or a flawless one."""
    thing = thing_of(prompt) if hands == FLAWLESS or draw.random() < 0.95 else draw.choice(THINGS)
    words = draw.sample(ADJECTIVES, draw.randint(2, 5))
    if hands == CAREFUL and draw.random() < 0.1:
        words.append(draw.choice(words))
    return f"the {thing} is " + " and ".join(words)


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
