"""Pairs to train an evaluator on, built from demonstrations: checkpoints of a small model in training answer the prompts.

    demonstrations --> train_sft, and at every checkpoint: answers to all prompts --> right and wrong by a checker --> pairs

A model that is just learning makes the mistakes that an evaluator has to know, and its early checkpoints make the most
different ones. Which pairs are made is the rule of `emitted`.

Source: Ye, Laidlaw & Steinhardt (2025, arXiv 2501.07886), as their released code has it: a checkpoint every tenth of the
steps, answers at temperature 0.6. White space at the ends of answers is left off, which an evaluator could tell references
by.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
import pyarrow as pa

from weaklabel._shown import Shown
from weaklabel._validation import check_least
from weaklabel.artifacts import content_hash, read_json, write_json
from weaklabel.comparers.checker import RIGHT, Checker
from weaklabel.data.asked.prompts import Prompt
from weaklabel.errors import ConfigError, DataError
from weaklabel.generation.responders import MemorySource, answers_of
from weaklabel.stages.policy import Policy, PolicySettings
from weaklabel.training.sampling import Sampling
from weaklabel.training.settings import TrainingSettings, checked
from weaklabel.types import CANONICAL, Pairs
from weaklabel.types.demonstration import Demonstration

REFERENCE_OVER_RIGHT: Final = "reference over right"
RIGHT_OVER_WRONG: Final = "right over wrong"
REFERENCE_OVER_WRONG: Final = "reference over wrong"

COLUMNS: Final = pa.schema(
    [
        *CANONICAL,
        pa.field("step_a", pa.int64()),
        pa.field("step_b", pa.int64()),
        pa.field("made_as", pa.string()),
    ]
)


@checked
@dataclass(frozen=True, kw_only=True)
class AnsweringSettings(PolicySettings):
    """Settings of the small model whose checkpoints answer, and of its training.

    Attributes:
        num_train_epochs, save_steps: of its training: 2 epochs, and a checkpoint, which answers, every tenth of the steps.
        temperature, max_new_tokens: of its answers, 0.6 and 256.
        batch_size: answers at once.

    Raises:
        ConfigError: as for every policy, and for a number out of range.
    """

    num_train_epochs: float = 2.0
    save_steps: float | None = 0.1
    temperature: float = 0.6
    max_new_tokens: int = 256
    batch_size: int = 16
    audit: bool | Mapping[str, Any] = False

    OWNER: ClassVar[str] = "answers"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_least("batch_size", self.batch_size, 1)
        unused = ("audit", "data", "eval_data", "columns")
        if given := next((name for name in unused if getattr(self, name)), None):
            raise ConfigError(
                f"answers: {given} is set, which the model that answers has no use for. Leave {given} out."
            )
        _ = self.sampling

    @property
    def sampling(self) -> Sampling:
        """How its answers are drawn."""
        return Sampling(max_new_tokens=self.max_new_tokens, temperature=self.temperature, seed=self.seed)


@dataclass(frozen=True, repr=False)
class BuiltPairs(Shown):
    """What `build_pairs` made.

    Attributes:
        pairs: with gold, part dev; `step_a` and `step_b` say which checkpoint answered (null for a reference), `made_as` by
            which part of the rule.
        checkpoints: (step, right answers, usable answers) of each, in order.
        counts: `prompts` that were asked, `repeated` demonstrations of one prompt, `wrong references` by the checker, answers
            that were `unusable` (empty, or no room for them), `identical` pairs, prompts `without pairs`.
    """

    pairs: Pairs
    checkpoints: tuple[tuple[int, int, int], ...]
    counts: Mapping[str, int]

    def __str__(self) -> str:
        asked = ", ".join(f"step {step}: {right} of {n}" for step, right, n in self.checkpoints)
        told = ", ".join(f"{count:,} {name}" for name, count in self.counts.items())
        return f"{len(self.pairs):,} pairs; {told}\nright answers: {asked}"


@dataclass(frozen=True, slots=True)
class _Answer:
    """An answer and the step of the checkpoint that gave it; None for the reference."""

    text: str
    step: int | None


def build_pairs(
    demonstrations: Sequence[Demonstration], checker: Checker, *, settings: AnsweringSettings, folder: Path
) -> BuiltPairs:
    """Train a small model on demonstrations, have its checkpoints answer the prompts, and make pairs of the answers.

    Called again after a kill, it goes on, and ends with the same pairs. Which pairs a prompt gives rests on the answers to
    it and the seed, not on other prompts.

    Args:
        demonstrations: prompts with reference answers; of several of one prompt the first is the reference.
        checker: says which answers are right: its score is above 0.5.
        settings: of the model that answers.
        folder: this run's own.

    Raises:
        DataError: no demonstration, or no pair could be made of any prompt.
        ConfigError: settings that do not fit the model. TrainingError: no memory, or a loss that is not a number.
        ArtifactError: the folder of another run, or a full disk.
    """
    texts = [text for row in demonstrations for text in (row.prompt, row.completion)]
    policy = Policy(settings, texts)
    model, tokenizer = policy.load()
    from weaklabel.training.runs.checkpoints import (
        claim,
    )  # behind `load`, which says so where torch is missing
    from weaklabel.training.sft import train_sft

    rows = [row for row in demonstrations if row.completion.strip()]
    first: dict[str, tuple[Prompt, str]] = {}
    for row in rows:
        prompt = Prompt.of(row.prompt, row.messages)
        first.setdefault(content_hash(prompt.text, prompt.told), (prompt, row.completion.strip()))
    asked, references = [prompt for prompt, _ in first.values()], [text for _, text in first.values()]
    claim(folder, _made_of(asked, settings), writes=True)
    training, _ = policy.fitting(model, tokenizer, TrainingSettings)
    look = _Asking(tokenizer, asked, settings, folder)
    done = train_sft(
        model, tokenizer, demonstrations, settings=training, folder=folder / "training", watch=look
    )
    counts = Counter({"prompts": len(asked), "repeated": len(rows) - len(asked)})
    counts["wrong references"] = int((checker.score([p.text for p in asked], references) <= RIGHT).sum())
    right: list[list[_Answer]] = [[] for _ in asked]
    wrong: list[list[_Answer]] = [[] for _ in asked]
    checkpoints = []
    for step in look.steps(done.steps):
        found = look.answers(step)
        usable = [i for i, text in enumerate(found) if text is not None]
        counts["unusable"] += len(found) - len(usable)
        scores = checker.score([asked[i].text for i in usable], [str(found[i]) for i in usable])
        for i, score in zip(usable, scores, strict=True):
            (right if score > RIGHT else wrong)[i].append(_Answer(str(found[i]), step))
        checkpoints.append((step, int((scores > RIGHT).sum()), len(usable)))
    table = []
    for i, prompt in enumerate(asked):
        draw = np.random.default_rng(_number("pairs 1", str(settings.seed), prompt.told))
        made = emitted(_Answer(references[i], None), right[i], wrong[i], draw)
        kept = [(better, worse, how) for better, worse, how in made if better.text != worse.text]
        counts["identical"] += len(made) - len(kept)
        counts["without pairs"] += not kept
        table += [_row(prompt, *pair, settings.seed) for pair in kept]
    if not table:
        raise DataError(
            f"no pair could be made of {len(asked):,} prompts: {counts['unusable']:,} answers were empty, and "
            f"{counts['identical']:,} pairs identical. Train the model that answers longer, or raise max_new_tokens."
        )
    return BuiltPairs(Pairs(pa.Table.from_pylist(table, schema=COLUMNS)), tuple(checkpoints), dict(counts))


def emitted(
    reference: _Answer, right: Sequence[_Answer], wrong: Sequence[_Answer], draw: np.random.Generator
) -> list[tuple[_Answer, _Answer, str]]:
    """The pairs (better, worse, made as) of one prompt, by the rule of the paper's code.

    With a right answer: the reference over one of those; and where there is a wrong one too, one of the right answers and
    the reference over one of the wrong. With wrong answers alone: the reference over one of them. Of a list of n, the i-th
    is drawn with weight 2^(n-1-i), which is one more than all that come after it have together. Early checkpoints stand
    first.
    """
    if right:
        made = [(reference, _early(right, draw), REFERENCE_OVER_RIGHT)]
        if wrong:
            made.append((_early([*right, reference], draw), _early(wrong, draw), RIGHT_OVER_WRONG))
        return made
    return [(reference, _early(wrong, draw), REFERENCE_OVER_WRONG)] if wrong else []


def _early(answers: Sequence[_Answer], draw: np.random.Generator) -> _Answer:
    weights = 0.5 ** np.arange(len(answers))
    return answers[int(draw.choice(len(answers), p=weights / weights.sum()))]


class _Asking:
    """Asks the model at every checkpoint, and keeps its answers: a file per step, whole or not there."""

    def __init__(
        self, tokenizer: Any, asked: Sequence[Prompt], settings: AnsweringSettings, folder: Path
    ) -> None:
        self.tokenizer, self.asked, self.settings, self.folder = tokenizer, asked, settings, folder

    def __call__(self, model: Any, step: int) -> None:
        from weaklabel.training.decoding import Responder

        if step == 0 or self._file(step).exists():
            return  # it has learned nothing yet, or was asked before a kill
        responder = Responder(model, self.tokenizer, name=f"step-{step}")
        source = MemorySource(responder, self.settings.sampling, self.settings.batch_size)
        # The step is the number of the response: each checkpoint draws anew.
        replies = answers_of(source, [(prompt, step) for prompt in self.asked], self.folder / "replies")
        write_json(self._file(step), [None if r is None else r.text.strip() or None for r in replies])

    def steps(self, last: int) -> list[int]:
        """The steps whose answers are there, in order."""
        found = (
            int(path.stem.removeprefix("step-")) for path in (self.folder / "answers").glob("step-*.json")
        )
        return sorted(step for step in found if step <= last)

    def answers(self, step: int) -> list[str | None]:
        """Per prompt its answer; None where it was empty or had no room."""
        return list(read_json(self._file(step)))

    def _file(self, step: int) -> Path:
        return self.folder / "answers" / f"step-{step}.json"


def _made_of(asked: Sequence[Prompt], settings: AnsweringSettings) -> dict[str, Any]:
    """What the folder is claimed with; the training in it is claimed with the rest."""
    return {
        "inputs": {"prompts": content_hash(*(prompt.told for prompt in asked))},
        "settings": settings.sampling.in_force | {"batch_size": settings.batch_size},
    }


def _row(prompt: Prompt, better: _Answer, worse: _Answer, how: str, seed: int) -> dict[str, Any]:
    key = content_hash(prompt.text, prompt.told, better.text, worse.text, how)
    # A coin that the texts decide: which stands first says nothing of which is better.
    swapped = _number("order", str(seed), key) % 2 == 1
    a, b = (worse, better) if swapped else (better, worse)
    return {
        "id": f"built-{key[:16]}",
        "prompt": prompt.text,
        "response_a": a.text,
        "response_b": b.text,
        "messages": [dict(turn) for turn in prompt.messages] if prompt.given else None,
        "gold": "b" if swapped else "a",
        "part": "dev",
        "source": "built",
        "swapped": swapped,
        "step_a": a.step,
        "step_b": b.step,
        "made_as": how,
    }


def _number(*parts: str) -> int:
    return int(content_hash(*parts)[:16], 16)
