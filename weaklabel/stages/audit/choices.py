"""Multiple choice: which answer a policy finds likeliest, how often that is right, and whether it knows how often.

The probability of a choice is that of its text after the question, over those of all choices together: the softmax of their
log-probabilities, or of these per token. The end of the answer is not counted. A question is read as training reads a prompt.

Source: Guo et al. (2017), eq. 3, for the ECE of the chosen answer's probability.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from weaklabel.artifacts import content_hash
from weaklabel.data.asked.choices import Choice
from weaklabel.errors import DataError
from weaklabel.groups import Group
from weaklabel.metrics import (
    Interval,
    bootstrap,
    bootstrap_ratio,
    choice_ece_metric,
    choice_ece_when_perfect,
)
from weaklabel.stages.audit.asked import share
from weaklabel.types import FloatArray


def some_choices(choices: Sequence[Choice], n: int, seed: int) -> tuple[Choice, ...]:
    """At most `n` of the questions, in an order that does not depend on the order given."""
    return tuple(sorted(choices, key=lambda each: content_hash("audit 1", str(seed), repr(each)))[:n])


def choice_logps(
    model: Any, tokenizer: Any, choices: Sequence[Choice], *, length_normalized: bool
) -> list[FloatArray]:
    """Of each question the log-probability of every choice in nats, `(n_choices,)`; per token where `length_normalized`.

    Raises:
        DataError: a question that the model's context has no room for.
    """
    from weaklabel.training.logps import response_logps
    from weaklabel.training.models.loading import context_length
    from weaklabel.training.sft import TokenExample
    from weaklabel.training.tokens import tokenize_groups

    groups = [Group(each.question, each.choices, ()) for each in choices]
    length = context_length(model, tokenizer)
    told = tokenize_groups(groups, tokenizer, max_length=length, kind="decoder")
    if cut := max(told.truncated.prompts, told.truncated.responses):
        raise DataError(
            f"audit: {cut:,} of {len(choices):,} multiple-choice questions are longer than the {length:,} tokens that the model reads. "
            "Leave them out."
        )
    # Every response ends in the end token, which says nothing of which answer is right.
    examples = [
        TokenExample(group.prompt, response[:-1]) for group in told.groups for response in group.responses
    ]
    parts = response_logps(model, examples, pad_id=tokenizer.pad_token_id)
    found = np.array([part.mean() if length_normalized else part.sum() for part in parts])
    return np.split(found, np.cumsum([len(each.choices) for each in choices])[:-1])


def choice_figures(
    choices: Sequence[Choice], logps: Sequence[FloatArray], seed: int
) -> Iterator[tuple[str, Interval]]:
    """`choices/accuracy`, `choices/ece`, `choices/ece_when_perfect` and `choices/nll`, over questions.

    Args:
        choices: `n` questions.
        logps: of each `(n_choices,)`, as `choice_logps` gives them.
        seed: of the intervals.
    """
    p = [_softmax(each) for each in logps]
    said = np.array([each.max() for each in p])
    right = [bool(each.argmax() == one.answer) for each, one in zip(p, choices, strict=True)]
    nll = [-np.log(max(each[one.answer], 1e-300)) for each, one in zip(p, choices, strict=True)]
    yield "choices/accuracy", share(right, seed)
    yield "choices/ece", bootstrap(choice_ece_metric(), said, np.array(right, dtype=np.float64), seed=seed)
    yield "choices/ece_when_perfect", choice_ece_when_perfect(said, seed=seed)
    yield "choices/nll", bootstrap_ratio(nll, seed=seed)


def _softmax(logps: FloatArray) -> FloatArray:
    found = np.exp(logps - logps.max())
    return np.asarray(found / found.sum(), dtype=np.float64)
