"""The toy of hindsight: digits to be sorted. Good outputs are sorted; in bad ones two neighbours have changed places.

Every policy begins as one that has read general text of digits, falling, rising and repeated, so that it can copy and count.
Marked prompts are asked by the words that training put before good and bad outputs.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from _sorting import digits, is_right, sorted_digits

from weaklabel.stages.hindsight.asking import answers, behind, copying, refine
from weaklabel.stages.hindsight.ranked import Output, Ranked
from weaklabel.stages.hindsight.templates import Template
from weaklabel.training.chains.general import GeneralText
from weaklabel.training.chains.settings import ChainTrainingSettings
from weaklabel.training.chains.tokens import Chain, Part, asking_ids
from weaklabel.training.chains.train import train_chains
from weaklabel.training.decoding import Responder
from weaklabel.training.layout.language import attach, token_logps
from weaklabel.training.models.loading import load_language_model
from weaklabel.training.models.scratch import language_model_from_scratch
from weaklabel.training.sampling import Sampling
from weaklabel.training.tokens import prompt_ids

WORDS = Template(
    first="{prompt}\n{feedback}",
    next="{feedback}",
    good=("good:",),
    bad=("bad:",),
    slightly_better="slightly better:",
    much_better="much better:",
    slightly_worse="slightly worse:",
    much_worse="much worse:",
)
DIGITS = 5
MAX_LENGTH = 64


@dataclass(frozen=True)
class Sizes:
    """How much of everything."""

    pairs: int = 1200
    test: int = 300
    general: int = 3000
    base_steps: int = 600
    steps: int = 160
    batch: int = 32
    few: int = 120


def corrupted(right: str, draw: random.Random) -> str:
    """The digits with one pair of unequal neighbours changed."""
    found = right.split()
    places = [k for k in range(len(found) - 1) if found[k] != found[k + 1]]
    k = draw.choice(places or [0])
    found[k], found[k + 1] = found[k + 1], found[k]
    return " ".join(found)


def general_lines(n: int, draw: random.Random) -> list[str]:
    """Sentences about digits, one kind of which sorts them: as of most tasks, something of it is in what a policy has read."""
    lines = []
    for _ in range(n):
        some = [str(draw.randrange(10)) for _ in range(DIGITS)]
        start = draw.randrange(6)
        rising = [str(start + k) for k in range(DIGITS)]
        kinds = [
            f"repeat {' '.join(some)} : {' '.join(some)}",
            f"in order {' '.join(some)} : {' '.join(sorted(some))}",
            f"backwards {' '.join(some)} : {' '.join(some[::-1])}",
            f"rising {' '.join(rising)} .",
            f"falling {' '.join(rising[::-1])} .",
            f"the smallest of {' '.join(some)} is {min(some)} .",
            f"the largest of {' '.join(some)} is {max(some)} .",
        ]
        lines.append(draw.choice(kinds))
    return lines


class Seed:
    """What all arms of a seed share: data, the policy that begins, what it is measured on.

    Args:
        number: of the seed.
        sizes: how much of everything.
        folder: where the beginning policy is kept.
    """

    def __init__(self, number: int, sizes: Sizes, folder: Path) -> None:
        self.number, self.sizes, self.folder = number, sizes, folder
        found = digits(sizes.pairs + sizes.test, 1000 + number, DIGITS)
        self.prompts = found[sizes.test :]
        self.test = found[: sizes.test]
        draw = random.Random(number)
        self.wrong = {prompt: corrupted(sorted_digits(prompt), draw) for prompt in found}
        lines = general_lines(sizes.general, draw)
        kept = len(lines) * 9 // 10
        self.general, self.held_general = "\n".join(lines[:kept]), "\n".join(lines[kept:])

    def pairs(self) -> list[Ranked]:
        """A list of the sorted digits and a corruption for each prompt."""
        return [Ranked(p, (Output(self.wrong[p], 0.0), Output(sorted_digits(p), 1.0))) for p in self.prompts]

    @cached_property
    def _base(self) -> Path:
        place = self.folder / "base"
        if not (place / "config.json").is_file():
            texts = [
                *self.general.split("\n")[:500],
                *(f"{p}\n{w}\n\n{p}" for p in self.prompts[:200] for w in _SAID),
            ]
            model, tokenizer = language_model_from_scratch("tiny", texts, seed=self.number)
            lines = [Chain((Part("\n", line),)) for line in self.general.split("\n")]
            self._train(model, tokenizer, lines, steps=self.sizes.base_steps, learning_rate=3e-3)
            tokenizer.save_pretrained(place)
            model.save_pretrained(place)
        return place

    @cached_property
    def _well_read(self) -> Path:
        """The beginning policy after more of the general text, in one stream as `general_nll` reads it."""
        place = self.folder / "well read"
        if not (place / "config.json").is_file():
            model, tokenizer = load_language_model(self._base)
            lines = [Chain((Part("\n", line),)) for line in self.general.split("\n")]
            more: dict[str, Any] = {"pretrain_weight": 1.5, "pretrain_batch_size": 16}
            steps = self.sizes.base_steps // 3
            self._train(
                model, tokenizer, lines, steps=steps, learning_rate=3e-3, general=self.general, **more
            )
            tokenizer.save_pretrained(place)
            model.save_pretrained(place)
        return place

    def trained(self, chains: Sequence[Chain], *, well_read: bool = False, **settings: Any) -> Responder:
        """The beginning policy after training on chains; `well_read`, the one that has read more first."""
        model, tokenizer = load_language_model(self._well_read if well_read else self._base)
        if chains:
            self._train(
                model, tokenizer, chains, **{"steps": self.sizes.steps, "learning_rate": 3e-3} | settings
            )
        return Responder(model.eval(), tokenizer)

    def _train(
        self,
        model: Any,
        tokenizer: Any,
        chains: Sequence[Chain],
        *,
        steps: int,
        general: str | None = None,
        **more: Any,
    ) -> None:
        settings = ChainTrainingSettings(
            max_steps=steps,
            lr_scheduler_type="cosine",
            groups_per_batch=self.sizes.batch,
            max_length=MAX_LENGTH,
            layout="padded",
            save_steps=steps,
            seed=self.number,
            **more,
        )
        with tempfile.TemporaryDirectory() as folder:
            train_chains(
                model, tokenizer, chains, general=general, settings=settings, folder=Path(folder) / "run"
            )

    # ------------------------------------------------------------------------------------ measures
    def asked(self, policy: Responder, words: str | None) -> dict[str, float]:
        """Of answers to test prompts asked with `words` (None: the bare prompt): sorted, corrupted as in training, of the digits."""
        if words is None:
            said = plain_answers(policy, self.test)
        else:
            said = answers(policy, WORDS, self.test, feedback=words, **GREEDILY)
        return self._judged(said)

    def _judged(self, said: Sequence[str]) -> dict[str, float]:
        stripped = [answer.strip() for answer in said]
        right = [is_right(p, s) for p, s in zip(self.test, stripped, strict=True)]
        near = [is_swap(p, s) for p, s in zip(self.test, stripped, strict=True)]
        return {"sorted": float(np.mean(right)), "corrupted": float(np.mean(near))}

    def copies(self, policy: Responder) -> dict[str, float]:
        """Of second outputs behind a given bad one, which is a corruption."""
        first = [self.wrong[prompt] for prompt in self.test]
        second = second_answers(policy, self.test, first)
        alone = answers(policy, WORDS, self.test, **GREEDILY)
        figures = {name: found.value for name, found in copying(first, second, alone, 0).items()}
        return figures | {f"second {name}": value for name, value in self._judged(second).items()}

    def refined(self, policy: Responder, words: str) -> dict[str, float]:
        """Of three answers in a row, the first asked with `words`."""
        rounds = refine(policy, WORDS, self.test, rounds=3, first=words, **GREEDILY)
        return {f"round {k} sorted": self._judged([each[k] for each in rounds])["sorted"] for k in range(3)}

    def general_nll(self, policy: Responder) -> float:
        """Nats per token of held-out general text."""
        import torch

        text = GeneralText.of(self.held_general, policy.tokenizer, max_length=MAX_LENGTH)
        attach(policy.model)
        with torch.no_grad():
            batch = text.batch(64, seed=0, step=0)
            return -float(token_logps(policy.model, batch).mean())


GREEDY = Sampling(temperature=0, max_new_tokens=14)
GREEDILY: dict[str, Any] = {"sampling": GREEDY, "batch_size": 300}
_SAID = ("good:", "bad:", "slightly better:", "much better:", "slightly worse:", "much worse:")


def is_swap(prompt: str, answer: str) -> bool:
    """Whether an answer is the sorted digits with two unequal neighbours changed."""
    right, found = sorted_digits(prompt).split(), answer.split()
    apart = [k for k, (a, b) in enumerate(zip(right, found, strict=False)) if a != b]
    return (
        len(found) == len(right) and len(apart) == 2 and apart[1] == apart[0] + 1 and sorted(found) == right
    )


def plain_answers(policy: Responder, prompts: Sequence[str]) -> list[str]:
    """Answers to bare prompts."""
    ids = prompt_ids([(prompt, ()) for prompt in prompts], policy.tokenizer)
    return [each.reply.text for each in policy.drawn(ids, list(prompts), GREEDY, batch_size=300)]


def second_answers(policy: Responder, prompts: Sequence[str], first: Sequence[str]) -> list[str]:
    """Answers behind a bad one, asked to be good."""
    words = ("bad:", "good:")
    shown = zip(prompts, first, strict=True)
    ids = [asking_ids(behind(WORDS, prompt, text, words), policy.tokenizer) for prompt, text in shown]
    return [each.reply.text for each in policy.drawn(ids, list(prompts), GREEDY, batch_size=300)]
