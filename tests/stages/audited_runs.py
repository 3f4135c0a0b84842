"""Small policies that really train: a healthy run, and runs made to fail in one way each, for the tests of the audit."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from weaklabel.training.models.scratch import language_model_from_scratch
from weaklabel.training.settings import TrainingSettings
from weaklabel.training.sft import train_sft
from weaklabel.types.demonstration import Demonstration

WORDS = [
    "amber",
    "basin",
    "cedar",
    "delta",
    "ember",
    "fjord",
    "glade",
    "heath",
    "inlet",
    "jetty",
    "knoll",
    "ledge",
    "marsh",
    "north",
    "ocean",
    "pearl",
    "quill",
    "ridge",
    "shore",
    "tidal",
    "umber",
    "valley",
    "willow",
    "yonder",
    "zephyr",
    "acorn",
    "birch",
    "cliff",
    "dune",
    "elm",
    "fern",
    "grove",
    "hazel",
    "iris",
    "juniper",
    "kelp",
    "lichen",
    "moss",
    "nettle",
    "oak",
    "pine",
    "quartz",
    "reed",
    "sage",
    "thorn",
    "upland",
    "vine",
    "wharf",
    "yew",
    "copse",
]


def demonstrations(
    n: int, seed: int, answer: Callable[[random.Random], str] | None = None, *, of: str = "learn"
) -> list[Demonstration]:
    """Prompts of their own per `of`, with answers of four to nine words."""
    draw = random.Random(f"{seed} {of}")
    made = []
    for k in range(n):
        prompt = f"{of} {k} {draw.choice(WORDS)} and {draw.choice(WORDS)}"
        text = answer(draw) if answer else words(draw, draw.randint(4, 9))
        made.append(Demonstration(prompt, text))
    return made


def words(draw: random.Random, n: int) -> str:
    return " ".join(draw.choice(WORDS) for _ in range(n))


def settings(**more: Any) -> TrainingSettings:
    given = {
        "groups_per_batch": 16,
        "learning_rate": 3e-3,
        "lr_scheduler_type": "constant",
        "max_length": 128,
        "logging_steps": 100,
    }
    return TrainingSettings(**given | more)


@cache
def _base(folder: Path) -> tuple[Any, Any]:
    given = demonstrations(240, 0)
    model, tokenizer = language_model_from_scratch(
        "tiny", [t for d in given for t in (d.prompt, d.completion)]
    )
    train_sft(model, tokenizer, given, settings=settings(num_train_epochs=6), folder=folder)
    return model, tokenizer


def base(folder: Path) -> tuple[Any, Any]:
    """A policy that answers as the demonstrations do, and its tokenizer; trained once per session."""

    model, tokenizer = _base(folder)
    fresh = type(model)(model.config)
    fresh.load_state_dict(model.state_dict())
    return fresh, tokenizer
