"""Superbatches: samples of the policy as it is, trimmed, scored, and the best ones of each prompt as token ids to learn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from weaklabel.artifacts import content_hash
from weaklabel.data.asked.prompts import Prompt
from weaklabel.data.readers.base import encodes
from weaklabel.errors import ConfigError, TrainingError
from weaklabel.groups import Group
from weaklabel.stages.best_of.judging import WIN_RATE, Judge
from weaklabel.stages.best_of.sampled import Draws
from weaklabel.stages.superhf.settings import SuperHFSettings
from weaklabel.stages.superhf.told import FILE, Choice, Kept
from weaklabel.types import FloatArray
from weaklabel.types.messages import said_first

if TYPE_CHECKING:
    from weaklabel.training.decoding import Drawn, Responder
    from weaklabel.training.sft import TokenExample
    from weaklabel.training.superhf.train import Superbatch

_PATIENCE: Final = (
    32  # prompts after which rewards that tell nothing apart, or answers that say nothing, end the run
)


@dataclass(frozen=True)
class Sample:
    """A sample that is not empty.

    Attributes:
        row: of its prompt, within the superbatch.
        text: as it is scored.
        drawn: its tokens; None where the text was trimmed, and they say more than it.
    """

    row: int
    text: str
    drawn: Drawn | None


class Superbatches:
    """Draws the superbatches of a round, in an order of prompts that the seed and the pass decide.

    Args:
        prompts: one or more.
        judge: scores the samples.
        held_out: scores what was kept; None for nobody.
        settings: of the stage; its seed is the round's.
        max_length: tokens of prompt and response together.
        tokenizer: of the policy.
        folder: of the round, where `superbatches.jsonl` grows.

    Raises:
        ConfigError: `max_length` has no room for a prompt beside `max_new_tokens`.
    """

    def __init__(
        self,
        prompts: Sequence[Prompt],
        judge: Judge,
        held_out: Judge | None,
        settings: SuperHFSettings,
        max_length: int,
        tokenizer: Any,
        folder: Path,
    ) -> None:
        self._prompts, self._judge, self._held_out = prompts, judge, held_out
        self._settings, self._max_length, self._tokenizer = settings, max_length, tokenizer
        self.kept = Kept(folder / FILE)
        self._ids, self.n_cut = self._asked()
        self._responder: Responder | None = None

    @property
    def in_a_pass(self) -> int:
        """How many superbatches all prompts make."""
        return -(-len(self._prompts) // self._together)

    @property
    def _together(self) -> int:
        return self._settings.prompt_accumulation_steps or len(self._prompts)

    def __call__(self, model: Any, step: int) -> Superbatch:
        """What the policy learns in a step: the best samples of the next prompts.

        Raises:
            TrainingError: after 32 prompts (or all) no reward told samples apart, or no sample had a text.
            LabelMatrixError: rewards that are not numbers. ConfigError: no memory for so many samples at once.
        """
        from weaklabel.training.superhf.train import Superbatch

        rows, epoch = self._rows(step)
        began = perf_counter()
        drawn = self._drawn(model, rows, epoch)
        samples, n_trimmed = self._trimmed(drawn)
        then = perf_counter()
        draws = self._draws(rows, samples)
        rewards = self._judge.scores(draws) if samples else np.empty(0)
        best = best_of_each(draws, rewards, self._settings.num_kept, self._settings.length_penalty)
        held = self._of_held_out(rows, [[samples[at] for at in some] for some in best])
        seconds = {"sampling": then - began, "scoring": perf_counter() - then}
        choices = [
            Choice(
                prompt=self._prompts[row].text,
                kept=[samples[at].text for at in best[k]],
                kept_rewards=rewards[best[k]].tolist(),
                kept_held_out=held[k],
                rewards=rewards[draws.rows[k]].tolist(),
                n_empty=self._settings.superbatch_size - int(draws.sizes[k]),
                n_trimmed=n_trimmed[k],
            )
            for k, row in enumerate(rows)
        ]
        self.kept.add(step, choices)
        self._check_it_teaches(step)
        examples = [self._example(rows[k], samples[at]) for k, some in enumerate(best) for at in some]
        answered = [choice.prompt for choice in choices for _ in choice.kept]
        return Superbatch(examples, answered, seconds)

    # ------------------------------------------------------------------------------------ sampling
    def _rows(self, step: int) -> tuple[list[int], int]:
        """The prompts of a superbatch, by number, and the pass that it belongs to."""
        epoch, place = divmod(step, self.in_a_pass)
        order = np.random.default_rng([self._settings.seed, epoch]).permutation(len(self._prompts))
        start = place * self._together
        return order[start : start + self._together].tolist(), epoch

    def _drawn(self, model: Any, rows: Sequence[int], epoch: int) -> list[list[Drawn]]:
        from weaklabel.training.decoding import Responder
        from weaklabel.training.layout import unwrapped

        settings, times = self._settings, self._settings.superbatch_size
        asked = [(row, k) for row in rows for k in range(times)]
        keys = [
            content_hash("superhf 1", str(settings.seed), str(epoch), self._prompts[row].told, str(k))
            for row, k in asked
        ]
        if self._responder is None or self._responder.model is not unwrapped(model):
            self._responder = Responder(model, self._tokenizer)
        found = self._responder.drawn(
            [self._ids[row] for row, _ in asked], keys, settings.sampling, batch_size=settings.batch_size
        )
        return [found[start : start + times] for start in range(0, len(found), times)]

    def _trimmed(self, drawn: Sequence[Sequence[Drawn]]) -> tuple[list[Sample], list[int]]:
        """The samples that say something, and how many of each prompt went on with another speaker's turn."""
        samples, n_trimmed = [], [0] * len(drawn)
        for row, some in enumerate(drawn):
            for one in some:
                said = str(self._tokenizer.decode(one.response, skip_special_tokens=True))
                text = said_first(one.reply.text).strip()
                went_on = said.strip() != text
                n_trimmed[row] += went_on
                if text and encodes(text):
                    samples.append(Sample(row, text, None if went_on else one))
        return samples, n_trimmed

    def _draws(self, rows: Sequence[int], samples: Sequence[Sample]) -> Draws:
        of = np.array([sample.row for sample in samples], dtype=np.intp)
        prompts = [self._prompts[row] for row in rows]
        return Draws(
            prompts, (), of, np.arange(len(samples), dtype=np.intp), [sample.text for sample in samples]
        )

    # ------------------------------------------------------------------------------------ choosing
    def _of_held_out(self, rows: Sequence[int], kept: Sequence[Sequence[Sample]]) -> list[list[float]]:
        """Held-out rewards of what was kept; none where the comparer scores nothing alone: a win rate needs companions."""
        flat = [sample for some in kept for sample in some]
        if self._held_out is None or self._held_out.measures == WIN_RATE or not flat:
            return [[] for _ in kept]
        scores = iter(self._held_out.scores(self._draws(rows, flat)).tolist())
        return [[next(scores) for _ in some] for some in kept]

    def _check_it_teaches(self, step: int) -> None:
        seen = self.kept.choices
        if len(seen) < min(_PATIENCE, len(self._prompts)):
            return
        where = f"superbatch {step:,}: "
        if not any(choice.kept for choice in seen):
            raise TrainingError(
                f"{where}all {self._settings.superbatch_size * len(seen):,} samples of the first {len(seen):,} prompts are empty, so there "
                "is nothing to learn. Take a policy that answers: train it by sft first, or look at its chat template."
            )
        if self._settings.superbatch_size > 1 and not any(choice.decided for choice in seen):
            raise TrainingError(
                f"{where}for none of the first {len(seen):,} prompts do the rewards tell its samples apart, so that no step teaches what is "
                f"better. Take a comparer that does, or raise superbatch_size (now {self._settings.superbatch_size})."
            )

    # ------------------------------------------------------------------------------------ token ids
    def _asked(self) -> tuple[list[list[int]], int]:
        """Token ids of the prompts, with room for an answer, and how many had to be cut."""
        from weaklabel.training.tokens import SHORTEST, tokenize_groups

        room = self._max_length - self._settings.max_new_tokens
        if room < SHORTEST:
            raise ConfigError(
                f"superhf: max_new_tokens is {self._settings.max_new_tokens} of max_length {self._max_length}, which leaves "
                f"{max(room, 0)} tokens for a prompt. Allowed: so many that {SHORTEST} are left."
            )
        groups = [Group(one.text, (".",), (), _messages(one)) for one in self._prompts]
        made = tokenize_groups(groups, self._tokenizer, max_length=room, kind="decoder")
        return [group.prompt for group in made.groups], made.truncated.prompts

    def _example(self, row: int, sample: Sample) -> TokenExample:
        """The tokens that were drawn; of a text that was trimmed its own, with the end that it should have had."""
        from weaklabel.training.sft import TokenExample
        from weaklabel.training.tokens import tokenize_groups

        if sample.drawn is not None:
            return TokenExample(sample.drawn.prompt, sample.drawn.response)
        prompt = self._prompts[row]
        groups = [Group(prompt.text, (sample.text,), (), _messages(prompt))]
        made = tokenize_groups(groups, self._tokenizer, max_length=self._max_length, kind="decoder")
        return TokenExample(self._ids[row], made.groups[0].responses[0])


def best_of_each(draws: Draws, rewards: FloatArray, n: int, length_penalty: float) -> list[list[int]]:
    """Where the `n` best samples of each prompt stand in the columns, the best first, of equal ones the first drawn.

    Args:
        draws: the samples; m of them.
        rewards: `(m,)`.
        n: how many, or all that there are.
        length_penalty: times the logarithm of the number of characters, taken off each reward.
    """
    lengths = np.array([len(text) for text in draws.texts], dtype=np.float64)
    values = rewards - length_penalty * np.log(lengths)
    return [rows[np.argsort(-values[rows], kind="stable")[:n]].tolist() for rows in draws.rows]


def _messages(prompt: Prompt) -> tuple[Any, ...]:
    return prompt.messages if prompt.given else ()
