"""The fixed prompts of an audit, what a policy answers to them, and what the answers alone show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from weaklabel.artifacts import content_hash, json_line, parse_json
from weaklabel.data.asked.prompts import Prompt
from weaklabel.errors import ArtifactError, DataError
from weaklabel.metrics import Interval, bootstrap_ratio
from weaklabel.metrics.shares import share_intervals
from weaklabel.text.meteor import sameness
from weaklabel.types import FloatArray
from weaklabel.types.demonstration import Demonstration
from weaklabel.types.messages import Message, conversation

Asking = str | Prompt | Demonstration
"""A prompt: its text, with its conversation, or the one of a demonstration, whose response is not looked at."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A prompt that is answered at every look. Its key decides the random numbers of its answers, and its place."""

    key: str
    prompt: Prompt

    @property
    def messages(self) -> tuple[Message, ...]:
        """Its conversation, empty where a text alone was given."""
        return self.prompt.messages if self.prompt.given else ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What a policy answered.

    Attributes:
        key: of the prompt.
        text: of the answer.
        tokens: that were drawn, the end token included.
        ended: whether it ended by itself: by an end token, or by beginning to speak for the other side.
        logp, reference_logp: of all drawn tokens together, in nats; None where they were not read.
    """

    key: str
    text: str
    tokens: int
    ended: bool
    logp: float | None = None
    reference_logp: float | None = None


def asked_of(prompts: Sequence[Asking], n: int, seed: int) -> tuple[Asked, ...]:
    """At most `n` distinct prompts in an order of their own: which, and in which order, does not depend on the order given.

    Raises:
        DataError: fewer than two, or something else than prompts.
    """
    found = {}
    for number, each in enumerate(prompts, 1):
        prompt = _prompt(each, number)
        key = content_hash("audit 1", str(seed), prompt.told)
        found[key] = Asked(key, prompt)
    if len(found) < 2:
        raise DataError(
            f"the audit got {len(found)} distinct prompts. Give two or more, held out of training; some 32 are enough."
        )
    return tuple(found[key] for key in sorted(found)[:n])


def _prompt(given: Any, number: int) -> Prompt:
    if isinstance(given, Prompt):
        return given
    messages = given.messages if isinstance(given, Demonstration) else ()
    text = given.prompt if isinstance(given, Demonstration) else given
    if not isinstance(text, str) or not text.strip():
        raise DataError(
            f"audit, prompt {number} is {str(given)[:40]!r}. Give a text that is not empty, or a Prompt."
        )
    return Prompt(text, conversation(text, messages), given=bool(messages))


def samples_text(answers: Sequence[Answer], asked: Sequence[Asked]) -> str:
    """The file of a look's samples: a line per prompt."""
    prompts = {each.key: each.prompt.text for each in asked}
    return "".join(
        json_line(
            {
                "key": each.key,
                "prompt": prompts[each.key],
                "answer": each.text,
                "tokens": each.tokens,
                "ended": each.ended,
                "logp": _digits(each.logp),
                "reference_logp": _digits(each.reference_logp),
            }
        )
        for each in answers
    )


def read_samples(text: str, where: str) -> tuple[Answer, ...]:
    """The answers that `samples_text` wrote.

    Raises:
        ArtifactError: other lines.
    """
    names = ("key", "answer", "tokens", "ended", "logp", "reference_logp")
    try:
        return tuple(Answer(*(told[name] for name in names)) for told in map(parse_json, text.splitlines()))
    except (KeyError, TypeError, ValueError):
        raise ArtifactError(
            f"{where} is not as an audit writes it. Remove the folder of the audit, and run it again."
        ) from None


def answer_figures(
    answers: Sequence[Answer], first: Sequence[Answer], seed: int
) -> Iterator[tuple[str, Interval]]:
    """Length in tokens and its ratio to the first look's; shares of answers that ended, are empty, are distinct; sameness."""
    tokens, before = _tokens(answers), _tokens(first)
    yield "length", bootstrap_ratio(tokens, seed=seed)
    yield "length_ratio", bootstrap_ratio(tokens, before, seed=seed)
    yield "ended", share([each.ended for each in answers], seed)
    yield "empty", share([not each.text.strip() for each in answers], seed)
    texts = [each.text for each in answers]
    distinct = len({" ".join(text.split()) for text in texts}) / len(texts)
    # A resample repeats prompts, so it says nothing of how many answers are distinct.
    yield "distinct", Interval(distinct, float("-inf"), float("inf"), len(texts))
    yield "sameness", sameness(texts, [each.key for each in answers], seed=seed)


def _tokens(answers: Sequence[Answer]) -> FloatArray:
    return np.array([each.tokens for each in answers], dtype=np.float64)


def share(held: Sequence[bool], seed: int) -> Interval:
    """The share of rows that hold something, with the exact bound where all do or none does."""
    n = len(held)
    return share_intervals(
        np.array(held, dtype=np.float64),
        np.ones((n, 1), dtype=np.bool_),
        np.arange(n),
        n_draws=1000,
        seed=seed,
        level=0.95,
    )[0]


def _digits(value: float | None) -> float | None:
    """In the last digits a run that went on after a kill may differ."""
    return None if value is None else float(f"{value:.6g}")
