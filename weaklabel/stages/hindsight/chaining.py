"""Ranked lists become chains: of four kinds or as a baseline, with the words that their outputs deserve.

    p    the best alone            np   from the worst to the best
    n    the worst alone           pn   from the best to the worst

Weak labels say how sure they are, so feedback can be as strong as they are sure: quantiles of |p - 1/2| over the comparisons
that are learned divide "slightly" from "much", and below the lower one outputs tie.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Final

import numpy as np

from weaklabel.artifacts import content_hash
from weaklabel.stages.hindsight.ranked import Output, Ranked, belief_gap
from weaklabel.stages.hindsight.templates import Template
from weaklabel.training.chains.tokens import Chain, Part
from weaklabel.types.messages import Message, conversation, spoken

KINDS: Final = ("p", "n", "np", "pn")
ARMS: Final = ("hindsight", "conditional", "chosen", "unlikelihood")
LOSS_ON: Final = ("all", "last", "preferred")


@dataclass(frozen=True)
class Strengths:
    """Where feedback changes its words: distances of a belief from 1/2.

    Attributes:
        least: below, two outputs tie and no chain holds both.
        much: from here on one is "much" better.
    """

    least: float = 0.0
    much: float = 0.0

    @classmethod
    def of(cls, lists: Sequence[Ranked], unclear: float, slight: float) -> Strengths:
        """The thresholds that quantiles of the neighbours of all lists give.

        Args:
            unclear: the share of them that say too little, in [0, 1).
            slight: the share below which the better one is "slightly" better, from `unclear` to 1.
        """
        gaps = [
            belief_gap(after.score - before.score)
            for each in lists
            for before, after in pairwise(each.rising())
        ]
        if not gaps:
            return cls()
        least, much = np.quantile(gaps, [unclear, slight], method="higher")
        return cls(float(least), float(much))

    def word(self, difference: float) -> str:
        """ "slightly" or "much", for a log-odds."""
        return "much" if belief_gap(difference) >= self.much else "slightly"


@dataclass(frozen=True)
class Rules:
    """How lists become chains.

    Attributes:
        template: the words.
        arm: a name in `ARMS`.
        kinds: a name in `KINDS` -> how much its chains count, 0 for none.
        loss_on: which outputs carry loss: all, the last of the chain, or the preferred one alone.
        strengths: of soft feedback; None for words that say good and bad.
        vary: whether each list draws its phrase.
        unlikelihood: how much the worse outputs count in the arm of that name.
        seed: of the phrases.
    """

    template: Template
    arm: str = "hindsight"
    kinds: Mapping[str, float] = field(default_factory=lambda: dict.fromkeys(KINDS, 1.0))
    loss_on: str = "all"
    strengths: Strengths | None = None
    vary: bool = False
    unlikelihood: float = 1.0
    seed: int = 0

    def chains(self, lists: Sequence[Ranked]) -> tuple[list[Chain], int]:
        """The chains of all lists, and how many lists have no two outputs that differ in rank."""
        least = 0.0 if self.strengths is None else self.strengths.least
        made: list[Chain] = []
        tied = 0
        for each in lists:
            rising = each.rising(least)
            if len(rising) < 2:
                tied += 1
            else:
                made += self._of(each, rising)
        return made, tied

    def _of(self, given: Ranked, rising: Sequence[Output]) -> Iterator[Chain]:
        if self.arm in ("chosen", "unlikelihood"):
            yield Chain((_plain(given, rising[-1]),), given.w)
            if self.arm == "unlikelihood" and self.unlikelihood:
                for worse in rising[:-1]:
                    yield Chain((_plain(given, worse),), given.w * self.unlikelihood, unlikely=True)
            return
        told = list(zip(rising, self._feedback(given, rising), strict=True))
        orders = {"p": told[-1:], "n": told[:1], "np": told, "pn": told[::-1]}
        for kind in KINDS if self.arm == "hindsight" else ("p", "n"):
            if weight := self.kinds.get(kind, 0.0):
                yield Chain(tuple(self._parts(given, orders[kind], rising[-1])), given.w * weight)

    def _parts(self, given: Ranked, told: Sequence[tuple[Output, str]], best: Output) -> Iterator[Part]:
        for number, (output, feedback) in enumerate(told):
            last = number == len(told) - 1
            learned = {"all": True, "last": last, "preferred": output is best}[self.loss_on]
            part = asking(self.template, given.prompt, feedback, given.messages, later=number > 0)
            yield replace(part, output=output.text, learned=learned)

    def _feedback(self, given: Ranked, rising: Sequence[Output]) -> list[str]:
        """Words about each output, from the worst to the best."""
        if rising[0].feedback is not None:
            return [str(output.feedback) for output in rising]
        template, n = self.template, len(rising)
        if self.strengths is not None:
            steps = [self.strengths.word(after.score - before.score) for before, after in pairwise(rising)]
            words = [f"{steps[0]}_worse", *(f"{step}_better" for step in steps)]
            return [str(getattr(template, word)) for word in words]
        drawn = content_hash("feedback", str(self.seed), given.prompt, *(o.text for o in rising))
        k = int(drawn[:12], 16) % len(template.good) if self.vary else 0
        middle = [template.ranked(n - place, n) for place in range(1, n - 1)]
        return [template.bad[k], *middle, template.good[k]]


def asking(
    template: Template,
    prompt: str,
    feedback: str,
    messages: Sequence[Message] = (),
    *,
    later: bool = False,
) -> Part:
    """A part without output: what a policy is asked for an output that deserves `feedback`."""
    text = template.asked(prompt, feedback, later=later)
    if later:
        return Part(text, "", feedback, messages=(Message(role="user", content=text),))
    *before, last = conversation(prompt, messages)
    own = template.asked(spoken(last), feedback)
    return Part(text, "", feedback, messages=(*before, Message(role="user", content=own)))


def _plain(given: Ranked, output: Output) -> Part:
    return Part(given.prompt, output.text, messages=given.messages)
