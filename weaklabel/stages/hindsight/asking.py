"""A policy that learned chains is asked: for a good answer, and again for a better one than its last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from weaklabel._validation import check_least
from weaklabel.artifacts import content_hash
from weaklabel.metrics import Interval, bootstrap_ratio
from weaklabel.stages.hindsight.chaining import asking
from weaklabel.stages.hindsight.templates import Template
from weaklabel.text.meteor import meteor
from weaklabel.training.sampling import Sampling

if TYPE_CHECKING:
    from weaklabel.training.chains.tokens import Part
    from weaklabel.training.decoding import Responder


def answers(
    responder: Responder,
    template: Template,
    prompts: Sequence[str],
    *,
    feedback: str | None = None,
    sampling: Sampling | None = None,
    batch_size: int = 16,
) -> list[str]:
    """One answer to each prompt, asked with words of feedback.

    Args:
        responder: of a policy that was trained with the template.
        feedback: the words; None takes the first that mean good.
        sampling: how answers are drawn; by default the likeliest token each time.
        batch_size: answers at once.

    Raises:
        ConfigError: a prompt that leaves no room for an answer.
    """
    words = template.good[0] if feedback is None else feedback
    return _drawn(
        responder, [[asking(template, prompt, words)] for prompt in prompts], prompts, sampling, batch_size
    )


def refine(
    responder: Responder,
    template: Template,
    prompts: Sequence[str],
    *,
    rounds: int = 2,
    first: str | None = None,
    words: tuple[str, str] | None = None,
    sampling: Sampling | None = None,
    batch_size: int = 16,
) -> list[list[str]]:
    """Answers that are asked for again: each round shows the last answer as a bad one, and asks for a good one.

    Args:
        rounds: answers to each prompt, the first one included.
        first: the words that the first answer is asked with; None takes those that mean good.
        words: that mean bad and good; None takes the template's first ones.
        responder, template, prompts, sampling, batch_size: as for `answers`.

    Returns:
        `rounds` answers per prompt, the last one the one to use.

    Raises:
        ConfigError: no round, or a prompt that leaves no room for an answer.
    """
    check_least("rounds", rounds, 1)
    said = (template.bad[0], template.good[0]) if words is None else words
    asked = said[1] if first is None else first
    more: dict[str, Any] = {"sampling": sampling, "batch_size": batch_size}
    found = [[text] for text in answers(responder, template, prompts, feedback=asked, **more)]
    for _ in range(rounds - 1):
        shown = [
            behind(template, prompt, before[-1], said) for prompt, before in zip(prompts, found, strict=True)
        ]
        for before, text in zip(found, _drawn(responder, shown, prompts, sampling, batch_size), strict=True):
            before.append(text)
    return found


def refined_length(template: Template, prompt: str, tokenizer: Any, words: tuple[str, str]) -> int:
    """Tokens of what two rounds of `refine` show, without the answers."""
    from weaklabel.training.chains.tokens import asking_ids

    return len(asking_ids(behind(template, prompt, "", words), tokenizer))


def copying(
    first: Sequence[str], second: Sequence[str], alone: Sequence[str], seed: int
) -> dict[str, Interval]:
    """How like the second outputs are to the first ones, both (n,) texts, beside answers that were given without a first one.

    Returns:
        `copying` and `copying alone`: mean METEOR with the first output. `copied`: the share that equals it.
    """
    pairs = list(zip(first, second, strict=True))
    found = {
        "copying": [meteor(after, before) for before, after in pairs],
        "copying alone": [meteor(other, before) for before, other in zip(first, alone, strict=True)],
        "copied": [float(before.strip() == after.strip()) for before, after in pairs],
    }
    return {name: bootstrap_ratio(values, seed=seed) for name, values in found.items()}


def behind(template: Template, prompt: str, shown: str, words: tuple[str, str]) -> list[Part]:
    """An answer that is shown with the first words, and one that is asked for with the second."""
    bad, good = words
    return [
        replace(asking(template, prompt, bad), output=shown),
        asking(template, prompt, good, later=True),
    ]


def _drawn(
    responder: Responder,
    parts: Sequence[Sequence[Part]],
    prompts: Sequence[str],
    sampling: Sampling | None,
    batch_size: int,
) -> list[str]:
    from weaklabel.training.chains.tokens import asking_ids

    chosen = Sampling(temperature=0) if sampling is None else sampling
    ids = [asking_ids(each, responder.tokenizer) for each in parts]
    keys = [
        content_hash("hindsight", str(chosen.seed), str(len(each)), prompt)
        for each, prompt in zip(parts, prompts, strict=True)
    ]
    return [each.reply.text for each in responder.drawn(ids, keys, chosen, batch_size=batch_size)]
