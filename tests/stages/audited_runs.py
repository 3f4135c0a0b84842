"""Small policies that really train and are watched: a healthy run, and runs made to fail in one way each.

The base answers with four to nine words, drawn at random. A run goes on from it with demonstrations of its own kind.
What needs torch is imported where it is used: without torch this file is read all the same.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

from weaklabel.lf import response_scorer
from weaklabel.stages.audit import Audit, Auditor, AuditSettings
from weaklabel.training.settings import TrainingSettings
from weaklabel.types import Comparer, FloatArray, Pair, Pairs
from weaklabel.types.demonstration import Demonstration

_TEXT: Final = (
    "amber basin cedar delta ember fjord glade heath inlet jetty knoll ledge marsh north ocean pearl quill ridge shore "
    "tidal umber valley willow yonder zephyr acorn birch cliff dune elm fern grove hazel iris juniper kelp lichen moss "
    "nettle oak pine quartz reed sage thorn upland vine wharf"
)
WORDS: Final = _TEXT.split()
GOOD: Final = WORDS[:24]
BAD: Final = WORDS[24:]

Draw = random.Random
Answer = Callable[[Draw], str]


def answer(draw: Draw, of: list[str] = WORDS, low: int = 4, high: int = 9) -> str:
    return " ".join(draw.choices(of, k=draw.randint(low, high)))


def better(draw: Draw) -> str:
    """Somewhat more of the good words than the base says."""
    return answer(draw, GOOD * 2 + BAD)


def demonstrations(n: int, seed: int, made: Answer = answer, *, of: str = "learn") -> list[Demonstration]:
    """Prompts of their own per `of`."""
    draw = random.Random(f"{seed} {of}")
    prompts = [f"{of} {k} {draw.choice(WORDS)} and {draw.choice(WORDS)}" for k in range(n)]
    return [Demonstration(prompt, made(draw)) for prompt in prompts]


def gold_pairs(n: int, seed: int) -> Pairs:
    """Held-out pairs: good words were chosen, bad ones rejected."""
    draw = random.Random(f"{seed} gold")
    rows = [
        Pair(str(k), f"ask {k} {draw.choice(WORDS)}", answer(draw, GOOD), answer(draw, BAD)) for k in range(n)
    ]
    made = Pairs.of(rows)
    gold = made.table.schema.get_field_index("gold")
    field_of = made.table.schema.field(gold)
    return Pairs(made.table.set_column(gold, field_of, [["a"] * n]))


def _count(text: str, of: list[str]) -> int:
    return sum(word in of for word in text.split())


@response_scorer(prefer="more")
def good_words(response: str) -> float:
    """The share of good words."""
    return _count(response, GOOD) / max(1, len(response.split()))


@response_scorer(prefer="less")
def brief(response: str) -> int:
    """The fewer words the better."""
    return len(response.split())


class Scored(Comparer):
    """Compares by a score of one response."""

    def __init__(self, score: Callable[[str], float]) -> None:
        self.score = score

    def compare(self, pairs: Pairs) -> FloatArray:
        a, b = (pairs.table[name].to_pylist() for name in ("response_a", "response_b"))
        gaps = np.array([self.score(y) - self.score(x) for x, y in zip(a, b, strict=True)])
        return np.asarray(1 / (1 + np.exp(-gaps)), dtype=np.float64)


def settings(**more: Any) -> TrainingSettings:
    given = {
        "groups_per_batch": 16,
        "learning_rate": 1e-3,
        "lr_scheduler_type": "constant",
        "max_length": 128,
        "max_steps": 30,
        "save_steps": 15,
    }
    return TrainingSettings(**given | more)


@cache
def _base(folder: Path) -> tuple[Any, Any]:
    from weaklabel.training.models.scratch import language_model_from_scratch
    from weaklabel.training.sft import train_sft

    given = [*demonstrations(320, 0), *demonstrations(320, 0, of="ask")]
    texts = [text for d in given for text in (d.prompt, d.completion)]
    model, tokenizer = language_model_from_scratch("tiny", texts)
    chosen = settings(learning_rate=3e-3, lr_scheduler_type="linear", max_steps=160, save_steps=160)
    train_sft(model, tokenizer, given, settings=chosen, folder=folder)
    return model, tokenizer


def base(folder: Path) -> tuple[Any, Any]:
    """A policy that answers as demonstrations do, and its tokenizer; trained once per process."""
    model, tokenizer = _base(folder)
    fresh = type(model)(model.config)
    fresh.load_state_dict(model.state_dict())
    return fresh, tokenizer


@dataclass(frozen=True)
class Run:
    """How a run goes: what it learns from, and how; and whether the end token's string in a response is read as it.

    A tokenizer that does so teaches to say nothing. Ours reads text, so for this run it is put back.
    """

    made: Answer
    training: Mapping[str, Any] = field(default_factory=dict)
    reads_control_tokens: bool = False


RUNS: Final[Mapping[str, Run]] = {
    "healthy": Run(better),
    "length": Run(lambda draw: answer(draw, low=15, high=45), {"learning_rate": 2e-3}),
    "no_end": Run(lambda draw: answer(draw, low=30, high=40), {"max_length": 36, "learning_rate": 2e-3}),
    "collapse": Run(lambda draw: "oak moss pine upland wharf", {"learning_rate": 3e-3}),
    "falling_logps": Run(lambda draw: answer(draw, BAD), {"learning_rate": 2e-3}),
    "empty": Run(
        lambda draw: "<end>" if draw.random() < 0.7 else answer(draw), {"learning_rate": 2e-3}, True
    ),
}


def audited(name: str, seed: int, base_folder: Path, folder: Path, **more: Any) -> Audit:
    """Train a run of `RUNS` from the base, and what its audit found."""
    from weaklabel.training.sft import train_sft

    run = RUNS[name]
    model, tokenizer = base(base_folder)
    auditor = auditor_of(tokenizer, seed, folder / "audit", **more)
    given = demonstrations(200, seed, run.made)
    chosen = settings(seed=seed, **run.training)
    with pytest.MonkeyPatch.context() as patch:
        if run.reads_control_tokens:
            patch.setattr("weaklabel.training.tokens.text_ids", _with_control_tokens)
        train_sft(model, tokenizer, given, settings=chosen, folder=folder / "run", watch=auditor.watch)
    return auditor.finish()


def _with_control_tokens(tokenizer: Any, texts: Sequence[str]) -> list[list[int]]:
    ids: list[list[int]] = tokenizer(list(texts), add_special_tokens=False, verbose=False)["input_ids"]
    return ids


def auditor_of(tokenizer: Any, seed: int, folder: Path, **more: Any) -> Auditor:
    """Prompts and pairs of the seed, two functions, a comparer that likes length as the one that trains."""
    return Auditor(
        demonstrations(32, seed, of="ask"),
        tokenizer,
        folder,
        lfs=[good_words, brief],
        training_comparer=Scored(lambda text: len(text.split()) / 3 + 4 * good_words.score(text)),
        held_out_comparer=Scored(lambda text: 4 * good_words.score(text)),
        pairs=gold_pairs(40, seed),
        settings=more.pop("settings", AuditSettings(seed=seed, max_new_tokens=48)),
        **more,
    )
