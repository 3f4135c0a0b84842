"""The policy of `dpo_labels.py`: learned once a seed by SFT, trained by DPO in seconds, measured on held-out prompts."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from _dpo_labels_task import (
    Task,
    drawn_answer,
    drawn_prompts,
    drawn_task,
    has_flourish,
    quality,
    right_digits,
)

from weaklabel.groups import Group, gather_groups
from weaklabel.training.decoding import Drawn, Responder
from weaklabel.training.dpo.settings import DPOTrainingSettings
from weaklabel.training.dpo.train import train_dpo
from weaklabel.training.logps import response_logps
from weaklabel.training.models.loading import load_language_model
from weaklabel.training.models.scratch import language_model_from_scratch
from weaklabel.training.sampling import Sampling
from weaklabel.training.settings import TrainingSettings
from weaklabel.training.sft import TokenExample, train_sft
from weaklabel.training.tokens import tokenize_groups
from weaklabel.types.demonstration import Demonstration

MAX_LENGTH = 64


@dataclass(frozen=True)
class Sizes:
    """How much of everything. `sft_epochs` passes over `demonstrations` teach to repeat digits, two thirds of them right."""

    demonstrations: int = 6000
    sft_epochs: int = 8
    pairs: int = 800
    gold: int = 100
    held_prompts: int = 300
    held_pairs: int = 300
    dpo_steps: int = 50
    groups_per_batch: int = 16


@dataclass
class Seed:
    """What all runs of a seed share: prompts, demonstrations, the policy that begins, and what it is measured on."""

    number: int
    sizes: Sizes
    folder: Path
    """Of this seed; the policy and the log-probabilities of the reference are kept there."""

    def rng(self, purpose: str) -> np.random.Generator:
        """A stream of its own for each purpose, so that none depends on what was drawn before."""
        return np.random.default_rng([self.number, *purpose.encode()])

    @cached_property
    def prompts(self) -> dict[str, list[str]]:
        rng, taken = self.rng("prompts"), set[str]()
        s = self.sizes
        wanted = {
            "held": s.held_prompts,
            "held pairs": s.held_pairs,
            "pairs": s.pairs,
            "demonstrations": s.demonstrations,
        }
        return {name: drawn_prompts(n, rng, taken) for name, n in wanted.items()}

    @cached_property
    def held_pairs(self) -> Task:
        return drawn_task(self.prompts["held pairs"], self.rng("held pairs"))

    @cached_property
    def policy(self) -> tuple[Any, Any]:
        """The SFT'd model, which is the reference, and its tokenizer."""
        return self._read()

    def _read(self) -> tuple[Any, Any]:
        """Another model of the same weights. A deep copy of one that was asked already would answer with the first one's."""
        place = self.folder / "sft"
        if not (place / "config.json").is_file():
            model, tokenizer = self._taught()
            tokenizer.save_pretrained(place)
            model.save_pretrained(place)
        return load_language_model(place)

    def _taught(self) -> tuple[Any, Any]:
        rng = self.rng("demonstrations")
        answered = [(prompt, drawn_answer(prompt, rng)) for prompt in self.prompts["demonstrations"]]
        demonstrations = [Demonstration(prompt, answer.text) for prompt, answer in answered]
        texts = [text for one in demonstrations[:500] for text in (f"{one.prompt}\n\n", one.completion)]
        model, tokenizer = language_model_from_scratch("tiny", texts, seed=self.number)
        settings = TrainingSettings(
            num_train_epochs=self.sizes.sft_epochs,
            learning_rate=3e-3,
            lr_scheduler_type="cosine",
            groups_per_batch=64,
            max_length=MAX_LENGTH,
            # Batches sorted by length would hold plain answers or flourished ones, and a step's loss is a mean over its tokens:
            # tokens of plain answers, which are shorter, would count nearly twice, and the policy begin less flourished.
            layout="padded",
            seed=self.number,
        )
        with tempfile.TemporaryDirectory() as folder:
            train_sft(model, tokenizer, demonstrations, settings=settings, folder=Path(folder) / "run")
        return model, tokenizer

    @cached_property
    def _held_ids(self) -> list[list[int]]:
        groups = [Group(prompt, ("",), ()) for prompt in self.prompts["held"]]
        made = tokenize_groups(groups, self.policy[1], max_length=MAX_LENGTH, kind="decoder", keep_end=False)
        return [group.prompt for group in made.groups]

    # -------------------------------------------------------------------------------------- measures
    def start(self) -> dict[str, float]:
        """The measures of the policy before DPO."""
        return self._of_samples(self.policy[0])

    def trained(
        self, groups: Sequence[Group], *, dpo_steps: int | None = None, **settings: Any
    ) -> dict[str, float]:
        """The measures of a copy of the policy after DPO on these groups."""
        model, tokenizer = self._read()
        chosen = DPOTrainingSettings(
            max_steps=dpo_steps or self.sizes.dpo_steps,
            groups_per_batch=self.sizes.groups_per_batch,
            max_length=MAX_LENGTH,
            layout="padded",
            seed=self.number,
            **settings,
        )
        with tempfile.TemporaryDirectory() as folder:
            run = train_dpo(
                model,
                tokenizer,
                groups,
                settings=chosen,
                folder=Path(folder) / "run",
                reference=self.policy[0],
                reference_store=self.folder / "reference",
            )
        found = {"steps": float(run.steps), "weightless": float(run.weightless)}
        return found | self._of_samples(model) | {"implied accuracy": self._implied_accuracy(model)}

    def _of_samples(self, model: Any) -> dict[str, float]:
        """Of one sampled answer to each held-out prompt; equal prompts meet equal random numbers in every run."""
        prompts = self.prompts["held"]
        keys = [hashlib.sha256(prompt.encode()).hexdigest() for prompt in prompts]
        responder = Responder(model, self.policy[1])
        drawn = responder.drawn(self._held_ids, keys, Sampling(max_new_tokens=24), batch_size=len(prompts))
        texts = [one.reply.text for one in drawn]
        asked = list(zip(prompts, texts, strict=True))
        return {
            "quality": float(np.mean([quality(*one) for one in asked])),
            "digits right": float(np.mean([right_digits(*one) for one in asked])) / 5,
            "flourish": float(np.mean([has_flourish(text) for text in texts])),
            "KL": self._kl(model, drawn),
        }

    def _kl(self, model: Any, drawn: Sequence[Drawn]) -> float:
        """KL(policy || reference) per answer in nats, by the mean of log p - log q over the policy's own answers."""
        rows = [TokenExample(one.prompt, one.response) for one in drawn]
        of_both = [_sums(one, rows, self.policy[1]) for one in (model, self.policy[0])]
        return float(np.mean(of_both[0] - of_both[1]))

    @cached_property
    def _held_rows(self) -> tuple[list[TokenExample], np.ndarray]:
        """Responses of the held-out pairs, a and b in turn, with their log-probabilities under the reference."""
        groups = gather_groups(self.held_pairs.pairs, self.held_pairs.truth)
        made = tokenize_groups(groups, self.policy[1], max_length=MAX_LENGTH, kind="decoder", keep_end=False)
        rows = [TokenExample(g.prompt, response) for g in made.groups for response in g.responses]
        return rows, _sums(self.policy[0], rows, self.policy[1])

    def _implied_accuracy(self, model: Any) -> float:
        """Share of held-out pairs whose better response gained more log-probability; equal gains are half right."""
        rows, before = self._held_rows
        gained = _sums(model, rows, self.policy[1]) - before
        h = gained[1::2] - gained[::2]
        return float(np.mean((1 + np.sign(h) * (2 * self.held_pairs.truth - 1)) / 2))


def _sums(model: Any, rows: Sequence[TokenExample], tokenizer: Any) -> np.ndarray:
    return np.array([part.sum() for part in response_logps(model, rows, pad_id=tokenizer.pad_token_id)])


def task_of(seed: Seed, gold_topics: Sequence[int]) -> Task:
    """The pairs of a seed: the same texts whatever the functions do and wherever gold is."""
    return drawn_task(
        seed.prompts["pairs"], seed.rng("pairs"), n_gold=seed.sizes.gold, gold_topics=gold_topics
    )
